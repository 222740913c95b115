// The surroundings that every request needs, checked once.

import { parseRetry } from './backoff.ts'
import type { RetryOptions, RetryPolicy } from './backoff.ts'
import { systemClock, systemRandom } from './clock.ts'
import type { Clock, Random } from './clock.ts'
import { fetchOfRuntime } from './fetch-of-runtime.ts'
import type { Fetch, HeaderSource } from './headers.ts'
import { optionError } from './option-error.ts'

/** Options that feeds and publishers share. */
export interface RuntimeOptions {
  readonly headers?: HeaderSource | undefined
  readonly fetch?: Fetch | undefined
  readonly retry?: RetryOptions | undefined
  readonly signal?: AbortSignal | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
}

/** {@link RuntimeOptions}, checked and complete. */
export interface Runtime {
  readonly headers: HeaderSource | undefined
  readonly fetch: Fetch
  readonly retry: RetryPolicy
  readonly clock: Clock
  readonly random: Random
}

/**
 * Fills in the defaults.
 * @throws ClientError `OPTIONS_INVALID`
 */
export function parseRuntime(options: RuntimeOptions): Runtime {
  if (typeof options !== 'object' || options === null)
    throw optionError('The options', 'an object', options)
  const { headers, fetch = fetchOfRuntime, clock = systemClock, random = systemRandom } = options
  if (headers !== undefined && typeof headers !== 'function' && typeof headers !== 'object')
    throw optionError(
      'headers',
      'an object, a list of pairs, or a function that gives one',
      headers,
    )
  if (typeof fetch !== 'function') throw optionError('fetch', 'a function', fetch)
  // Without this, a runtime that has none would look like a server that cannot be reached, for ever.
  if (fetch === fetchOfRuntime && typeof globalThis.fetch !== 'function')
    throw optionError('fetch', 'given where the runtime has none', undefined)
  if (typeof clock?.now !== 'function' || typeof clock.after !== 'function')
    throw optionError('clock', 'an object with `now` and `after`', clock)
  if (typeof random !== 'function') throw optionError('random', 'a function', random)
  checkSignal(options.signal)
  return { headers, fetch, retry: parseRetry(options.retry), clock, random }
}

/** @throws ClientError `OPTIONS_INVALID` */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal !== undefined && typeof signal?.addEventListener !== 'function')
    throw optionError('signal', 'an AbortSignal', signal)
}
