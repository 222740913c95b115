// Sends events and does not let go until the server has them: the same request, with the same key,
// until acknowledged.

import { planWait } from './backoff.ts'
import type { RetryOptions } from './backoff.ts'
import { wait } from './clock.ts'
import type { Clock, Random } from './clock.ts'
import { parseEndpoint } from './endpoint.ts'
import { ClientError, isPassing } from './errors.ts'
import { describe, resolveHeaders } from './headers.ts'
import type { Fetch, HeaderSource } from './headers.ts'
import { receiptBytesMax, publishTimeoutMs } from './limits.ts'
import { addTopic, buildPublishRequest } from './publish-request.ts'
import type { PublishRequest, PublishInput, PublishOptions, TopicInput } from './publish-request.ts'
import { readRefusal } from './read-refusal.ts'
import { readText } from './read-text.ts'
import { RequestPace } from './request-pace.ts'
import { parseRuntime } from './runtime.ts'
import type { Runtime } from './runtime.ts'
import { sendRequest } from './send-request.ts'
import type { Sending } from './send-request.ts'
import { Watch } from './watch.ts'

/** The server has the events, as durable as it is configured. */
export interface Receipt {
  /** The cursor of the last of the events. */
  readonly cursor: string
  /** Sessions of the answering node they go to now; 0 when it does not say. */
  readonly sessions: number
}

/** How a publisher sends. */
export interface PublisherOptions {
  /** Sent with every attempt; a function is asked anew each time. */
  readonly headers?: HeaderSource | undefined
  /** Default: the runtime's `fetch`. */
  readonly fetch?: Fetch | undefined
  /** Default: from 1 s doubling to 30 s, fully jittered, forever. */
  readonly retry?: RetryOptions | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
  /** Default: the runtime's randomness. It spreads attempts. */
  readonly random?: Random | undefined
}

/** Publishes events. */
export interface Publisher {
  /**
   * Sends an event and repeats the request, with the same key, through passing failures. Rejects, and
   * never throws at once.
   * @throws ClientError like `publishAll`
   */
  publish(topic: string, event: PublishInput, options?: PublishOptions): Promise<Receipt>
  /**
   * Sends events in one request, all or none, and repeats it likewise.
   * @throws ClientError `REFUSED`, `REQUEST_INVALID` (an event that is none, a key or header no request
   * can carry), `OPTIONS_INVALID`, `REDIRECT_INVALID`, `ANSWER_INVALID`, `RETRIES_EXHAUSTED`, or
   * `FEED_CLOSED` when aborted
   */
  publishAll(events: readonly TopicInput[], options?: PublishOptions): Promise<Receipt>
}

/**
 * A publisher for a hub's `/publish`.
 * @throws ClientError `URL_INVALID`, `OPTIONS_INVALID`
 * @example
 * ```ts
 * import { createPublisher } from '@tidemark/client'
 *
 * const publisher = createPublisher('http://127.0.0.1:7070/publish')
 * const { cursor } = await publisher.publish('orders/42', { type: 'paid', data: { total: 12 } })
 * console.log(cursor)
 * ```
 */
export function createPublisher(url: string | URL, options: PublisherOptions = {}): Publisher {
  const plan: PublishPlan = { ...parseRuntime(options), url: parseEndpoint(url).href }
  return {
    publish: async (topic, event, publishOptions = {}) =>
      publish(plan, buildPublishRequest([addTopic(topic, event)], publishOptions)),
    publishAll: async (events, publishOptions = {}) =>
      publish(plan, buildPublishRequest(events, publishOptions)),
  }
}

interface PublishPlan extends Runtime {
  readonly url: string
}

async function publish(plan: PublishPlan, request: PublishRequest): Promise<Receipt> {
  const { retry, random, clock } = plan
  const { signal } = request
  const pace = new RequestPace(clock)
  for (let failures = 1; ; failures++) {
    const outcome = await send(plan, request, pace)
    if (!(outcome instanceof ClientError)) return outcome
    if (signal.aborted) {
      throw new ClientError(
        'FEED_CLOSED',
        'Publishing was aborted; whether the events were published is unknown. Publish them again with the same key to be sure.',
        { cause: signal.reason },
      )
    }
    if (!isPassing(outcome)) throw outcome
    if (failures >= retry.attemptsMax) {
      throw new ClientError(
        'RETRIES_EXHAUSTED',
        `${failures} attempts to publish failed; the last one: ${outcome.message} Publish again with the same key to be sure.`,
        { cause: outcome, status: outcome.status, problem: outcome.problem },
      )
    }
    await wait(clock, planWait({ retry, failures, hintMs: outcome.retryAfterMs, random }), signal)
  }
}

/** One attempt, whatever comes of it. */
async function send(
  plan: PublishPlan,
  request: PublishRequest,
  pace: RequestPace,
): Promise<Receipt | ClientError> {
  const attempt = new AbortController()
  const watch = new Watch(plan.clock, undefined, (silentMs) => {
    const said = `The server gave no answer within ${silentMs} ms.`
    attempt.abort(new ClientError('CONNECTION_FAILED', said))
  })
  const leave = (): void => attempt.abort()
  request.signal.addEventListener('abort', leave)
  if (request.signal.aborted) leave()
  try {
    return await exchange(plan, request, { pace, signal: attempt.signal, watch })
  } catch (cause) {
    if (cause instanceof ClientError) return cause
    const said = `The connection broke: ${describe(cause)}.`
    return new ClientError('CONNECTION_FAILED', said, { cause })
  } finally {
    watch.stop()
    request.signal.removeEventListener('abort', leave)
  }
}

async function exchange(
  { url, headers: source, fetch, clock }: PublishPlan,
  { body, idempotencyKey, ifHead }: PublishRequest,
  sending: Pick<Sending, 'pace' | 'signal' | 'watch'>,
): Promise<Receipt | ClientError> {
  const { signal } = sending
  const headers = await resolveHeaders(source, clock, signal)
  headers.set('accept', 'application/json, application/problem+json')
  headers.set('content-type', 'application/json')
  headers.set('idempotency-key', idempotencyKey)
  if (ifHead !== undefined) headers.set('if-head', ifHead)
  signal.throwIfAborted()
  const request = { url, init: { method: 'POST', headers, body } }
  const response = await sendRequest(request, { ...sending, fetch, answerWaitMs: publishTimeoutMs })
  if (response.status >= 400) return readRefusal(response, { clock, signal })
  const text = await readText(response, receiptBytesMax, signal)
  return parseReceipt(text, response.status)
}

function parseReceipt(text: string, status: number): Receipt | ClientError {
  try {
    const value: unknown = JSON.parse(text)
    const { cursor, sessions } = Object(value) as { cursor?: unknown; sessions?: unknown }
    if (typeof cursor === 'string') {
      return { cursor, sessions: typeof sessions === 'number' ? sessions : 0 }
    }
  } catch {
    // Falls through to the error below, which covers both.
  }
  return new ClientError(
    'ANSWER_INVALID',
    `The answer to a publish must be JSON with a cursor, of at most ${receiptBytesMax} bytes; got something else. Check the URL: it must be a publish endpoint such as http://127.0.0.1:7070/publish.`,
    { status },
  )
}
