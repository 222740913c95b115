// Refused subscriptions through a response of `node:http`.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { answerRefusal } from '../refusal.ts'
import type { Refusal } from '../refusal.ts'
import { sendAnswer } from './send.ts'

/** Answers a refused subscription as {@link answerRefusal} says. A response that has already begun is cut off instead. */
export function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  sendAnswer(response, answerRefusal(request.headers.accept, refusal))
}
