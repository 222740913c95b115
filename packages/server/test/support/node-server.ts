// A real `node:http` server in front of an engine, and a raw client that shows what arrives byte by byte.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

export interface NodeServer {
  readonly port: number
  close(): Promise<void>
  /** How many connections are open. */
  connections(): Promise<number>
}

export async function serve(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<NodeServer> {
  const server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    connections: () =>
      new Promise((resolve, reject) =>
        server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
      ),
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export interface RawClient {
  readonly socket: Socket
  readonly text: string
  /** Resolves once `part` has arrived. */
  until(part: string): Promise<void>
}

export function sendRaw(
  port: number,
  request: string,
  encoding: BufferEncoding = 'utf8',
): RawClient {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  const waiting = new Set<() => void>()
  socket.setEncoding(encoding)
  socket.on('data', (chunk: string) => {
    text += chunk
    for (const check of waiting) check()
  })
  socket.on('error', () => undefined)
  socket.write(request)
  return {
    socket,
    get text() {
      return text
    },
    until: (part) =>
      new Promise((resolve) => {
        // What has been searched is not searched again: the text may be megabytes and grows chunk by chunk.
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

export function get(path: string, headers: string = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`
}
