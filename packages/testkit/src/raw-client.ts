// A connection of HTTP by hand: requests that no client library would send, and what comes back,
// byte by byte.

import { connect } from 'node:net'
import type { Socket } from 'node:net'

export interface RawClient {
  readonly socket: Socket
  /** All that came so far. */
  readonly text: string
  readonly isClosed: boolean
  /** Resolves once `part` has arrived. */
  readonly until: (part: string) => Promise<void>
}

/** Connects to a port of this machine and sends a request. */
export function sendRaw(
  port: number,
  request: string | Uint8Array,
  encoding: BufferEncoding = 'utf8',
): RawClient {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  let isClosed = false
  const waiting = new Set<() => void>()
  socket.setEncoding(encoding)
  socket.on('data', (chunk: string) => {
    text += chunk
    for (const check of waiting) check()
  })
  socket.on('error', () => undefined)
  socket.once('close', () => (isClosed = true))
  socket.write(request)
  return {
    socket,
    get text() {
      return text
    },
    get isClosed() {
      return isClosed
    },
    until: (part) =>
      new Promise((resolve) => {
        // The text may be megabytes and grows chunk by chunk, so no part of it is searched twice.
        let searched = 0
        const check = (): void => {
          const at = text.indexOf(part, searched)
          searched = Math.max(0, text.length - part.length)
          if (at === -1) return
          waiting.delete(check)
          resolve()
        }
        waiting.add(check)
        check()
      }),
  }
}
