// Whole answers through a response of Node's.

import type { Answer } from '../refusal/problem.ts'
import { plainHeaders } from '../request/stream-headers.ts'
import type { AnyResponse } from './exchange.ts'

/** Sends an answer. A response that has already begun is cut off instead. */
export function sendAnswer(response: AnyResponse, { status, headers, body }: Answer): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  response.writeHead(status, { ...plainHeaders, ...headers })
  response.end(body)
}
