// Which of the two ways to the socket a response allows.

import type { ServerResponse } from 'node:http'
import { ServerError } from '../errors.ts'
import type { Sink } from '../sink.ts'
import { ResponseSink } from './response-sink.ts'
import { SocketSink } from './socket-sink.ts'

/** `auto`: straight to the socket where that is safe. `response`: always through `response.write`. */
export type SocketWay = 'auto' | 'response'

/**
 * Makes the sink of a response. Nothing is written yet, the head goes out with the first block.
 * @throws ServerError `RESPONSE_UNUSABLE` when the response was already begun
 */
export function openSink(response: ServerResponse, way: SocketWay): Sink {
  if (response.headersSent) {
    throw new ServerError(
      'RESPONSE_UNUSABLE',
      'The response has already been begun, so no stream can be opened on it. Subscribe before anything writes to it.',
    )
  }
  return way === 'auto' && isUnwrapped(response)
    ? new SocketSink(response)
    : new ResponseSink(response)
}

/**
 * Whether `response` is Node's own HTTP/1 response that nobody has put code in front of: middleware such as
 * compression replaces `write` and `end` on the object, and its bytes must keep going through it.
 */
function isUnwrapped(response: ServerResponse): boolean {
  const { socket } = response
  if (socket === null || typeof socket.writableLength !== 'number') return false
  return (
    ownerOf(response, 'write') === 'OutgoingMessage' &&
    ownerOf(response, 'end') === 'OutgoingMessage'
  )
}

/** The name of the class whose prototype a method comes from. */
function ownerOf(response: object, method: string): string | undefined {
  let owner: object | null = response
  while (owner !== null && !Object.hasOwn(owner, method)) owner = Object.getPrototypeOf(owner)
  if (owner === response) return undefined
  return owner?.constructor.name
}
