// Saying no to a subscription so that a client which should come back does, whichever door it came by.

import { CodedError } from './coded-error.ts'
import { encodeBye } from '../framing/control-events.ts'
import { ServerError } from '../errors.ts'
import { answerCoded } from './problem.ts'
import type { Answer } from './problem.ts'
import { streamHeaders } from '../request/stream-headers.ts'

/** A refused request, and when to come back if the refusal passes. */
export interface Refusal {
  readonly error: unknown
  readonly retryMs: number
  /** Where the stream would have begun, for a client that brought no cursor: it comes back with this one. */
  readonly cursor?: string | undefined
}

/**
 * The answer to a refused subscription, by the request's `Accept` header. Lasting refusals are statuses. If
 * the request accepts only `text/event-stream`, a passing refusal is a stream of `retry` and `tidemark.bye`
 * that ends. Browsers give up for good on any status but 200.
 */
export function answerRefusal(accept: string | undefined, refusal: Refusal): Answer {
  const { error, retryMs, cursor } = refusal
  const isPassing = error instanceof CodedError && error.isPassing
  if (isPassing && acceptsOnlyEventStream(accept)) {
    const bye = encodeBye(error.row.bye ?? 'full', readRetryMs(error, retryMs), cursor)
    return { status: 200, headers: streamHeaders, body: bye.bytes }
  }
  return answerError(refusal)
}

/** An error that says itself when to come back knows better than the node. */
function readRetryMs({ headers }: CodedError, otherwise: number): number {
  const given = headers['Retry-After']
  const isSeconds = given !== undefined && /^\d{1,7}$/.test(given)
  return isSeconds ? Math.max(otherwise, Number(given) * 1_000) : otherwise
}

/**
 * The answer to any other refused request: always a problem, because a publisher would take 200 for stored.
 */
export function answerError({ error, retryMs }: Refusal): Answer {
  // The message quotes values of the application, which may be another user's. It is for `onError`.
  if (error instanceof ServerError && error.code === 'OPTION_INVALID')
    return answerCoded(new ServerError('OPTION_INVALID', optionDetail))
  if (error instanceof CodedError) return answerCoded(error, retryMs)
  // The message of an error without a code may say anything, so a client does not get it.
  const internal = new ServerError(
    'INTERNAL',
    'The request could not be answered because of a fault in the server. Try again; if it stays, report it.',
  )
  return answerCoded(internal)
}

const optionDetail =
  'The application has handed in something that Tidemark does not take. Its onError has been told what.'

/** Whether an `Accept` header names `text/event-stream` and nothing else, as an EventSource's does. */
function acceptsOnlyEventStream(accept: string | undefined): boolean {
  if (accept === undefined) return false
  const types = accept.split(',').map((range) => range.split(';', 1)[0]?.trim().toLowerCase())
  return types.every((type) => type === 'text/event-stream')
}
