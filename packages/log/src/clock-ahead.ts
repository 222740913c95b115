// Tells whether a log's clock is ahead of the machine's, in the words of every driver. A log's
// clock never runs behind its newest record.

import { clockAheadMs } from './limits.ts'

/** Times in milliseconds since 1970. */
export interface ClockTimes {
  /** Of the newest record. */
  readonly headTime: number
  /** By the machine's clock. */
  readonly now: number
}

export function isClockAhead({ headTime, now }: ClockTimes): boolean {
  return headTime - now > clockAheadMs
}

/**
 * One line for operators.
 * @param remedy the remedy if the machine's clock is right, as the middle of a sentence
 */
export function describeClockAhead({ headTime, now }: ClockTimes, remedy: string): string {
  const [newest, machine] = [headTime, now].map((time) => formatTime(time))
  return `The newest event is dated ${newest}, and the machine's clock says ${machine}: until then events get that date, do not expire by age, and are all young enough for \`since\`. If the machine's clock is right, ${remedy}; else set the clock.`
}

/** To the second, UTC; times out of range of a date as numbers. */
export function formatTime(timeMs: number): string {
  const date = new Date(timeMs)
  return Number.isNaN(date.getTime()) ? String(timeMs) : `${date.toISOString().slice(0, 19)}Z`
}
