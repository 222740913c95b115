// The words of a refusal, read with a limit and turned into one error.

import { quote } from '@tidemark/wire/values'
import type { Clock } from './clock.ts'
import { ClientError } from './errors.ts'
import { problemBytesMax } from './limits.ts'
import { parseProblem } from './problem.ts'
import type { Problem } from './problem.ts'
import { readText } from './read-text.ts'

/**
 * The error that stands for an answer other than success: passing for 408, 425, 429 and 5xx, lasting
 * otherwise. Aborting `signal` ends the wait for the explanation.
 */
export async function readRefusal(
  response: Response,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<ClientError> {
  const { status } = response
  const problem = await readProblem(response, signal)
  const isPassing = status === 408 || status === 425 || status === 429 || status >= 500
  const said = problem?.detail ?? problem?.title
  const name = problem?.code === undefined ? '' : ` (${quote(problem.code)})`
  return new ClientError(
    isPassing ? 'SERVER_UNAVAILABLE' : 'REFUSED',
    `The server answered ${status}${name}. ${said ?? 'It gave no reason; look at its log.'}`,
    {
      status,
      problem,
      retryAfterMs: parseRetryAfter(response.headers.get('retry-after'), clock.now()),
    },
  )
}

/** Milliseconds of a `Retry-After` value (seconds or a date); undefined when it is neither. */
export function parseRetryAfter(value: string | null, now: number): number | undefined {
  if (value === null) return undefined
  if (/^\d+$/.test(value)) return Number(value) * 1000
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

async function readProblem(response: Response, signal: AbortSignal): Promise<Problem | undefined> {
  const isProblem = /^application\/(problem\+)?json\b/i.test(
    response.headers.get('content-type') ?? '',
  )
  // The status alone decides; a body that breaks off or falls silent only costs the explanation.
  const text = await readText(response, isProblem ? problemBytesMax : 0, signal).catch(() => '')
  return text === '' ? undefined : parseProblem(text)
}
