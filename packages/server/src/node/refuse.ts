// Saying no to a subscription so that a client which should come back does.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { encodeBye } from '../control-events.ts'
import type { ByeReason } from '../control-events.ts'
import { ServerError, serverErrors } from '../errors.ts'
import type { ServerErrorCode } from '../errors.ts'
import { sendProblem } from './problem.ts'
import { streamHeaders } from './stream-head.ts'

/** What is refused, and when to come back if it passes. */
export interface Refusal {
  readonly error: unknown
  readonly retryMs: number
  /** Where the stream would have begun, for a client that brought no cursor: it comes back with this one. */
  readonly cursor?: string | undefined
}

const byeReasons: Readonly<Partial<Record<ServerErrorCode, ByeReason>>> = {
  FULL: 'full',
  DRAINING: 'draining',
  LOG_UNAVAILABLE: 'log-unavailable',
}

/**
 * Answers a refused subscription. Lasting refusals are statuses. A passing one is, for a request that accepts only
 * `text/event-stream`, a stream of `retry` and `tidemark.bye` that ends: browsers give up for good on any status but 200.
 */
export function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  const { error, retryMs, cursor } = refusal
  if (!(error instanceof ServerError)) {
    sendProblem(response, {
      status: 500,
      code: 'INTERNAL',
      title: 'The server made a mistake.',
      detail:
        'The request could not be answered because of a fault in the server. Try again; if it stays, report it.',
    })
    return
  }
  const reason = byeReasons[error.code]
  if (
    reason !== undefined &&
    acceptsOnlyEventStream(request.headers.accept) &&
    !response.headersSent
  ) {
    response.writeHead(200, streamHeaders)
    response.end(encodeBye(reason, retryMs, cursor).bytes)
    return
  }
  sendProblem(response, {
    status: error.status,
    code: error.code,
    title: serverErrors[error.code],
    detail: error.message,
    retryMs: error.isPassing ? retryMs : undefined,
  })
}

/** Whether an `Accept` header names `text/event-stream` and nothing else, as an EventSource's does. */
function acceptsOnlyEventStream(accept: string | undefined): boolean {
  if (accept === undefined) return false
  const types = accept.split(',').map((range) => range.split(';', 1)[0]?.trim().toLowerCase())
  return types.every((type) => type === 'text/event-stream')
}
