// The door of Node's HTTP servers: a request becomes a subscription, its response a sink.

import { quoteValue } from '@tidemark/wire/values'
import { acceptsGzip } from '../request/accept-encoding.ts'
import { ServerError } from '../errors.ts'
import { openSubscription } from '../request/open-subscription.ts'
import type { Door, StreamRequest } from '../request/open-subscription.ts'
import type { PackText } from '../framing/packed.ts'
import type { Refusal } from '../refusal/refusal.ts'
import { readDoorOptions } from '../request/require-stream.ts'
import type { Sink } from '../session/sink.ts'
import type { SessionHandle } from '../session/session-handle.ts'
import { streamHeaders } from '../request/stream-headers.ts'
import type { QueryOptions } from '../request/subscription.ts'
import type { StreamOpener } from '../request/stream-opener.ts'
import { choiceNames } from '../request/topic-choice.ts'
import type { TopicChoice } from '../request/topic-choice.ts'
import type { RequestFacts } from '../request/authorize.ts'
import { describeRequest, keepRequest } from './describe-request.ts'
import { isHttp2, readHeader } from './exchange.ts'
import type { NodeRequest, NodeResponse } from './exchange.ts'
import { checkHeaderCount } from './header-count.ts'
import { forwardDestroy } from './forward-destroy.ts'
import { openSink } from './open-sink.ts'
import type { SocketWay } from './open-sink.ts'
import { readJson } from './read-json.ts'
import { refuse } from './refuse.ts'
import { hasTurn } from './response-turn.ts'
import { claimCarrier } from './streaming.ts'
import { sendStreamHead } from './stream-head.ts'

/** The options of the door for one request. */
export interface SubscribeOptions extends QueryOptions, TopicChoice {
  /**
   * The body of a POST, where a framework has read it and keeps it apart from the request: `request.body` of
   * Fastify.
   */
  readonly body?: unknown
  /**
   * Reads the body of a POST as JSON, when its turn has come. Default: the door reads it, up to 512 KiB. An
   * error that it throws is not answered: `tide.subscribe` rejects with it.
   */
  readonly readBody?: (() => Promise<unknown>) | undefined
  /**
   * Default `auto`: straight to the socket where nothing has wrapped the response, else through
   * `response.write`.
   */
  readonly way?: SocketWay | undefined
}

/**
 * Opens a session on a response, or answers why not: undefined then. Rejects only with what `readBody` of the
 * options throws.
 */
export function subscribe(
  opener: StreamOpener,
  exchange: { readonly request: NodeRequest; readonly response: NodeResponse },
  options: SubscribeOptions | undefined,
): Promise<SessionHandle | undefined> {
  const { response } = exchange
  // At once: the application may destroy the request in this very turn.
  if (isHttp2(response)) forwardDestroy(response)
  return openSubscription(opener, new NodeDoor(opener, exchange, options))
}

const optionNames = [...choiceNames, 'body', 'readBody', 'way'] as const

class NodeDoor implements Door<SessionHandle | undefined> {
  readonly name = 'tide.subscribe'
  readonly #opener: StreamOpener
  readonly #request: NodeRequest
  readonly #response: NodeResponse
  readonly #given: SubscribeOptions | undefined
  #options: Partial<SubscribeOptions> = {}
  /** The error of the application's own reader of the body. */
  #fault: { readonly error: unknown } | undefined

  constructor(
    opener: StreamOpener,
    { request, response }: { readonly request: NodeRequest; readonly response: NodeResponse },
    options: SubscribeOptions | undefined,
  ) {
    this.#opener = opener
    this.#request = request
    this.#response = response
    this.#given = options
  }

  readHead(): StreamRequest {
    const options = readDoorOptions(this.#given, optionNames)
    checkOptions(options)
    this.#options = options
    const request = this.#request
    checkHeaderCount(request)
    const url = request.url ?? '/'
    const queryAt = url.indexOf('?')
    return {
      method: request.method ?? 'GET',
      query: queryAt === -1 ? '' : url.slice(queryAt + 1),
      lastEventId: readHeader(request, 'last-event-id'),
      options,
    }
  }

  begin(): Promise<boolean> {
    // Before a body is read, so that nothing that comes behind it is taken for a request.
    claimCarrier(this.#request, this.#response)
    // Before a set of topics is parsed, which would wait in line as well.
    return hasTurn(this.#request, this.#response)
  }

  async readBody(): Promise<unknown> {
    const { body, readBody } = this.#options
    if (readBody === undefined) return body ?? readJson(this.#request, this.#opener.bodies)
    try {
      return await readBody()
    } catch (error) {
      this.#fault = { error }
      throw error
    }
  }

  describe(): RequestFacts {
    return describeRequest(this.#request)
  }

  keep(): RequestFacts {
    return keepRequest(this.#request)
  }

  get pack(): PackText | undefined {
    return this.#opener.pack
  }

  openSink({ isPlain }: { readonly isPlain: boolean }): Sink {
    const isGzip = !isPlain && acceptsGzip(readHeader(this.#request, 'accept-encoding'))
    const compress = isGzip ? this.#opener.compress : undefined
    return openSink(this.#response, { way: this.#options.way ?? 'auto', compress })
  }

  /**
   * The sink sends the head with its first block. A client that has left meanwhile has closed its session.
   */
  answerStream({ id }: SessionHandle): SessionHandle | undefined {
    return this.#opener.session(id)
  }

  answerHead(): undefined {
    sendStreamHead(this.#response, streamHeaders)
    this.#response.end()
  }

  answerNobody(): undefined {
    // There is nobody to answer.
  }

  refuse(refusal: Refusal): undefined {
    if (this.#fault !== undefined) throw this.#fault.error
    refuse(this.#request, this.#response, refusal)
  }
}

function checkOptions({ way, readBody }: Partial<SubscribeOptions>): void {
  if (way !== undefined && way !== 'auto' && way !== 'response') {
    throw new ServerError('OPTION_INVALID', `way must be auto or response; got ${quoteValue(way)}.`)
  }
  if (readBody === undefined || typeof readBody === 'function') return
  throw new ServerError(
    'OPTION_INVALID',
    `readBody must be a function that gives the JSON of the body; got ${quoteValue(readBody)}.`,
  )
}
