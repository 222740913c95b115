// The fast way: shared bytes straight to the socket of a response that nothing has wrapped. The head and the end still
// go through the response, so that Node's parser, keep-alive and time limits stay right.

import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Block } from '../block.ts'
import { writeBytesMax } from '../limits.ts'
import type { Sink, SinkListener } from '../sink.ts'
import type { StreamHeaders } from '../stream-headers.ts'
import { sendStreamHead } from './stream-head.ts'

/** A sink that writes blocks as chunks made once for all sessions. */
export class SocketSink implements Sink {
  readonly #response: ServerResponse
  readonly #headers: StreamHeaders
  #socket: Socket | undefined
  #listener: SinkListener | undefined
  #isChunked = true
  #isBlocked = false

  /** `headers` are those of the stream's head. */
  constructor(response: ServerResponse, headers: StreamHeaders) {
    this.#response = response
    this.#headers = headers
  }

  listen(listener: SinkListener): void {
    this.#listener = listener
    const response = this.#response
    response.once('close', () => {
      // Over keep-alive the socket may serve another request from here on.
      this.#socket?.off('drain', this.#onDrain)
      this.#socket = undefined
      listener.closed()
    })
    response.on('error', () => undefined)
    if (response.destroyed || response.socket === null || response.socket.destroyed)
      listener.closed()
  }

  write(block: Block): boolean {
    const socket = this.#socket ?? this.#begin()
    if (socket === undefined || socket.destroyed) return false
    const isBelowMark = socket.write(this.#isChunked ? block.chunk : block.bytes)
    // Above Node's mark but not above ours is fine; below Node's mark no `drain` would ever come.
    if (isBelowMark || socket.writableLength <= writeBytesMax) return true
    if (!this.#isBlocked) {
      this.#isBlocked = true
      socket.once('drain', this.#onDrain)
    }
    return false
  }

  end(): void {
    if ((this.#socket ?? this.#begin()) !== undefined) this.#response.end()
  }

  abort(): void {
    this.#socket?.destroy()
  }

  #begin(): Socket | undefined {
    const response = this.#response
    // Somebody else may have answered while the log was asked; the response's `close` will say when it is over.
    if (response.destroyed || response.headersSent || response.socket === null) return undefined
    sendStreamHead(response, this.#headers)
    // HTTP/1.0 has no chunks: there the end of the connection is the end of the stream.
    this.#isChunked = response.chunkedEncoding
    this.#socket = response.socket
    return this.#socket
  }

  readonly #onDrain = (): void => {
    this.#isBlocked = false
    this.#listener?.drained()
  }
}
