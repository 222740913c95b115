// The door of Node's HTTP servers: a request becomes a subscription, its response a sink.

import { acceptsGzip } from '../accept-encoding.ts'
import { parseSubscriptionQuery } from '../subscription.ts'
import type { Subscription } from '../subscription.ts'
import { parseQueryText } from '../query-text.ts'
import { streamHeaders } from '../stream-headers.ts'
import type { StreamOpener } from '../stream-opener.ts'
import { isHttp2 } from './exchange.ts'
import type { NodeRequest, NodeResponse } from './exchange.ts'
import { openSink } from './open-sink.ts'
import type { SocketWay } from './open-sink.ts'
import { claimCarrier } from './streaming.ts'
import { checkHeaderCount } from './header-count.ts'
import { refuse } from './refuse.ts'
import { sendStreamHead } from './stream-head.ts'

/** What the door can be told about one request. */
export interface SubscribeOptions {
  /** What to subscribe to. Default: read from the request's URL and `Last-Event-ID`. */
  readonly subscription?: Subscription | undefined
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
  if (request.method !== 'HEAD') claimCarrier(request, response)
  let subscription = options.subscription
  try {
    checkHeaderCount(request)
    // Before a set of topics is parsed, which would wait in line as well.
    if (request.method !== 'HEAD' && !(await hasTurn(request, response))) return
    subscription ??= readSubscription(request)
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
    // Who is sent away from the present comes back to it, not to a later one.
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

function readSubscription(request: NodeRequest): Subscription {
  const url = request.url ?? '/'
  const queryAt = url.indexOf('?')
  const query = parseQueryText(queryAt === -1 ? '' : url.slice(queryAt + 1))
  return parseSubscriptionQuery(query, readLastEventId(request))
}
