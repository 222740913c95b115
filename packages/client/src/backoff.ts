// How long to wait before the next attempt: exponential, fully jittered, never shorter than the server asks.

import type { Random } from './clock.ts'
import { retryDelayMinMs, retryHintMaxMs, timerDelayMaxMs } from './limits.ts'
import { optionError } from './option-error.ts'

/** When and how often to try again. */
export interface RetryOptions {
  /**
   * Upper bound of the first wait, in milliseconds; doubled per failure. Default 1,000, at most 2³¹ - 1
   * (24 days).
   */
  readonly baseMs?: number | undefined
  /**
   * Upper bound of every wait, in milliseconds. Default 30,000, at most 2³¹ - 1; what is above counts
   * as that.
   */
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
  if (typeof options !== 'object' || options === null)
    throw optionError('retry', 'an object such as { capMs: 5000 }', options)
  const { baseMs = 1_000, capMs = 30_000, attemptsMax = Infinity } = options
  if (!isNumberFrom(baseMs, 0))
    throw optionError('retry.baseMs', 'a number of milliseconds from 0', baseMs)
  if (!isNumberFrom(capMs, baseMs))
    throw optionError('retry.capMs', 'a number of milliseconds from baseMs', capMs)
  if (!isNumberFrom(attemptsMax, 1))
    throw optionError(
      'retry.attemptsMax',
      'a number from 1, which is to never try again',
      attemptsMax,
    )
  return { baseMs: boundDelay(baseMs), capMs: boundDelay(capMs), attemptsMax }
}

/** NaN is from nowhere. */
function isNumberFrom(value: unknown, min: number): value is number {
  return typeof value === 'number' && value >= min
}

function boundDelay(delayMs: number): number {
  return Math.min(delayMs, timerDelayMaxMs)
}

/** Everything that decides one wait. */
export interface Wait {
  readonly retry: RetryPolicy
  /** Attempts in a row that came to nothing; 0 after a connection that worked. */
  readonly failures: number
  /** Milliseconds the server asked for. */
  readonly hintMs: number | undefined
  readonly random: Random
}

/**
 * Milliseconds to wait. The jitter comes on top of the server's wish. Clients that were all told
 * `Retry-After: 5` must not all come back at once.
 */
export function planWait({ retry, failures, hintMs, random }: Wait): number {
  const ceiling = Math.min(retry.capMs, retry.baseMs * 2 ** Math.max(0, failures - 1))
  const least = Math.min(Math.max(hintMs ?? 0, retryDelayMinMs), retryHintMaxMs)
  const jitter = random() * Math.max(0, ceiling - retryDelayMinMs)
  // A random of the caller's may be anything; what it gives must not become a wait of 1 ms.
  return boundDelay(Math.round(least + (jitter > 0 ? jitter : 0)))
}
