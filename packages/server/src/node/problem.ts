// Errors as `application/problem+json` (RFC 9457).

import type { ServerResponse } from 'node:http'

/** An error as a client gets it. */
export interface Problem {
  readonly status: number
  /** Stable, for programs. */
  readonly code: string
  /** What the code means, the same every time. */
  readonly title: string
  /** What was wrong this time, and what to do. */
  readonly detail: string
  /** Says in `Retry-After` when to come back. Milliseconds. */
  readonly retryMs?: number | undefined
}

/** Answers with a problem. A response that has already begun is cut off instead. */
export function sendProblem(response: ServerResponse, problem: Problem): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const { status, code, title, detail, retryMs } = problem
  const body = Buffer.from(`${JSON.stringify({ status, code, title, detail })}\n`)
  response.writeHead(status, {
    'Content-Type': 'application/problem+json',
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
    ...(retryMs === undefined ? {} : { 'Retry-After': Math.ceil(retryMs / 1000) }),
  })
  response.end(body)
}
