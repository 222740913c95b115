// A stream of an HTTP/2 connection. Node copies what it is given for each stream as far as the client's windows reach, whether
// the connection takes it or not, so a large block is given in slices, and what is left of it stays the block all sessions share.

import type { Http2ServerResponse } from 'node:http2'
import type { Block } from '../block.ts'
import { http2SliceBytes, writeBytesMax } from '../limits.ts'
import type { Sink, SinkListener } from '../sink.ts'
import { endOwn, writeOwn } from './lead-through.ts'
import type { StreamHead } from './stream-head.ts'

/** A sink that offers the connection one slice at a time. */
export class Http2Sink implements Sink {
  readonly #response: Http2ServerResponse
  readonly #head: StreamHead
  #listener: SinkListener | undefined
  #left: Uint8Array[] = []
  #leftBytes = 0
  #isBlocked = false
  #isEnding = false

  constructor(response: Http2ServerResponse, head: StreamHead) {
    this.#response = response
    this.#head = head
  }

  listen(listener: SinkListener): void {
    const response = this.#response
    this.#listener = listener
    response.on('drain', () => this.#goOn())
    response.once('close', () => {
      this.#left = []
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
    this.#left.push(block.bytes)
    this.#leftBytes += block.bytes.length
    this.#offer()
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
    const response = this.#response
    while (!response.stream.writableNeedDrain) {
      const [first] = this.#left
      if (first === undefined) return
      const slice = first.subarray(0, http2SliceBytes)
      if (slice.length === first.length) this.#left.shift()
      else this.#left[0] = first.subarray(http2SliceBytes)
      this.#leftBytes -= slice.length
      writeOwn(response, slice)
    }
  }

  #goOn(): void {
    if (this.#response.writableEnded) return
    this.#offer()
    if (this.#leftBytes > 0) return
    if (this.#isEnding) endOwn(this.#response)
    if (!this.#isBlocked) return
    this.#isBlocked = false
    this.#listener?.drained()
  }
}
