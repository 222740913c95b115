// The fast way: shared bytes straight to the socket of a response that nothing has wrapped. The head goes through the
// response. Then the connection is the stream's alone where it can be taken; else it stays with the response, which ends it.

import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Block } from '../block.ts'
import { writeBytesMax } from '../limits.ts'
import type { Sink, SinkListener } from '../sink.ts'
import type { StreamHeaders } from '../stream-headers.ts'
import { declareFate } from './listener-fate.ts'
import { sendStreamHead } from './stream-head.ts'
import type { StreamSocket } from './stream-socket.ts'
import { canTake, takeConnection } from './take-connection.ts'

/** RFC 9112 §7.1: the chunk of no bytes, without trailers. */
const lastChunk = '0\r\n\r\n'

/** A sink that writes blocks as chunks made once for all sessions. */
export class SocketSink implements Sink {
  /** Until the connection is taken. */
  #response: ServerResponse | undefined
  readonly #headers: StreamHeaders
  #listener: SinkListener | undefined
  #taken: StreamSocket | undefined
  /** The response's own, where it was not taken. */
  #socket: Socket | undefined
  #onClose: (() => void) | undefined
  #onDrain: (() => void) | undefined
  #isChunked = true

  /** `headers` are those of the stream's head. */
  constructor(response: ServerResponse, headers: StreamHeaders) {
    this.#response = response
    this.#headers = headers
  }

  listen(listener: SinkListener): void {
    this.#listener = listener
    const response = this.#response
    if (response === undefined) return
    this.#onClose = () => {
      // Over keep-alive the socket may serve another request from here on.
      if (this.#onDrain !== undefined) this.#socket?.off('drain', this.#onDrain)
      this.#socket = undefined
      listener.closed()
    }
    response.on('close', this.#onClose)
    response.on('error', ignoreError)
    if (response.destroyed || response.socket === null || response.socket.destroyed)
      listener.closed()
  }

  write(block: Block): boolean {
    if (this.#response !== undefined && this.#socket === undefined) this.#begin(this.#response)
    const bytes = this.#isChunked ? block.chunk : block.bytes
    return this.#taken === undefined ? this.#writeToSocket(bytes) : this.#taken.send(bytes)
  }

  end(): void {
    if (this.#response !== undefined && this.#socket === undefined) this.#begin(this.#response)
    if (this.#taken !== undefined) {
      if (this.#isChunked) this.#taken.write(lastChunk)
      this.#taken.destroySoon()
    } else if (this.#socket !== undefined) {
      this.#response?.end()
    }
  }

  abort(): void {
    const socket = this.#taken ?? this.#socket
    socket?.destroy()
  }

  #begin(response: ServerResponse): void {
    // Somebody else may have answered while the log was asked; the response's `close` will say when it is over.
    if (response.destroyed || response.headersSent || response.socket === null) return
    const onClose = this.#onClose
    if (onClose !== undefined) response.off('close', onClose)
    const isToBeTaken = canTake(response)
    // Nothing but the stream will come on a connection that is taken.
    if (isToBeTaken) response.setHeader('Connection', 'close')
    sendStreamHead(response, this.#headers)
    // HTTP/1.0 has no chunks: there the end of the connection is the end of the stream.
    this.#isChunked = response.chunkedEncoding
    this.#taken = isToBeTaken ? takeConnection(response) : undefined
    if (this.#taken === undefined) {
      this.#socket = response.socket
      if (onClose !== undefined) response.on('close', onClose)
    } else {
      if (this.#listener !== undefined) this.#taken.listen(this.#listener)
      this.#response = undefined
      this.#onClose = undefined
    }
  }

  #writeToSocket(bytes: Uint8Array): boolean {
    const socket = this.#socket
    if (socket === undefined || socket.destroyed) return false
    // Above Node's mark but not above ours is fine; below Node's mark no `drain` would ever come.
    if (socket.write(bytes) || socket.writableLength <= writeBytesMax) return true
    if (this.#onDrain === undefined) {
      this.#onDrain = () => {
        this.#onDrain = undefined
        this.#listener?.drained()
      }
      socket.once('drain', this.#onDrain)
    }
    return false
  }
}

/** `close` follows and says all there is to say. */
const ignoreError = declareFate(() => undefined, 'told')
