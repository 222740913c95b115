// A session's bytes as a `ReadableStream` that moves only while somebody reads.

import type { Block } from '../framing/block.ts'
import { ServerError } from '../errors.ts'
import { fetchChunkBytes, writeBlocksMax, writeBytesMax } from '../limits.ts'
import type { Sink, SinkListener } from '../session/sink.ts'

/**
 * A sink whose bytes are pulled: what nobody reads is held up to `writeBytesMax` and `writeBlocksMax`, then
 * the session lags.
 */
export class StreamSink implements Sink {
  /** The stream to answer with. */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>
  /**
   * The whole request is kept, though only its signal is used. In Node a signal hears nothing more of the one
   * it follows once its request is collected as garbage.
   */
  readonly #request: Request
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined
  #listener: SinkListener | undefined
  #held: Uint8Array[] = []
  #heldBytes = 0
  /** Somebody waits for bytes and there were none. */
  #isPulled = false
  #isBlocked = false
  #isEnding = false
  #isClosed = false

  /** A sink that closes when its request is aborted. */
  constructor(request: Request) {
    this.#request = request
    // No bytes of its own ahead of a reader: the stream's queue would be a second buffer beside ours.
    const strategy = { highWaterMark: 0 }
    this.body = new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => this.#onPull(),
        cancel: () => this.#close(),
      },
      strategy,
    )
  }

  listen(listener: SinkListener): void {
    this.#listener = listener
    const { signal } = this.#request
    if (signal.aborted) this.#onAbort()
    else signal.addEventListener('abort', this.#onAbort)
  }

  get bytesWaiting(): number {
    return this.#heldBytes
  }

  write(block: Block): boolean {
    if (this.#isClosed || this.#isEnding) return false
    this.#held.push(block.bytes)
    this.#heldBytes += block.bytes.length
    if (this.#isPulled) this.#handOver()
    this.#isBlocked = this.#heldBytes > writeBytesMax || this.#held.length > writeBlocksMax
    return !this.#isBlocked
  }

  end(): void {
    this.#isEnding = true
    if (this.#isPulled) this.#finish()
  }

  abort(): void {
    if (this.#isClosed) return
    this.#controller?.error(
      new ServerError(
        'STREAM_CUT',
        'The stream was cut because its reader took nothing for too long. Resume from the last event id.',
      ),
    )
    this.#close()
  }

  #onPull(): void {
    this.#isPulled = true
    if (this.#heldBytes > 0) this.#handOver()
    // The rest of a large block is this reader's until the last of it has left.
    if (this.#heldBytes > 0) return
    if (this.#isEnding) this.#finish()
    if (!this.#isBlocked) return
    this.#isBlocked = false
    this.#listener?.drained()
  }

  /**
   * Gives the reader what is held as one chunk, up to `fetchChunkBytes`. A copy, because the block is shared
   * with other sessions. A reader may do anything with it: move its memory to another thread, for one.
   */
  #handOver(): void {
    const chunk = this.#heldBytes <= fetchChunkBytes ? this.#takeAll() : this.#takeSlice()
    // Before `enqueue`, which may pull again at once.
    this.#isPulled = false
    this.#controller?.enqueue(chunk)
  }

  #takeAll(): Uint8Array<ArrayBuffer> {
    const chunk = new Uint8Array(this.#heldBytes)
    let offset = 0
    for (const bytes of this.#held) {
      chunk.set(bytes, offset)
      offset += bytes.length
    }
    this.#held = []
    this.#heldBytes = 0
    return chunk
  }

  #takeSlice(): Uint8Array<ArrayBuffer> {
    const chunk = new Uint8Array(fetchChunkBytes)
    let offset = 0
    let taken = 0
    for (const bytes of this.#held) {
      if (offset === chunk.length) break
      const part = bytes.subarray(0, chunk.length - offset)
      chunk.set(part, offset)
      offset += part.length
      if (part.length === bytes.length) taken += 1
      else this.#held[taken] = cutAt(bytes, part.length)
    }
    this.#held.splice(0, taken)
    this.#heldBytes -= chunk.length
    return chunk
  }

  #finish(): void {
    if (this.#isClosed) return
    this.#controller?.close()
    this.#close()
  }

  /**
   * A client that aborted does not read on. An error would only make frameworks log one for each client that
   * leaves.
   */
  readonly #onAbort = (): void => this.#finish()

  #close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#request.signal.removeEventListener('abort', this.#onAbort)
    this.#held = []
    this.#heldBytes = 0
    this.#listener?.closed()
  }
}

/**
 * The bytes behind `offset`. Of a shared block little is copied: a view would keep the whole of it in
 * memory.
 */
function cutAt(bytes: Uint8Array, offset: number): Uint8Array {
  const isLittle = bytes.length - offset <= writeBytesMax
  return isLittle ? bytes.slice(offset) : bytes.subarray(offset)
}
