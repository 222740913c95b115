// A connection that carries one stream and nothing else until it closes.

import type { Socket } from 'node:net'
import { writeBytesMax } from '../limits.ts'
import type { SinkListener } from '../session/sink.ts'
import { abortExchange, drainExchange, exchangeOf } from './weak-exchange.ts'
import { endOwn } from './compress-writes.ts'
import { canWriteRaw, learnRequests, writeRaw } from './raw-write.ts'
import type { RawWriter } from './raw-write.ts'

/** RFC 9112 §7.1: the chunk of no bytes, without trailers. */
const lastChunk = '0\r\n\r\n'

const streamKey: unique symbol = Symbol('stream')

/** A socket whose listeners, which all of them share, find their stream on it. */
interface StreamSocket extends Socket {
  [streamKey]?: StreamConnection
  readonly _handle?: unknown
}

/** The stream's end of a socket, which stays the application's as well. */
export class StreamConnection implements RawWriter {
  readonly #socket: StreamSocket
  #listener: SinkListener | undefined
  #streams: Set<StreamConnection> | undefined
  #isBlocked = false
  /** Bytes that were written past the stream layer are on their way. */
  #isSending = false
  /** The application has ended the response. */
  #isEnded = false

  /** Begins to listen to a socket. */
  constructor(socket: StreamSocket) {
    this.#socket = socket
    socket[streamKey] = this
    socket.on('data', onData)
    socket.on('end', onEnd)
    socket.on('drain', onDrain)
    socket.on('close', onClose)
    const { _handle: handle } = socket
    if (canWriteRaw(handle)) learnRequests(handle)
  }

  /** Names who hears of `drained` and `closed`. */
  listen(listener: SinkListener): void {
    this.#listener = listener
  }

  /** Stays in a set until it closes. */
  registerIn(streams: Set<StreamConnection>): void {
    this.#streams = streams.add(this)
  }

  /** Bytes that the system has not taken yet. */
  get bytesWaiting(): number {
    const { _handle: handle, writableLength } = this.#socket
    return writableLength + (this.#isSending && canWriteRaw(handle) ? handle.writeQueueSize : 0)
  }

  /**
   * Writes. False when more than `writeBytesMax` is left waiting, or a part of a larger block; `drained`
   * follows then. Also false when the application has ended the response; nothing was written then.
   */
  send(bytes: Uint8Array): boolean {
    const socket = this.#socket
    if (this.#isEnded || !socket.writable) return false
    // Bytes that are written past the stream layer must not overtake bytes that wait in it.
    if (this.#isSending || socket.writableLength > 0 || !this.#sendRaw(bytes)) socket.write(bytes)
    // The system holds on to the whole of a large block until the last of it has left.
    const isHeld = this.#isSending && bytes.length > writeBytesMax
    if (!isHeld && this.bytesWaiting <= writeBytesMax) return true
    this.#isBlocked = true
    return false
  }

  /** Ends the stream after what was written, and the connection with it. */
  end(isChunked: boolean): void {
    const socket = this.#socket
    const response = exchangeOf(socket)
    if (response !== undefined) endOwn(response)
    else if (!this.#isEnded && socket.writable) {
      if (isChunked) socket.write(lastChunk)
      socket.destroySoon()
    }
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#socket.destroy()
  }

  /** Called when what was waiting has left. */
  hearDrain(): void {
    // `drain` follows only if more waited in the stream layer than its mark.
    if (!this.#isBlocked || this.#isSending || this.#socket.writableNeedDrain) return
    this.#isBlocked = false
    this.#listener?.drained()
  }

  /** Called when bytes that were written past the stream layer have left, or are lost. */
  hearSent(status: number): void {
    this.#isSending = false
    if (status < 0) this.#socket.destroy()
    else this.hearDrain()
  }

  /** Called when the response has been ended: its last chunk is written, and nothing may come behind it. */
  hearEnd(): void {
    this.#isEnded = true
  }

  /** Called when the connection has closed. */
  hearClose(): void {
    this.#streams?.delete(this)
    this.#listener?.closed()
  }

  /** False when nothing was written. */
  #sendRaw(bytes: Uint8Array): boolean {
    const { _handle: handle, timeout } = this.#socket
    // A time limit that the application has set on the socket counts what goes through it.
    if (timeout || !canWriteRaw(handle)) return false
    const status = writeRaw(handle, bytes, this)
    if (status === undefined) return false
    if (status < 0) this.#socket.destroy()
    this.#isSending = status > 0
    return true
  }
}

/** The stream that a socket carries. */
export function streamOf(socket: Socket): StreamConnection | undefined {
  return (socket as StreamSocket)[streamKey]
}

const cr = 0x0d
const lf = 0x0a

/**
 * Bytes that a client sends behind its request belong to no request, see docs/PROTOCOL.md. Empty lines are no
 * matter (RFC 9112 §2.2).
 */
function onData(this: StreamSocket, bytes: Uint8Array): void {
  if (!bytes.every((byte) => byte === cr || byte === lf)) this.destroy()
}

/** A client that closes its half is taken as gone. */
function onEnd(this: StreamSocket): void {
  this.end()
}

function onDrain(this: StreamSocket): void {
  drainExchange(this)
  this[streamKey]?.hearDrain()
}

function onClose(this: StreamSocket): void {
  abortExchange(this)
  this[streamKey]?.hearClose()
}
