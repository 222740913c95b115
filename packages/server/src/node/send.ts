// Whole answers through a response of `node:http`.

import type { ServerResponse } from 'node:http'
import { answerProblem } from '../problem.ts'
import type { Answer, Problem } from '../problem.ts'

/** Answers with a problem. A response that has already begun is cut off instead. */
export function sendProblem(response: ServerResponse, problem: Problem): void {
  sendAnswer(response, answerProblem(problem))
}

/** Sends an answer. A response that has already begun is cut off instead. */
export function sendAnswer(response: ServerResponse, { status, headers, body }: Answer): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  response.writeHead(status, headers)
  response.end(body)
}
