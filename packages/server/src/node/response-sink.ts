// The careful way: through `response.write`, whatever middleware has put in front of it.

import type { Block } from '../framing/block.ts'
import { writeBytesMax } from '../limits.ts'
import type { Sink, SinkListener } from '../session/sink.ts'
import type { AnyResponse } from './exchange.ts'
import { endOwn, writeOwn } from './compress-writes.ts'
import { endIfLost } from './lost-http2.ts'
import type { StreamHead } from './stream-head.ts'

/** A sink that writes like any handler of the application would. */
export class ResponseSink implements Sink {
  readonly #response: AnyResponse
  readonly #head: StreamHead
  readonly #isWrapped: boolean

  /** `isWrapped`: code that is not Node's stands before the response. */
  constructor(response: AnyResponse, head: StreamHead, isWrapped: boolean) {
    this.#response = response
    this.#head = head
    this.#isWrapped = isWrapped
  }

  listen(listener: SinkListener): void {
    const response = this.#response
    response.on('drain', () => listener.drained())
    response.once('close', () => listener.closed())
    // A write that fails because the client is gone is followed by `close`, which says all there is to say.
    response.on('error', () => undefined)
    if (response.destroyed || response.socket?.destroyed === true) listener.closed()
  }

  get bytesWaiting(): number {
    return this.#response.writableLength
  }

  write(block: Block): boolean {
    const response = this.#response
    if (response.destroyed || response.writableEnded || !this.#head.begin()) return false
    if (endIfLost(response)) return false
    const isBelowMark = writeOwn(response, block.bytes)
    // Middleware that compresses keeps what it is given until it has enough of it, or is told; `compression`
    // takes it so.
    response.flush?.()
    if (isBelowMark === true) return true
    // Bytes that middleware holds back are in no length of the response. The middleware says so, and its
    // `drain` follows.
    if (this.#isWrapped && isBelowMark === false) return false
    // Node answers false as soon as its small mark is passed, also when the kernel took everything at once.
    // Only bytes that are really left waiting count. Only a false is followed by `drain`.
    return response.writableLength <= writeBytesMax
  }

  end(): void {
    if (this.#head.begin()) endOwn(this.#response)
  }

  abort(): void {
    if (!this.#head.isTheirs && !this.#response.writableFinished) this.#response.destroy()
  }
}
