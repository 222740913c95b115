// The careful way: through `response.write`, whatever middleware has put in front of it.

import type { ServerResponse } from 'node:http'
import type { Block } from '../block.ts'
import { writeBytesMax } from '../limits.ts'
import type { Sink, SinkListener } from '../sink.ts'
import { sendStreamHead } from './stream-head.ts'

/** A sink that writes like any handler of the application would. */
export class ResponseSink implements Sink {
  readonly #response: ServerResponse

  constructor(response: ServerResponse) {
    this.#response = response
  }

  listen(listener: SinkListener): void {
    const response = this.#response
    response.on('drain', () => listener.drained())
    response.once('close', () => listener.closed())
    // A write that fails because the client is gone is followed by `close`, which says all there is to say.
    response.on('error', () => undefined)
    if (response.destroyed || response.socket?.destroyed === true) listener.closed()
  }

  write(block: Block): boolean {
    const response = this.#response
    if (response.destroyed || response.writableEnded) return false
    if (!response.headersSent) sendStreamHead(response)
    const isBelowMark = response.write(block.bytes)
    // `write` answers false as soon as Node's small mark is passed, also when the kernel took everything at once;
    // what counts is what is really left waiting. Only a false is followed by `drain`.
    return isBelowMark || response.writableLength <= writeBytesMax
  }

  end(): void {
    if (!this.#response.headersSent) sendStreamHead(this.#response)
    this.#response.end()
  }
}
