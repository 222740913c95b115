// How long to wait before the next attempt: exponential, fully jittered, never shorter than the server asks.

import type { Random } from './clock.ts'
import { ClientError } from './errors.ts'
import { retryDelayMinMs, retryHintMaxMs } from './limits.ts'

/** When and how often to try again. */
export interface RetryOptions {
  /** Upper bound of the first wait, in milliseconds; doubled per failure. Default 1,000. */
  readonly baseMs?: number | undefined
  /** Upper bound of every wait, in milliseconds. Default 30,000. */
  readonly capMs?: number | undefined
  /** Attempts in a row that may come to nothing; 1 = never try again. Default `Infinity`. */
  readonly attemptsMax?: number | undefined
}

/** {@link RetryOptions}, checked and complete. */
export interface RetryPolicy {
  readonly baseMs: number
  readonly capMs: number
  readonly attemptsMax: number
}

/**
 * Fills in the defaults.
 * @throws ClientError `OPTIONS_INVALID`
 */
export function parseRetry(options: RetryOptions = {}): RetryPolicy {
  const { baseMs = 1_000, capMs = 30_000, attemptsMax = Infinity } = options
  if (!(baseMs >= 0) || !(capMs >= baseMs) || !Number.isFinite(capMs)) {
    throw new ClientError(
      'OPTIONS_INVALID',
      `retry needs 0 <= baseMs <= capMs, in milliseconds; got baseMs ${baseMs} and capMs ${capMs}.`,
    )
  }
  if (!(attemptsMax >= 1)) {
    throw new ClientError(
      'OPTIONS_INVALID',
      `retry.attemptsMax must be at least 1; got ${attemptsMax}. Use 1 to never try again.`,
    )
  }
  return { baseMs, capMs, attemptsMax }
}

/** What decides one wait. */
export interface Wait {
  readonly retry: RetryPolicy
  /** Attempts in a row that came to nothing; 0 after a connection that worked. */
  readonly failures: number
  /** Milliseconds the server asked for. */
  readonly hintMs: number | undefined
  readonly random: Random
}

/**
 * Milliseconds to wait. The jitter comes on top of what the server asked for: clients that
 * were all told `Retry-After: 5` must not all come back in the same instant.
 */
export function planWait({ retry, failures, hintMs, random }: Wait): number {
  const ceiling = Math.min(retry.capMs, retry.baseMs * 2 ** Math.max(0, failures - 1))
  const least = Math.min(Math.max(hintMs ?? 0, retryDelayMinMs), retryHintMaxMs)
  return Math.round(least + random() * Math.max(0, ceiling - retryDelayMinMs))
}
