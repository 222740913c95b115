// Errors as `application/problem+json` (RFC 9457), and what else is answered whole.

/** An answer that is no open stream: known as a whole before its first byte leaves. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

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
  /** The methods that `Allow` lists. */
  readonly allow?: string | undefined
  /** The content codings a body may have: what `Accept-Encoding` says in an answer (RFC 9110 §12.5.3). */
  readonly acceptEncoding?: string | undefined
}

const encoder = new TextEncoder()

/** The answer that says what is wrong. */
export function answerProblem(problem: Problem): Answer {
  const { status, code, title, detail, retryMs, allow, acceptEncoding } = problem
  const body = encoder.encode(`${JSON.stringify({ status, code, title, detail })}\n`)
  return {
    status,
    headers: {
      'Content-Type': 'application/problem+json',
      'Content-Length': String(body.length),
      'Cache-Control': 'no-store',
      ...(allow === undefined ? {} : { Allow: allow }),
      ...(acceptEncoding === undefined ? {} : { 'Accept-Encoding': acceptEncoding }),
      ...(retryMs === undefined ? {} : { 'Retry-After': String(Math.ceil(retryMs / 1000)) }),
    },
    body,
  }
}
