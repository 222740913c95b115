// Holds back the application's own writes to a response of HTTP/1 while only a part of a block is out. Its
// writes and its end wait for the rest, so that they never stand inside a block, nor the last chunk inside
// another one. The members of the response stay true.
//
// It rests on what Node does not document: all that a response writes, its end as well, goes through
// `_writeRaw`. `canHold` looks whether that is as in Node 20 to 26.

import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

const heldKey: unique symbol = Symbol('held')

type WriteRaw = (this: HeldResponse, ...values: readonly unknown[]) => boolean

interface HeldResponse extends ServerResponse {
  _writeRaw: WriteRaw
  /** The arguments of the calls that wait. */
  [heldKey]?: (readonly unknown[])[]
}

/** Node's own way from a response to its socket. */
const { _writeRaw: writeRaw } = ServerResponse.prototype as Partial<HeldResponse>

/** Whether a response reaches its socket as expected. */
export function canHold(response: ServerResponse): boolean {
  return writeRaw !== undefined && (response as HeldResponse)._writeRaw === writeRaw
}

/** From now on what is written to a response waits. */
export function holdWrites(response: ServerResponse): void {
  const held = response as HeldResponse
  if (held[heldKey] !== undefined) return
  held[heldKey] = []
  held._writeRaw = keepCall
}

/** Writes that have waited go out, in order. Later ones go out at once. */
export function releaseWrites(response: ServerResponse): void {
  const calls = takeCalls(response)
  for (const values of calls) writeRaw?.apply(response as HeldResponse, [...values])
  if (calls.length === 0 || response.writableEnded) return
  // They were answered with false. Node says `drain` when the socket does, if the socket has been given
  // enough for that.
  if (response.socket?.writableNeedDrain === false) response.emit('drain')
}

/** The connection has closed, so nothing of it goes out. Those who wait to hear of their writes hear that. */
export function dropWrites(response: ServerResponse, closed: Socket): void {
  const calls = takeCalls(response)
  // The last call of a response that was ended is its end, which has not come about.
  for (const values of response.writableEnded ? calls.slice(0, -1) : calls) {
    const done = values.find(isFunction)
    if (done !== undefined) closed.write('', done)
  }
}

/** Lets a response write to its socket again. */
function takeCalls(response: ServerResponse): readonly (readonly unknown[])[] {
  const held = response as HeldResponse
  const calls = held[heldKey]
  if (calls === undefined) return []
  Reflect.deleteProperty(held, heldKey)
  Reflect.deleteProperty(held, '_writeRaw')
  return calls
}

function isFunction(value: unknown): value is () => void {
  return typeof value === 'function'
}

/** False, so that an application that can wait for `drain` does. */
function keepCall(this: HeldResponse, ...values: readonly unknown[]): boolean {
  this[heldKey]?.push(values)
  return false
}
