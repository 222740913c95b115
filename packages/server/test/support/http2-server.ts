// A cleartext `node:http2` server in front of an engine, and a client that opens its windows only when told.

import { once } from 'node:events'
import { connect, createServer } from 'node:http2'
import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  Http2ServerRequest,
  Http2ServerResponse,
  IncomingHttpHeaders,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createDecoder } from '@tidemark/wire'
import type { DecodedEvent } from '@tidemark/wire'

export interface Http2Server {
  readonly port: number
  /** Bytes that Node holds for the answers of all open streams. */
  heldBytes(): number
  close(): Promise<void>
}

export async function serveHttp2(
  handler: (request: Http2ServerRequest, response: Http2ServerResponse) => void,
): Promise<Http2Server> {
  const open = new Set<Http2ServerResponse>()
  const server = createServer((request, response) => {
    open.add(response)
    response.once('close', () => open.delete(response))
    handler(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    heldBytes: () => [...open].reduce((sum, response) => sum + response.writableLength, 0),
    async close() {
      for (const response of open) response.stream.session?.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** One stream as the client sees it. */
export interface Http2Client {
  readonly stream: ClientHttp2Stream
  readonly headers: IncomingHttpHeaders
  readonly events: readonly DecodedEvent[]
  /** The data of events that are not the hub's own. */
  readonly published: string[]
  /** Resolves once `part` has arrived. */
  until(part: string): Promise<void>
}

export function connectHttp2(port: number, initialWindowSize = 65_535): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize } })
  session.on('error', () => undefined)
  return session
}

export function ask(
  session: ClientHttp2Session,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Http2Client {
  const stream = session.request({ ':path': path, ...headers })
  const waiting = new Set<(chunk: string) => void>()
  const events: DecodedEvent[] = []
  const decoder = createDecoder({ event: (event) => events.push(event) })
  let got: IncomingHttpHeaders = {}
  const parts: string[] = []
  stream.on('response', (incoming) => {
    got = incoming
  })
  stream.on('data', (chunk: Buffer) => {
    decoder.push(chunk)
    const text = chunk.toString('latin1')
    parts.push(text)
    for (const check of waiting) check(text)
  })
  stream.on('error', () => undefined)
  return {
    stream,
    events,
    get headers() {
      return got
    },
    get published() {
      return events.filter(({ type }) => !type.startsWith('tidemark.')).map(({ data }) => data)
    },
    until: (part) =>
      new Promise((resolve) => {
        const check = (chunk: string): void => {
          // A part may begin in one chunk and end in the next; what is further back has been searched.
          carried = (carried + chunk).slice(-chunk.length - part.length)
          if (!carried.includes(part)) return
          waiting.delete(check)
          resolve()
        }
        let carried = ''
        waiting.add(check)
        check(parts.join(''))
      }),
  }
}
