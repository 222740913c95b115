// Record times never go back, whatever the clock does.

import type { Clock } from './clock.ts'

/**
 * The time for the next record, and "now" for every question about age: whole milliseconds, never
 * before `newest`. An impossible time of the clock is ignored. Once stored, it would spoil every
 * later record's time.
 */
export function readRecordTime(clock: Clock, newest: number): number {
  const now = Math.floor(clock.now())
  return Number.isSafeInteger(now) && now > newest ? now : newest
}
