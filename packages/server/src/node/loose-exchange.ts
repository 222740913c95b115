// Request and response behind a stream whose connection has been taken. The stream does not need them, so the
// socket holds them loosely: `_httpMessage`, where Node's HTTP server looks for the response that a socket
// belongs to, is empty, and a weak reference is beside it. What needs the response on its socket puts it back
// there first, and then Node's own code does what it always does: when somebody writes to it or ends it, when
// the connection closes, and when somebody begins to listen, who must be heard though nobody else holds what
// he listens to. What nobody holds is collected as garbage.

import { ServerResponse } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

const looseKey: unique symbol = Symbol('loose')
const responseKey: unique symbol = Symbol('response')
const drainKey: unique symbol = Symbol('drain')

interface LooseSocket extends Socket {
  _httpMessage: ServerResponse | null
  [looseKey]?: WeakRef<ServerResponse>
}

interface LooseRequest extends IncomingMessage {
  [responseKey]?: ServerResponse
}

type WriteRaw = (this: LooseResponse, ...values: readonly unknown[]) => boolean

interface LooseResponse extends ServerResponse {
  _writeRaw: WriteRaw
  [drainKey]?: () => void
}

/** Node's own way from a response to its socket. */
const { _writeRaw: writeRaw } = ServerResponse.prototype as Partial<LooseResponse>

/** Whether a response reaches its socket as expected, so that the two can be parted. */
export function canLoosen(response: ServerResponse): boolean {
  const { socket } = response as { readonly socket: Partial<LooseSocket> | null }
  return (
    writeRaw !== undefined &&
    (response as LooseResponse)._writeRaw === writeRaw &&
    socket?._httpMessage === response
  )
}

/**
 * From now on the socket does not hold the exchange. `onDrain` is Node's listener for the socket's `drain`.
 */
export function loosenExchange(response: ServerResponse, onDrain: () => void): void {
  const loose = response as LooseResponse
  const { socket, req: request } = loose as { socket: LooseSocket | null; req: LooseRequest }
  if (socket === null) return
  loose[drainKey] = onDrain
  // Who holds the request has the response by it, as the other way round.
  request[responseKey] = response
  loose._writeRaw = tightenAndWrite
  response.prependListener('finish', tighten)
  request.on('newListener', tighten)
  response.on('newListener', tighten)
  socket[looseKey] = new WeakRef(response)
  socket._httpMessage = null
}

/** The response that a socket belongs to, if anybody still holds it. */
export function exchangeOf(socket: Socket): ServerResponse | undefined {
  const loose = socket as LooseSocket
  return loose._httpMessage ?? loose[looseKey]?.deref()
}

/** Tells the exchange that its socket takes bytes again. */
export function drainExchange(socket: Socket): void {
  // Only a response that was written to, which put it back on its socket, waits for that.
  const response = (socket as LooseSocket)._httpMessage as LooseResponse | null
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
  const loose = socket as LooseSocket
  // One that has ended was told of its close by then, and is not the socket's any more.
  if (response.socket === socket) loose._httpMessage = response
}

/** Puts the response of an exchange back on its socket. */
function tighten(this: LooseRequest | LooseResponse): void {
  const response = responseKey in this ? this[responseKey] : (this as LooseResponse)
  const socket = response?.socket as LooseSocket | null | undefined
  if (response !== undefined && socket?.destroyed === false) socket._httpMessage = response
}

function tightenAndWrite(this: LooseResponse, ...values: readonly unknown[]): boolean {
  tighten.call(this)
  return writeRaw?.apply(this, [...values]) ?? false
}
