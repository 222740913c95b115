// Request and response behind a stream whose connection has been taken. The stream does not need them, so the
// socket holds them weakly. Node's HTTP server looks in `_httpMessage` for the response of a socket. That
// member is empty, and a weak reference is beside it. The response is put back on its socket before anything
// needs it there, and then Node's own code does its usual work. That is so when somebody writes to the
// response or ends it, and when the connection closes. It is also so when somebody begins to listen, because
// that listener must be served though nobody else holds the response. An exchange that nobody holds is
// collected as garbage.

import { ServerResponse } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

const weakKey: unique symbol = Symbol('weak')
const responseKey: unique symbol = Symbol('response')
const drainKey: unique symbol = Symbol('drain')

interface WeakSocket extends Socket {
  _httpMessage: ServerResponse | null
  [weakKey]?: WeakRef<ServerResponse>
}

interface WeakRequest extends IncomingMessage {
  [responseKey]?: ServerResponse
}

type WriteRaw = (this: WeakResponse, ...values: readonly unknown[]) => boolean

interface WeakResponse extends ServerResponse {
  _writeRaw: WriteRaw
  [drainKey]?: () => void
}

/** Node's own way from a response to its socket. */
const { _writeRaw: writeRaw } = ServerResponse.prototype as Partial<WeakResponse>

/** Whether a response reaches its socket as expected, so that the two can be parted. */
export function canWeaken(response: ServerResponse): boolean {
  const { socket } = response as { readonly socket: Partial<WeakSocket> | null }
  return (
    writeRaw !== undefined &&
    (response as WeakResponse)._writeRaw === writeRaw &&
    socket?._httpMessage === response
  )
}

/**
 * From now on the socket does not hold the exchange. `onDrain` is Node's listener for the socket's `drain`.
 */
export function weakenExchange(response: ServerResponse, onDrain: () => void): void {
  const weak = response as WeakResponse
  const { socket, req: request } = weak as { socket: WeakSocket | null; req: WeakRequest }
  if (socket === null) return
  weak[drainKey] = onDrain
  // Code that holds the request reaches the response by it, and the other way round.
  request[responseKey] = response
  weak._writeRaw = restoreAndWrite
  response.prependListener('finish', restore)
  request.on('newListener', restore)
  response.on('newListener', restore)
  socket[weakKey] = new WeakRef(response)
  socket._httpMessage = null
}

/** The response that a socket belongs to, if anybody still holds it. */
export function exchangeOf(socket: Socket): ServerResponse | undefined {
  const weak = socket as WeakSocket
  return weak._httpMessage ?? weak[weakKey]?.deref()
}

/** Tells the exchange that its socket takes bytes again. */
export function drainExchange(socket: Socket): void {
  // Only a response that was written to, which put it back on its socket, waits for that.
  const response = (socket as WeakSocket)._httpMessage as WeakResponse | null
  response?.[drainKey]?.()
}

/**
 * Tells the exchange, if anybody holds it, that its connection has closed. Node's own listener goes on with
 * the response.
 */
export function abortExchange(socket: Socket): void {
  const response = exchangeOf(socket)
  if (response === undefined) return
  // As Node does to a request whose connection closes, whether it was complete or not.
  response.req.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }))
  const weak = socket as WeakSocket
  // One that has ended was told of its close by then, and is not the socket's any more.
  if (response.socket === socket) weak._httpMessage = response
}

/** Puts the response of an exchange back on its socket. */
function restore(this: WeakRequest | WeakResponse): void {
  const response = responseKey in this ? this[responseKey] : (this as WeakResponse)
  const socket = response?.socket as WeakSocket | null | undefined
  if (response !== undefined && socket?.destroyed === false) socket._httpMessage = response
}

function restoreAndWrite(this: WeakResponse, ...values: readonly unknown[]): boolean {
  restore.call(this)
  return writeRaw?.apply(this, [...values]) ?? false
}
