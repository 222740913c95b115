// The Fetch API's door: a `Request` becomes a subscription, a `Response` its stream. No `node:` anywhere.

import { quoteValue } from '@tidemark/wire/values'
import { acceptsGzip } from '../request/accept-encoding.ts'
import type { RequestFacts } from '../request/authorize.ts'
import { ServerError } from '../errors.ts'
import { openSubscription } from '../request/open-subscription.ts'
import type { Door, StreamRequest } from '../request/open-subscription.ts'
import { answerRefusal } from '../refusal/refusal.ts'
import type { Refusal } from '../refusal/refusal.ts'
import { readDoorOptions } from '../request/require-stream.ts'
import type { Sink } from '../session/sink.ts'
import { gzipStreamHeaders, streamHeaders } from '../request/stream-headers.ts'
import type { StreamHeaders } from '../request/stream-headers.ts'
import type { StreamOpener } from '../request/stream-opener.ts'
import type { QueryOptions } from '../request/subscription.ts'
import { choiceNames } from '../request/topic-choice.ts'
import type { TopicChoice } from '../request/topic-choice.ts'
import { describeRequest, keepRequest } from './describe-request.ts'
import { readJson } from './read-json.ts'
import { requireRequest } from './require-request.ts'
import { StreamSink } from './stream-sink.ts'

/** The options of the door for one request. */
export interface FetchOptions extends QueryOptions, TopicChoice {
  /** The body of a POST, where somebody has read it already. */
  readonly body?: unknown
  /**
   * Whether to compress if the client accepts gzip and the node can. Default false, because of frameworks and
   * runtimes between the application and the client. They may drop the header that says so (Next.js),
   * compress once more (Workers), or read the stream on its way. Hono on Node, Bun and Deno pass it on.
   */
  readonly compression?: boolean | undefined
}

/** Opens a session on a new response, or answers why not. Never rejects. */
export function answerFetch(
  opener: StreamOpener,
  request: Request,
  options: FetchOptions | undefined,
): Promise<Response> {
  return openSubscription(opener, new FetchDoor(opener, request, options))
}

const optionNames = [...choiceNames, 'body', 'compression'] as const

class FetchDoor implements Door<Response> {
  readonly name = 'tide.fetch'
  /** Runtimes of the Fetch API have no gzip that answers at once. */
  readonly pack = undefined
  readonly #opener: StreamOpener
  readonly #request: Request
  readonly #given: FetchOptions | undefined
  #options: Partial<FetchOptions> = {}
  #accept: string | undefined
  #stream: StreamSink | undefined
  #headers: StreamHeaders = streamHeaders

  constructor(opener: StreamOpener, request: Request, options: FetchOptions | undefined) {
    this.#opener = opener
    this.#request = request
    this.#given = options
  }

  readHead(): StreamRequest {
    const request = this.#request
    requireRequest(request, 'tide.fetch')
    this.#accept = request.headers.get('accept') ?? undefined
    const options = readDoorOptions(this.#given, optionNames)
    checkCompression(options)
    this.#options = options
    return {
      method: request.method,
      query: new URL(request.url).search.slice(1),
      lastEventId: request.headers.get('last-event-id') ?? undefined,
      options,
    }
  }

  /** Each request has a response of its own from the start. */
  begin(): Promise<boolean> {
    return Promise.resolve(true)
  }

  async readBody(): Promise<unknown> {
    return this.#options.body ?? readJson(this.#request, this.#opener.bodies)
  }

  describe(): RequestFacts {
    return describeRequest(this.#request)
  }

  keep(): RequestFacts {
    return keepRequest(this.#request)
  }

  openSink({ isPlain }: { readonly isPlain: boolean }): Sink {
    const compression = this.#options.compression === true && !isPlain
    const isAccepted = acceptsGzip(this.#request.headers.get('accept-encoding') ?? undefined)
    const compress = compression && isAccepted ? this.#opener.compress : undefined
    if (compress !== undefined) this.#headers = gzipStreamHeaders
    this.#stream = new StreamSink(this.#request)
    return compress?.(this.#stream) ?? this.#stream
  }

  answerStream(): Response {
    return new Response(this.#stream?.body ?? null, { headers: this.#headers })
  }

  answerHead(): Response {
    return new Response(null, { headers: streamHeaders })
  }

  answerNobody(): Response {
    return Response.error()
  }

  refuse(refusal: Refusal): Response {
    const { status, headers, body } = answerRefusal(this.#accept, refusal)
    return new Response(new Uint8Array(body), { status, headers })
  }
}

function checkCompression({ compression }: FetchOptions): void {
  if (compression === undefined || typeof compression === 'boolean') return
  throw new ServerError(
    'OPTION_INVALID',
    `compression must be true or false; got ${quoteValue(compression)}.`,
  )
}
