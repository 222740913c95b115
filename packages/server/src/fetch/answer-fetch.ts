// The Fetch API's door: a `Request` becomes a subscription, a `Response` its stream. No `node:` anywhere.

import { acceptsGzip } from '../accept-encoding.ts'
import { ServerError } from '../errors.ts'
import type { Answer } from '../problem.ts'
import { parseQueryText } from '../query-text.ts'
import { quote } from '../quote.ts'
import { answerRefusal } from '../refusal.ts'
import type { Compress } from '../sink.ts'
import { gzipStreamHeaders, streamHeaders } from '../stream-headers.ts'
import type { StreamOpener } from '../stream-opener.ts'
import { parseSubscriptionBody, parseSubscriptionQuery } from '../subscription.ts'
import type { Subscription } from '../subscription.ts'
import { readJson } from './read-json.ts'
import { StreamSink } from './stream-sink.ts'

/** What the door can be told about one request. */
export interface FetchOptions {
  /** What to subscribe to. Default: read from the request's URL or JSON body, and `Last-Event-ID`. */
  readonly subscription?: Subscription | undefined
  /**
   * Whether to compress if the client accepts gzip and the node can. Default false: what is between the application and the client
   * may drop the header that says so (Next.js), compress once more (Workers), or read the stream on its way. Hono on Node, Bun
   * and Deno pass it on.
   */
  readonly compression?: boolean | undefined
}

/** Opens a session on a new response, or answers why not. Never rejects. */
export async function answerFetch(
  opener: StreamOpener,
  request: Request,
  options: FetchOptions,
): Promise<Response> {
  let subscription = options.subscription
  try {
    subscription ??= await readSubscription(opener, request)
    // Frameworks route HEAD to the handler of GET; it asks for the head only.
    if (request.method === 'HEAD') return new Response(null, { headers: streamHeaders })
    const compress = chooseCompress(opener, request, options)
    const sink = new StreamSink(request)
    await opener.open(compress?.(sink) ?? sink, subscription)
    const headers = compress === undefined ? streamHeaders : gzipStreamHeaders
    return new Response(sink.body, { headers })
  } catch (error) {
    // Who is sent away from the present comes back to it, not to a later one.
    const cursor = subscription?.start.kind === 'now' ? opener.liveCursor : undefined
    const refusal = { error, retryMs: opener.pickRetryMs(), cursor }
    return toResponse(answerRefusal(request.headers.get('accept') ?? undefined, refusal))
  }
}

async function readSubscription({ bodies }: StreamOpener, request: Request): Promise<Subscription> {
  const lastEventId = request.headers.get('last-event-id') ?? undefined
  const { method } = request
  if (method === 'POST') return parseSubscriptionBody(await readJson(request, bodies), lastEventId)
  if (method !== 'GET' && method !== 'HEAD') {
    // Where no router stands before the door, as with Bun and Deno: a CORS preflight must not open a session.
    throw new ServerError(
      'METHOD_NOT_ALLOWED',
      `A stream is asked for with GET or POST; got ${quote(method)}. Answer other methods before you call tide.fetch.`,
    )
  }
  const query = parseQueryText(new URL(request.url).search.slice(1))
  return parseSubscriptionQuery(query, lastEventId)
}

function chooseCompress(
  opener: StreamOpener,
  request: Request,
  { compression = false }: FetchOptions,
): Compress | undefined {
  const isAccepted = acceptsGzip(request.headers.get('accept-encoding') ?? undefined)
  return compression && isAccepted ? opener.compress : undefined
}

function toResponse({ status, headers, body }: Answer): Response {
  return new Response(new Uint8Array(body), { status, headers })
}
