// A stream of an HTTP/2 connection. Node copies bytes for each stream as far as the client's windows reach,
// whether the connection takes them or not. So a large block is given in slices, and the rest of it stays the
// block that all sessions share.

import type { Http2ServerResponse } from 'node:http2'
import type { Block } from '../framing/block.ts'
import { http2SliceBytes, writeBytesMax } from '../limits.ts'
import type { Sink, SinkListener } from '../session/sink.ts'
import { HeldStream } from './held-stream.ts'
import { endOwn } from './compress-writes.ts'
import { endIfLost } from './lost-http2.ts'
import type { StreamHead } from './stream-head.ts'

/** A sink that offers the connection one slice at a time. */
export class Http2Sink implements Sink {
  readonly #response: Http2ServerResponse
  readonly #head: StreamHead
  /** While a block is cut, what the application writes waits. */
  readonly #held: HeldStream
  #listener: SinkListener | undefined
  #left: Uint8Array[] = []
  #leftBytes = 0
  #isBlocked = false
  #isEnding = false

  constructor(response: Http2ServerResponse, head: StreamHead) {
    this.#response = response
    this.#head = head
    this.#held = new HeldStream(response.stream)
  }

  listen(listener: SinkListener): void {
    const response = this.#response
    this.#listener = listener
    response.on('drain', () => this.#goOn())
    response.once('close', () => {
      this.#left = []
      this.#leftBytes = 0
      // Those who wait to hear of their writes hear that the stream is gone.
      this.#held.release()
      listener.closed()
    })
    // A write that fails because the client is gone is followed by `close`, which says all there is to say.
    response.on('error', () => undefined)
    if (response.stream.destroyed) listener.closed()
  }

  get bytesWaiting(): number {
    return this.#leftBytes + this.#response.writableLength
  }

  write(block: Block): boolean {
    const response = this.#response
    if (response.stream.destroyed || response.writableEnded || !this.#head.begin()) return false
    if (endIfLost(response)) return false
    this.#left.push(block.bytes)
    this.#leftBytes += block.bytes.length
    this.#offer()
    if (this.#leftBytes > 0) this.#held.hold()
    // So much waits only while the stream asks for a pause, which `drain` ends.
    this.#isBlocked = this.bytesWaiting > writeBytesMax
    return !this.#isBlocked
  }

  end(): void {
    this.#isEnding = true
    if (this.#leftBytes === 0 && this.#head.begin()) endOwn(this.#response)
  }

  abort(): void {
    if (!this.#head.isTheirs) this.#response.stream.destroy()
  }

  /** Gives slices until the stream wants no more for now. */
  #offer(): void {
    const { stream } = this.#response
    while (!stream.writableNeedDrain) {
      const [first] = this.#left
      if (first === undefined) return
      const slice = first.subarray(0, http2SliceBytes)
      if (slice.length === first.length) this.#left.shift()
      else this.#left[0] = first.subarray(http2SliceBytes)
      this.#leftBytes -= slice.length
      this.#held.write(slice)
    }
  }

  #goOn(): void {
    const { stream } = this.#response
    this.#offer()
    if (this.#leftBytes > 0) return
    const isOwed = this.#held.release()
    if (this.#isEnding) endOwn(this.#response)
    if (this.#isBlocked && !this.#response.writableEnded) {
      this.#isBlocked = false
      this.#listener?.drained()
    }
    if (isOwed && !stream.writableNeedDrain && stream.writable) stream.emit('drain')
  }
}
