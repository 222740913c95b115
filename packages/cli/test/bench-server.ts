// A Server-Sent Events server that is not ours, and as bad as a test wants it.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach } from 'vitest'

/**
 * The outcome of the n-th publish, from 0: the publishes whose events go out now, in this order, or no
 * answer at all.
 */
export type Mischief = (number: number) => readonly number[] | 'silence'

/** A running server. Streams are at `/stream`, publishes go to `/publish`. */
export interface ForeignServer {
  readonly url: string
  /** Ends every open stream. */
  cut(): void
}

const servers: Server[] = []

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close()
    server.closeAllConnections()
  }
})

/** Starts a server that delivers what `mischief` says; faithfully by default. */
export async function startForeignServer(
  mischief: Mischief = (number) => [number],
): Promise<ForeignServer> {
  const streams = new Set<ServerResponse>()
  const published: string[] = []
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      let body = ''
      request.setEncoding('utf8').on('data', (text: string) => {
        body += text
      })
      request.on('end', () => {
        const number = published.push(body) - 1
        const due = mischief(number)
        if (due === 'silence') return
        const block = due.map((each) => `data: ${published[each] ?? ''}\r\n\r\n`).join('')
        for (const stream of streams) stream.write(block)
        response.writeHead(204).end()
      })
      return
    }
    if (request.url === '/html') {
      response.writeHead(200, { 'Content-Type': 'text/html' }).end('<p>no stream</p>')
      return
    }
    if (request.url === '/full') {
      response.writeHead(503, { 'Content-Type': 'application/problem+json' })
      response.end(JSON.stringify({ detail: 'The house is full.' }))
      return
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.write('retry: 50\n\n')
    streams.add(response)
    response.on('close', () => streams.delete(response))
  })
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      for (const stream of streams) stream.destroy()
    },
  }
}
