// A route: its parameters, and how it answers.

import type { Access } from '@tidemark/access'
import type { HubCounts, IpAddress } from '@tidemark/access/hub'
import type { NodeStats, Tidemark } from '@tidemark/server'
import type { Slots } from '@tidemark/server/hub'
import { sendAnswer } from '@tidemark/server/hub'
import type { NodeRequest, NodeResponse } from '@tidemark/server/node'
import type { UnreadAnswers } from '../unread-answers.ts'
import type { Bodies } from '../bodies.ts'
import type { Clients } from '../clients.ts'
import type { KeptAnswer } from '../kept-answer.ts'
import type { ProtectedResource } from '../protected-resource.ts'
import type { Readiness } from '../readiness.ts'
import type { StreamLimits } from '../stream-limits.ts'
import type { Webhooks } from '../webhooks/webhooks.ts'
import type { PathParts } from './match-path.ts'

/** The parts of the hub that routes need. */
export interface RouteContext {
  readonly tide: Tidemark
  /** Undefined where the hub does not ask who is there. */
  readonly access: Access | undefined
  /** Whether the hub asks who is there; else it is everybody's on this machine. */
  readonly isLocked: boolean
  /** The hub as a resource that tokens are for; undefined where it takes none. */
  readonly resource: ProtectedResource | undefined
  readonly readiness: Readiness
  /** Adds up the counters of all processes of the hub. */
  readonly stats: KeptAnswer<NodeStats>
  readonly bodies: Bodies
  /** The addresses of clients. */
  readonly clients: Clients
  /** How many streams, and how often. */
  readonly streams: StreamLimits
  /** Counts for the whole hub. */
  readonly counts: HubCounts
  readonly unreadAnswers: UnreadAnswers
  /** Without any in the configuration it knows of none. */
  readonly webhooks: Webhooks
  /** For pages of history, from reading one to counting its answer. */
  readonly historyReads: Slots
}

/** One request on its way through a route. */
interface Exchange {
  readonly request: NodeRequest
  readonly response: NodeResponse
  /** Of its client; undefined where the connection has none. */
  readonly address: IpAddress | undefined
  /** The parts of the path where the route's own path leaves something open. */
  readonly parts: PathParts
  readonly query: URLSearchParams
}

/** Answers one kind of request; what it throws is answered as a problem. */
export type Route = (exchange: Exchange, context: RouteContext) => Promise<void>

/** Answers with JSON. */
export function sendJson(response: NodeResponse, status: number, body: unknown): void {
  sendJsonBytes(response, status, encodeJson(body))
}

/** Answers that all is done, and that there is nothing to say. */
export function sendNothing(response: NodeResponse): void {
  const headers = { 'Cache-Control': 'no-store' }
  sendAnswer(response, { status: 204, headers, body: new Uint8Array() })
}

/** A body of JSON. */
export function encodeJson(body: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify(body)}\n`)
}

/** Answers with a body of `encodeJson`. */
export function sendJsonBytes(response: NodeResponse, status: number, bytes: Uint8Array): void {
  sendAnswer(response, {
    status,
    headers: {
      'Content-Type': 'application/json',
      'Content-Length': String(bytes.length),
      'Cache-Control': 'no-store',
    },
    body: bytes,
  })
}
