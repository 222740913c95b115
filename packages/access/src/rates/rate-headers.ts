// The fields that tell a client of a rate (draft-ietf-httpapi-ratelimit-headers-07, §5).

import { AccessError } from '../errors.ts'
import type { RateState } from './hub-counts.ts'

/** The fields of an answer. */
export interface RateHeaders {
  readonly 'RateLimit-Limit': string
  readonly 'RateLimit-Remaining': string
  /** Seconds until the window ends. */
  readonly 'RateLimit-Reset': string
}

/** Undefined for a rate that is counted and has no limit. */
export function describeRate({ used, limit, resetMs }: RateState): RateHeaders | undefined {
  if (limit === null) return undefined
  return {
    'RateLimit-Limit': String(limit),
    'RateLimit-Remaining': String(Math.max(0, limit - used)),
    'RateLimit-Reset': String(secondsOf(resetMs)),
  }
}

/** The refusal of what goes beyond a rate. */
export function rateLimited(what: string, state: RateState): AccessError {
  const seconds = secondsOf(state.resetMs)
  return new AccessError('RATE_LIMITED', `${what} Try again in ${seconds} s.`, {
    headers: { 'Retry-After': String(seconds), ...describeRate(state) },
  })
}

function secondsOf(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1_000))
}
