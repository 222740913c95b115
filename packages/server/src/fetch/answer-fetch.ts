// The Fetch API's door: a `Request` becomes a subscription, a `Response` its stream. No `node:` anywhere.

import { acceptsGzip } from '../accept-encoding.ts'
import { checkMethod } from '../check-method.ts'
import { ServerError } from '../errors.ts'
import type { Answer } from '../problem.ts'
import { quoteValue } from '../quote.ts'
import { hasMethods, readMembers } from '../read-members.ts'
import { answerRefusal } from '../refusal.ts'
import { readDoorOptions } from '../require-stream.ts'
import type { Compress } from '../sink.ts'
import { gzipStreamHeaders, streamHeaders } from '../stream-headers.ts'
import type { StreamOpener } from '../stream-opener.ts'
import { parseSubscriptionBody, parseSubscriptionText } from '../subscription.ts'
import type { QueryOptions, Subscription } from '../subscription.ts'
import { readJson } from './read-json.ts'
import { StreamSink } from './stream-sink.ts'

/** What the door can be told about one request. */
export interface FetchOptions extends QueryOptions {
  /** What to subscribe to. Default: read from the request's URL or JSON body, and `Last-Event-ID`. */
  readonly subscription?: Subscription | undefined
  /** The body of a POST, where somebody has read it already. */
  readonly body?: unknown
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
  given: FetchOptions | undefined,
): Promise<Response> {
  let subscription: Subscription | undefined
  let accept: string | undefined
  try {
    requireRequest(request)
    accept = request.headers.get('accept') ?? undefined
    const options = readDoorOptions<FetchOptions>(given)
    checkCompression(options)
    checkMethod(request.method, 'tide.fetch')
    subscription = options.subscription ?? (await readSubscription(opener, request, options))
    // Frameworks route HEAD to the handler of GET; it asks for the head only.
    if (request.method === 'HEAD') return new Response(null, { headers: streamHeaders })
    const compress = chooseCompress(opener, request, options)
    const sink = new StreamSink(request)
    await opener.open(compress?.(sink) ?? sink, subscription)
    const headers = compress === undefined ? streamHeaders : gzipStreamHeaders
    return new Response(sink.body, { headers })
  } catch (error) {
    // A client that asked for `now` gets the live cursor with its refusal, so that it resumes from this moment.
    const cursor = subscription?.start.kind === 'now' ? opener.liveCursor : undefined
    const refusal = { error, retryMs: opener.pickRetryMs(), cursor }
    return toResponse(answerRefusal(accept, refusal))
  }
}

/** Where there is no request, the answer is the only place to say so. */
function requireRequest(request: Request): void {
  const what = 'What tide.fetch answers'
  const { headers } = readMembers(request, ['headers'], { code: 'OPTION_INVALID', what })
  if (hasMethods(headers, ['get'])) return
  throw new ServerError(
    'OPTION_INVALID',
    `${what} is a Request of the Fetch API. Requests of node:http go to tide.subscribe.`,
  )
}

function checkCompression({ compression }: FetchOptions): void {
  if (compression === undefined || typeof compression === 'boolean') return
  throw new ServerError(
    'OPTION_INVALID',
    `compression must be true or false; got ${quoteValue(compression)}.`,
  )
}

async function readSubscription(
  { bodies }: StreamOpener,
  request: Request,
  options: FetchOptions,
): Promise<Subscription> {
  const lastEventId = request.headers.get('last-event-id') ?? undefined
  if (request.method === 'POST')
    return parseSubscriptionBody(options.body ?? (await readJson(request, bodies)), lastEventId)
  return parseSubscriptionText(new URL(request.url).search.slice(1), lastEventId, options)
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
