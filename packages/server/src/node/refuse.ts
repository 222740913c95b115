// Refused subscriptions through a response of Node's.

import { CodedError } from '../refusal/coded-error.ts'
import { answerRefusal } from '../refusal/refusal.ts'
import type { Refusal } from '../refusal/refusal.ts'
import type { AnyResponse, NodeRequest } from './exchange.ts'
import { sendAnswer } from './send.ts'

/**
 * Answers a refused subscription as {@link answerRefusal} says. A response that has already begun is cut off
 * instead.
 */
export function refuse(request: NodeRequest, response: AnyResponse, refusal: Refusal): void {
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
