// Connections of HTTP/2 that the system has closed and Node takes for open. Over TLS, two writes that fail
// before the next read leave the second one waiting for ever. Node reads no more until that write has ended,
// so it never hears of the reset, and tells no stream (https://github.com/nodejs/node/issues/61304).

import type { Http2Session, Http2Stream } from 'node:http2'
import type { AnyResponse } from './exchange.ts'

/** The system's handle of a connection, with a method that Node does not document. */
interface Handle {
  /** 0, or the negative number of an error. Asks the system each time. */
  getpeername(out: object): unknown
}

/**
 * Ends the connection of a response when its client is gone and Node has not heard of it. Returns whether it
 * did. Looks only while earlier bytes wait: one system call then. HTTP/1 hears of each failed write itself.
 */
export function endIfLost(response: AnyResponse): boolean {
  if (response.writableLength === 0) return false
  const session = sessionOf(response)
  return session !== undefined && endLostConnection(session)
}

/** The same of a connection, whatever is open on it. */
export function endLostConnection(session: Http2Session): boolean {
  if (session.destroyed) return false
  const { _handle: handle } = session.socket as { readonly _handle?: unknown }
  if (!canTellPeer(handle)) return false
  const status = handle.getpeername({})
  // A connection that never had a name, such as one inside another stream, answers nothing.
  if (typeof status !== 'number' || status >= 0) return false
  // An end of the session alone waits for the write. The proxy that Node gives out lets no code destroy the
  // socket, but end it, which fails at once.
  session.socket.destroySoon()
  session.destroy()
  return true
}

function sessionOf(response: object): Http2Session | undefined {
  return (response as { readonly stream?: Http2Stream }).stream?.session
}

function canTellPeer(handle: unknown): handle is Handle {
  return typeof (handle as Partial<Handle> | null | undefined)?.getpeername === 'function'
}
