// A real `node:http` server in front of an engine, and requests for it.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export { sendRaw } from '@tidemark/testkit'
export type { RawClient } from '@tidemark/testkit'

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

export function get(path: string, headers: string = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`
}
