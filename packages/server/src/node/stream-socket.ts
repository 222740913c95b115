// A connection that carries one stream and nothing else until it closes.

import { Socket } from 'node:net'
import type { SocketConstructorOpts } from 'node:net'
import { writeBytesMax } from '../limits.ts'
import type { SinkListener } from '../sink.ts'
import { canWriteRaw, learnRequests, writeRaw } from './raw-write.ts'
import type { RawWriter } from './raw-write.ts'

/** A socket that belongs to a stream. All of them share their listeners. */
export class StreamSocket extends Socket implements RawWriter {
  #listener: SinkListener | undefined
  #streams: Set<StreamSocket> | undefined
  #isBlocked = false
  /** Bytes that were written past the stream layer are on their way. */
  #isSending = false

  /** Makes one around an open handle of the operating system; `server` counts it. */
  static adopt(handle: object, server: object | null | undefined): StreamSocket {
    // As any `net.Server` makes its sockets; the types name neither.
    const options = { handle, allowHalfOpen: false } as SocketConstructorOpts
    const socket = Object.assign(new StreamSocket(options), { _server: server })
    if (canWriteRaw(handle)) learnRequests(handle)
    socket.on('data', onData)
    socket.on('drain', onDrain)
    socket.on('error', onError)
    socket.on('close', onClose)
    return socket
  }

  /** Names who hears of `drained` and `closed`. */
  listen(listener: SinkListener): void {
    this.#listener = listener
  }

  /** Stays in a set until it closes. */
  registerIn(streams: Set<StreamSocket>): void {
    this.#streams = streams.add(this)
  }

  /** Bytes that the system has not taken yet. */
  get bytesWaiting(): number {
    const { _handle: handle } = this as { readonly _handle?: unknown }
    return (
      this.writableLength + (this.#isSending && canWriteRaw(handle) ? handle.writeQueueSize : 0)
    )
  }

  /** Writes; false when more than `writeBytesMax` is left waiting, and then `drained` follows. */
  send(bytes: Uint8Array): boolean {
    // What is written past the stream layer must not overtake what waits in it.
    if (this.#isSending || this.writableLength > 0 || !this.#sendRaw(bytes)) this.write(bytes)
    if (this.bytesWaiting <= writeBytesMax) return true
    this.#isBlocked = true
    return false
  }

  /** Called when what was waiting has left. */
  hearDrain(): void {
    // What waits in the stream layer ends with `drain` only if it was more than the layer likes.
    if (!this.#isBlocked || this.#isSending || this.writableNeedDrain) return
    this.#isBlocked = false
    this.#listener?.drained()
  }

  /** False when nothing was written. */
  #sendRaw(bytes: Uint8Array): boolean {
    const { _handle: handle } = this as { readonly _handle?: unknown }
    if (!this.writable || !canWriteRaw(handle)) return false
    const status = writeRaw(handle, bytes, this)
    if (status === undefined) return false
    if (status < 0) this.destroy()
    this.#isSending = status > 0
    return true
  }

  /** Called when bytes that were written past the stream layer have left, or are lost. */
  hearSent(status: number): void {
    this.#isSending = false
    if (status < 0) this.destroy()
    else this.hearDrain()
  }

  /** Called when the connection has closed. */
  hearClose(): void {
    this.#streams?.delete(this)
    this.#listener?.closed()
  }
}

const cr = 0x0d
const lf = 0x0a

/** What a client sends behind its request belongs to no request, see docs/PROTOCOL.md; empty lines are no matter (RFC 9112 §2.2). */
function onData(this: StreamSocket, bytes: Uint8Array): void {
  if (!bytes.every((byte) => byte === cr || byte === lf)) this.destroy()
}

function onDrain(this: StreamSocket): void {
  this.hearDrain()
}

/** `close` follows and says all there is to say. */
function onError(): void {}

function onClose(this: StreamSocket): void {
  this.hearClose()
}
