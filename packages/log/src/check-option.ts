// Options that callers hand to this room and to drivers: checked alike, with the same defaults.

import type { Clock } from './clock.ts'
import { LogError } from './errors.ts'
import { quoteValue } from './quote.ts'
import { hasMethods } from './read-members.ts'

/** The error of an option that cannot be used. */
export function invalidOption(wanted: string, got: unknown): LogError {
  return new LogError('OPTION_INVALID', `${wanted}; got ${quoteValue(got)}.`)
}

/** @throws LogError `OPTION_INVALID` when it is no clock */
export function requireClock(clock: unknown): asserts clock is Clock {
  if (hasMethods(clock, ['now', 'elapsed', 'after'])) return
  throw invalidOption('clock must have the functions now, elapsed and after', clock)
}

/** @throws LogError `OPTION_INVALID` when it is given and no function */
export function requireFunction(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return
  throw invalidOption(`${name} must be a function`, value)
}

/** Random bytes of the platform. */
export function drawRandomBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count))
}

/** Throws on its own, so that the error ends as any uncaught error of the platform does. */
export function throwUncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}
