// What a route is given and how it answers.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { EventLog } from '@tidemark/log'
import type { Tidemark } from '@tidemark/server'
import type { Bodies } from '../bodies.ts'
import type { Readiness } from '../readiness.ts'

/** What routes need of the hub. */
export interface RouteContext {
  readonly tide: Tidemark
  readonly log: EventLog
  readonly readiness: Readiness
  readonly bodies: Bodies
}

/** One request on its way through a route. */
interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** The part of the path that the route's own path leaves open, still percent-encoded. */
  readonly rest: string
  readonly query: URLSearchParams
}

/** Answers one kind of request; what it throws is answered as a problem. */
export type Route = (exchange: Exchange, context: RouteContext) => Promise<void>

/** Answers with JSON. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const bytes = Buffer.from(`${JSON.stringify(body)}\n`)
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': bytes.length,
    'Cache-Control': 'no-store',
  })
  response.end(bytes)
}
