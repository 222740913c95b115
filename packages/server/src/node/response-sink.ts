// The careful way: through `response.write`, whatever middleware has put in front of it.

import type { Block } from '../block.ts'
import { writeBytesMax } from '../limits.ts'
import type { Sink, SinkListener } from '../sink.ts'
import type { StreamHeaders } from '../stream-headers.ts'
import type { AnyResponse } from './exchange.ts'
import { sendStreamHead } from './stream-head.ts'

/** A sink that writes like any handler of the application would. */
export class ResponseSink implements Sink {
  readonly #response: AnyResponse
  readonly #headers: StreamHeaders
  #isOurs = false

  /** `headers` are those of the stream's head. */
  constructor(response: AnyResponse, headers: StreamHeaders) {
    this.#response = response
    this.#headers = headers
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
    if (response.destroyed || response.writableEnded || !this.#begin()) return false
    const isBelowMark = response.write(block.bytes)
    // `write` answers false as soon as Node's small mark is passed, also when the kernel took everything at once;
    // what counts is what is really left waiting. Only a false is followed by `drain`.
    return isBelowMark || response.writableLength <= writeBytesMax
  }

  end(): void {
    if (this.#begin()) this.#response.end()
  }

  abort(): void {
    // A response that somebody else has answered is theirs.
    const isTheirs = !this.#isOurs && this.#response.headersSent
    if (!isTheirs && !this.#response.writableFinished) this.#response.destroy()
  }

  /** Sends the head with the first block. False when somebody else has answered in the meantime. */
  #begin(): boolean {
    if (this.#isOurs) return true
    if (this.#response.headersSent) return false
    sendStreamHead(this.#response, this.#headers)
    this.#isOurs = true
    return true
  }
}
