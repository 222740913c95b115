// A real HTTP server whose answers a test writes by hand, and helpers to wait for what a feed does.

import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import type { Feed, FeedEvent, FeedSignals, FeedState } from '../src/index.ts'

export interface Exchange {
  readonly index: number
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly query: URLSearchParams
  /** The `Last-Event-ID` it came with; empty for none. */
  readonly cursor: string
  /** Resolves when the connection is gone. */
  readonly closed: Promise<unknown>
  /** Starts an event stream with `text`. */
  readonly stream: (text?: string) => void
  /** Writes `text`, then breaks the connection in the middle of the body. */
  readonly cut: (text: string) => void
}

export interface StreamServer {
  readonly url: string
  readonly exchanges: Exchange[]
}

export async function startServer(handle: (exchange: Exchange) => void): Promise<StreamServer> {
  const exchanges: Exchange[] = []
  const server = createServer((request, response) => {
    const exchange = makeExchange(request, response, exchanges.length)
    exchanges.push(exchange)
    handle(exchange)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/events`, exchanges }
}

function makeExchange(request: IncomingMessage, response: ServerResponse, index: number): Exchange {
  const stream = (text = ''): void => {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
    response.flushHeaders()
    if (text !== '') response.write(text)
  }
  return {
    index,
    request,
    response,
    query: new URL(request.url ?? '/', 'http://localhost').searchParams,
    cursor: String(request.headers['last-event-id'] ?? ''),
    closed: once(response, 'close'),
    stream,
    cut(text) {
      stream()
      response.write(text === '' ? ':\n' : text, () => request.socket.destroy())
    },
  }
}

/** The first event a Tidemark server sends. */
export function ready(cursor: string, heartbeatMs: number = 15_000): string {
  const data = JSON.stringify({ session: 's', cursor, heartbeatMs, resumed: 'fresh' })
  return `id: ${cursor}\nevent: tidemark.ready\ndata: ${data}\n\n`
}

export function nextSignal<Name extends keyof FeedSignals>(
  feed: Feed,
  name: Name,
): Promise<FeedSignals[Name]> {
  return new Promise((resolve) => {
    const remove = feed.on(name, (signal) => {
      remove()
      resolve(signal)
    })
  })
}

export function nextPhase<Phase extends FeedState['phase']>(
  feed: Feed,
  phase: Phase,
): Promise<Extract<FeedState, { phase: Phase }>> {
  return new Promise((resolve) => {
    const remove = feed.on('tidemark.state', (state) => {
      if (state.phase !== phase) return
      remove()
      resolve(state as Extract<FeedState, { phase: Phase }>)
    })
  })
}

/** One turn of the event loop: what is already decided has happened after it. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** Takes `count` events, then leaves the loop, which closes the feed. */
export async function take(feed: Feed, count: number): Promise<FeedEvent[]> {
  const events: FeedEvent[] = []
  for await (const event of feed) {
    events.push(event)
    if (events.length === count) break
  }
  return events
}
