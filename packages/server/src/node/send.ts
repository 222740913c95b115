// Whole answers through a response of Node's.

import { answerProblem } from '../problem.ts'
import type { Answer, Problem } from '../problem.ts'
import type { AnyResponse } from './exchange.ts'

/** Answers with a problem. A response that has already begun is cut off instead. */
export function sendProblem(response: AnyResponse, problem: Problem): void {
  sendAnswer(response, answerProblem(problem))
}

/** Sends an answer. A response that has already begun is cut off instead. */
export function sendAnswer(response: AnyResponse, { status, headers, body }: Answer): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  response.writeHead(status, headers)
  response.end(body)
}
