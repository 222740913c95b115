// Keeps a feed connected: one attempt after the other, each where the last one ended.

import { attempt } from './attempt.ts'
import type { AttemptSink, Carried, Link } from './attempt.ts'
import { planWait } from './backoff.ts'
import type { RetryPolicy } from './backoff.ts'
import { wait } from './clock.ts'
import type { Random } from './clock.ts'
import { ClientError, isPassing } from './errors.ts'

/** Everything that following needs besides the link. */
export interface FollowPlan extends Link {
  readonly retry: RetryPolicy
  readonly random: Random
  /** Where to begin, with an empty cursor for none. */
  readonly start: Carried
}

/** Resolves with the error that ends the feed, or with undefined once `signal` aborts. Never rejects. */
export async function follow(
  plan: FollowPlan,
  sink: AttemptSink,
  signal: AbortSignal,
): Promise<ClientError | undefined> {
  const { retry, random, clock } = plan
  let carried: Carried = plan.start
  let failures = 0
  while (!signal.aborted) {
    sink.setState({ phase: 'connecting', attempt: failures + 1 })
    const end = await attempt({ ...plan, ...carried }, sink, signal)
    if (signal.aborted) return undefined
    if (!isPassing(end.error)) return end.error
    carried = end
    failures = end.hasServed ? 0 : failures + 1
    if (failures >= retry.attemptsMax) return exhausted(failures, end.error)
    const delayMs = planWait({ retry, failures, hintMs: end.hintMs, random })
    sink.setState({ phase: 'waiting', delayMs, error: end.error })
    await wait(clock, delayMs, signal)
  }
  return undefined
}

function exhausted(failures: number, cause: ClientError): ClientError {
  return new ClientError(
    'RETRIES_EXHAUSTED',
    `${failures} attempts in a row came to nothing; the last one: ${cause.message} Raise retry.attemptsMax to go on longer.`,
    { cause, status: cause.status, problem: cause.problem },
  )
}
