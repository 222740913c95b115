// Refused subscriptions through a response of Node's.

import { answerRefusal } from '../refusal.ts'
import type { Refusal } from '../refusal.ts'
import type { AnyResponse, NodeRequest } from './exchange.ts'
import { sendAnswer } from './send.ts'

/** Answers a refused subscription as {@link answerRefusal} says. A response that has already begun is cut off instead. */
export function refuse(request: NodeRequest, response: AnyResponse, refusal: Refusal): void {
  sendAnswer(response, answerRefusal(request.headers.accept, refusal))
}
