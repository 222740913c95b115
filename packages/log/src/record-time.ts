// Record times never go back, whatever the clock does.

import type { Clock } from './clock.ts'

/** The time for the next record, and "now" for every question about age: whole milliseconds, never before `newest`. */
export function readRecordTime(clock: Clock, newest: number): number {
  return Math.max(Math.floor(clock.now()), newest)
}
