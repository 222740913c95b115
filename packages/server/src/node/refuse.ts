// Refused subscriptions through a response of Node's.

import { CodedError } from '../refusal/coded-error.ts'
import { answerRefusal } from '../refusal/refusal.ts'
import type { Refusal } from '../refusal/refusal.ts'
import type { AnyResponse, NodeRequest } from './exchange.ts'
import { sendAnswer } from './send.ts'

/** Why a response refuses, for one that wants to know more than its status. */
const reasons = new WeakMap<object, unknown>()

/** The error that a response of a subscription was refused with; undefined where it was not. */
export function refusalOf(response: AnyResponse): unknown {
  return reasons.get(response)
}

/**
 * Answers a refused subscription as {@link answerRefusal} says. A response that has already begun is cut off
 * instead.
 */
export function refuse(request: NodeRequest, response: AnyResponse, refusal: Refusal): void {
  reasons.set(response, refusal.error)
  const answer = answerRefusal(request.headers.accept, refusal)
  // A client that comes back later needs no connection until then. If the connections of all refused clients
  // were kept alive, they would take the places of clients that a full node could serve. HTTP/2 has many
  // streams on one.
  const isSentAway = refusal.error instanceof CodedError && refusal.error.isPassing
  const headers =
    isSentAway && request.httpVersionMajor === 1
      ? { ...answer.headers, Connection: 'close' }
      : answer.headers
  sendAnswer(response, { ...answer, headers })
}
