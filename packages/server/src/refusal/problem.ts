// Errors as `application/problem+json` (RFC 9457), and what else is answered whole.

import { plainHeaders } from '../request/stream-headers.ts'
import type { CodeHeader, CodedError } from './coded-error.ts'

/** An answer that is no open stream: known as a whole before its first byte leaves. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** An error as a client gets it. */
interface Problem {
  readonly status: number
  /** Stable, for programs. */
  readonly code: string
  /** The meaning of the code, the same every time. */
  readonly title: string
  /** The mistake of this request, and the way out. */
  readonly detail: string
}

const encoder = new TextEncoder()

/** The answer that says what is wrong, with headers beside those of every problem. */
function answerProblem(
  { status, code, title, detail }: Problem,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const body = encoder.encode(`${JSON.stringify({ status, code, title, detail })}\n`)
  return {
    status,
    headers: {
      'Content-Type': 'application/problem+json',
      'Content-Length': String(body.length),
      'Cache-Control': 'no-store',
      ...plainHeaders,
      ...headers,
    },
    body,
  }
}

/**
 * The answer to a coded error, as the row of its code says. `retryMs`: when to come back, for `Retry-After`.
 */
export function answerCoded(error: CodedError, retryMs?: number): Answer {
  const { row, status, code, message: detail } = error
  const headers: Partial<Record<CodeHeader, string>> = {}
  for (const name of Object.keys(row.headers ?? {}) as CodeHeader[]) {
    const value = valueOf(name, error, retryMs)
    if (value !== undefined) headers[name] = value
  }
  return answerProblem({ status, code, title: row.title, detail }, headers)
}

/** Values that Node takes (RFC 9110 §5.5). Anything else would throw in place of the answer. */
const valueShape = /^[\t\x20-\x7e]*$/

function valueOf(
  name: CodeHeader,
  { row, headers }: CodedError,
  retryMs: number | undefined,
): string | undefined {
  const given = headers[name]
  const value = given !== undefined && valueShape.test(given) ? given : row.headers?.[name]
  if (value !== 'varies') return value
  if (name !== 'Retry-After' || retryMs === undefined) return undefined
  return String(Math.ceil(retryMs / 1000))
}
