// The door of Node's HTTP servers: a request becomes a subscription, its response a sink.

import { acceptsGzip } from '../accept-encoding.ts'
import { checkMethod } from '../check-method.ts'
import { parseSubscriptionBody, parseSubscriptionText } from '../subscription.ts'
import type { QueryOptions, Subscription } from '../subscription.ts'
import { streamHeaders } from '../stream-headers.ts'
import type { StreamOpener } from '../stream-opener.ts'
import { isHttp2 } from './exchange.ts'
import type { NodeRequest, NodeResponse } from './exchange.ts'
import { leadDestroy } from './lead-destroy.ts'
import { openSink } from './open-sink.ts'
import type { SocketWay } from './open-sink.ts'
import { readJson } from './read-json.ts'
import { checkHeaderCount } from './header-count.ts'
import { refuse } from './refuse.ts'
import { claimCarrier } from './streaming.ts'
import { sendStreamHead } from './stream-head.ts'

/** What the door can be told about one request. */
export interface SubscribeOptions extends QueryOptions {
  /**
   * What to subscribe to; the URL and the body of the request are then not read. Default: read from its URL, or from the JSON body
   * of a POST (or `request.body`, where a framework has read it), and `Last-Event-ID`.
   */
  readonly subscription?: Subscription | undefined
  /** The body of a POST, where a framework has read it and keeps it apart from the request: `request.body` of Fastify. */
  readonly body?: unknown
  /** Default `auto`: straight to the socket where nothing has wrapped the response, else through `response.write`. */
  readonly way?: SocketWay | undefined
}

/** Opens a session on a response, or answers why not. Never rejects. */
export async function subscribe(
  opener: StreamOpener,
  exchange: { readonly request: NodeRequest; readonly response: NodeResponse },
  options: SubscribeOptions,
): Promise<void> {
  const { request, response } = exchange
  let subscription = options.subscription
  // At once: the application may destroy the request in this very turn.
  if (isHttp2(response)) leadDestroy(response)
  try {
    checkHeaderCount(request)
    checkMethod(request.method ?? 'GET', 'tide.subscribe')
    // Before a body is read, so that nothing that comes behind it is taken for a request.
    if (request.method !== 'HEAD') claimCarrier(request, response)
    // Before a set of topics is parsed, which would wait in line as well.
    if (request.method !== 'HEAD' && !(await hasTurn(request, response))) return
    subscription ??= await readSubscription(opener, request, options)
    if (request.method === 'HEAD') {
      // Frameworks route HEAD to the handler of GET; it asks for the head only.
      sendStreamHead(response, streamHeaders)
      response.end()
      return
    }
    const isGzip = acceptsGzip(readHeader(request, 'accept-encoding'))
    const compress = isGzip ? opener.compress : undefined
    const sink = openSink(response, { way: options.way ?? 'auto', compress })
    await opener.open(sink, subscription)
  } catch (error) {
    // A client that asked for `now` gets the live cursor with its refusal, so that it resumes from this moment.
    const cursor = subscription?.start.kind === 'now' ? opener.liveCursor : undefined
    refuse(request, response, { error, retryMs: opener.pickRetryMs(), cursor })
  }
}

/**
 * Resolves once the response is the first in line on its connection, to false if the connection closes before that. A response
 * that waits behind another (pipelining) has no socket yet, and is never told when the connection is gone.
 */
export function hasTurn(request: NodeRequest, response: NodeResponse): Promise<boolean> {
  if (isHttp2(response) || response.socket !== null) return Promise.resolve(true)
  const { socket } = request
  if (socket.destroyed) return Promise.resolve(false)
  return new Promise((resolve) => {
    const onClose = (): void => {
      response.off('socket', onSocket)
      resolve(false)
    }
    const onSocket = (): void => {
      socket.off('close', onClose)
      resolve(true)
    }
    socket.once('close', onClose)
    response.once('socket', onSocket)
  })
}

/** The request's `Last-Event-ID`, which wins over the query's `lastEventId`. */
export function readLastEventId(request: NodeRequest): string | undefined {
  return readHeader(request, 'last-event-id')
}

function readHeader(request: NodeRequest, name: string): string | undefined {
  const header = request.headers[name]
  return Array.isArray(header) ? header[0] : header
}

async function readSubscription(
  { bodies }: StreamOpener,
  request: NodeRequest,
  options: SubscribeOptions,
): Promise<Subscription> {
  const lastEventId = readLastEventId(request)
  if (request.method === 'POST')
    return parseSubscriptionBody(options.body ?? (await readJson(request, bodies)), lastEventId)
  const url = request.url ?? '/'
  const queryAt = url.indexOf('?')
  return parseSubscriptionText(queryAt === -1 ? '' : url.slice(queryAt + 1), lastEventId, options)
}
