// The fast way: shared bytes straight to the socket of a response that nothing has wrapped. The head goes
// through the response. Then the connection is the stream's alone where it can be taken; else it stays with
// the response, which ends it.

import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Block } from '../framing/block.ts'
import { encryptedSliceBytes, writeBytesMax } from '../limits.ts'
import type { Sink, SinkListener } from '../session/sink.ts'
import { BlockRest, needsSlices } from './block-rest.ts'
import { declareFate } from './listener-fate.ts'
import { endOwn } from './compress-writes.ts'
import type { StreamConnection } from './stream-connection.ts'
import type { StreamHead } from './stream-head.ts'
import { canTake, takeConnection } from './take-connection.ts'

/** A sink that writes blocks as chunks made once for all sessions. */
export class SocketSink implements Sink {
  /** Until the connection is taken. */
  #response: ServerResponse | undefined
  /** Until it is sent. */
  #head: StreamHead | undefined
  #listener: SinkListener | undefined
  #taken: StreamConnection | undefined
  /** The response's own, where it was not taken. */
  #socket: Socket | undefined
  #onClose: (() => void) | undefined
  #onDrain: (() => void) | undefined
  /** Of a connection that is encrypted, once it has got a large block. */
  #rest: BlockRest | undefined
  #isChunked = true

  constructor(response: ServerResponse, head: StreamHead) {
    this.#response = response
    this.#head = head
  }

  listen(listener: SinkListener): void {
    this.#listener = listener
    const response = this.#response
    if (response === undefined) return
    this.#onClose = declareFate(() => {
      // Over keep-alive the socket may serve another request from here on.
      if (this.#onDrain !== undefined) this.#socket?.off('drain', this.#onDrain)
      this.#socket = undefined
      this.#rest?.drop()
      listener.closed()
    }, 'left')
    response.on('close', this.#onClose)
    response.on('error', ignoreError)
    if (response.destroyed || response.socket === null || response.socket.destroyed)
      listener.closed()
  }

  get bytesWaiting(): number {
    if (this.#taken !== undefined) return this.#taken.bytesWaiting
    return (this.#socket?.writableLength ?? 0) + (this.#rest?.bytes ?? 0)
  }

  write(block: Block): boolean {
    if (this.#response !== undefined && this.#socket === undefined) this.#begin(this.#response)
    const bytes = this.#isChunked ? block.chunk : block.bytes
    return this.#taken === undefined ? this.#writeToSocket(bytes) : this.#taken.send(bytes)
  }

  end(): void {
    if (this.#response !== undefined && this.#socket === undefined) this.#begin(this.#response)
    if (this.#taken !== undefined) this.#taken.end(this.#isChunked)
    else if (this.#socket !== undefined && this.#response !== undefined) endOwn(this.#response)
  }

  abort(): void {
    const response = this.#response
    if (this.#taken !== undefined) this.#taken.destroy()
    else if (this.#socket !== undefined) this.#socket.destroy()
    // A response that somebody else has answered is theirs.
    else if (response?.headersSent === false) response.destroy()
  }

  #begin(response: ServerResponse): void {
    // Somebody else may have answered while the log was asked; the response's `close` will say when it is
    // over.
    if (response.destroyed || response.headersSent || response.socket === null) return
    const isToBeTaken = canTake(response)
    // Nothing but the stream will come on a connection that is taken.
    if (isToBeTaken) response.setHeader('Connection', 'close')
    this.#head?.begin()
    this.#head = undefined
    // HTTP/1.0 has no chunks: there the end of the connection is the end of the stream.
    this.#isChunked = response.chunkedEncoding
    this.#socket = response.socket
    // In a later turn, so that whoever begins to listen right after subscribing is asked as well.
    if (isToBeTaken) setImmediate(() => this.#take())
  }

  #take(): void {
    const response = this.#response
    const onClose = this.#onClose
    const listener = this.#listener
    if (response === undefined || onClose === undefined || listener === undefined) return
    if (this.#socket === undefined || response.writableEnded || !canTake(response)) return
    const taken = takeConnection(response)
    if (taken === undefined) return
    // From here on the connection says when it is over, whatever has become of the response.
    response.off('close', onClose)
    taken.listen(listener)
    this.#taken = taken
    this.#socket = undefined
    this.#response = undefined
    this.#onClose = undefined
  }

  #writeToSocket(bytes: Uint8Array): boolean {
    const socket = this.#socket
    if (socket === undefined || socket.destroyed || this.#response === undefined) return false
    // Nothing may come behind the last chunk of a response that the application has ended.
    if (this.#response.writableEnded) return false
    if (bytes.length > encryptedSliceBytes && needsSlices(socket, this.#response))
      this.#rest ??= new BlockRest(socket, this.#response)
    const rest = this.#rest
    if (rest !== undefined && (rest.bytes > 0 || bytes.length > encryptedSliceBytes)) {
      rest.add(bytes)
      if (!isFull(socket, rest)) return true
    } else if (socket.write(bytes) || socket.writableLength <= writeBytesMax) {
      // Above Node's mark but not above ours is fine; below Node's mark no `drain` would ever come.
      return true
    }
    this.#awaitDrain(socket)
    return false
  }

  #awaitDrain(socket: Socket): void {
    if (this.#onDrain !== undefined) return
    this.#onDrain = () => {
      this.#onDrain = undefined
      this.#hearDrain(socket)
    }
    socket.once('drain', this.#onDrain)
  }

  #hearDrain(socket: Socket): void {
    this.#rest?.offer()
    if (this.#rest !== undefined && isFull(socket, this.#rest)) {
      this.#awaitDrain(socket)
      return
    }
    this.#take()
    this.#listener?.drained()
  }
}

/**
 * Whether more waits than may. Then `drain` follows, which only comes to those who have been asked for a
 * pause.
 */
function isFull(socket: Socket, rest: BlockRest): boolean {
  return rest.bytes > 0 || (socket.writableNeedDrain && socket.writableLength > writeBytesMax)
}

/** `close` follows and says all there is to say. */
const ignoreError = declareFate(() => undefined, 'left')
