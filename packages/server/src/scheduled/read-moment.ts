// When an event is to be published.

import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { scheduleAheadMsMax } from './limits.ts'
import type { ScheduleOptions } from './scheduled-event.ts'

/**
 * The moment in milliseconds since 1970.
 * @throws ServerError `SCHEDULE_INVALID`
 */
export function readMoment(
  { at, delayMs, idempotencyKey }: Partial<ScheduleOptions>,
  now: number,
): number {
  if ((at === undefined) === (delayMs === undefined))
    throw invalid('takes one of at and delay', at ?? 'neither')
  if (delayMs !== undefined && idempotencyKey !== undefined) {
    throw invalid(
      'with an idempotency key takes at, a moment that each attempt can name again',
      delayMs,
    )
  }
  if (delayMs !== undefined && !isTime(delayMs, scheduleAheadMsMax))
    throw invalid(`has a delay of whole milliseconds, 0 to ${scheduleAheadMsMax}`, delayMs)
  if (at !== undefined && !isTime(at, now + scheduleAheadMsMax))
    throw invalid('has a moment in milliseconds since 1970, at most 366 days ahead', at)
  return at ?? Math.ceil(now + (delayMs ?? 0))
}

function isTime(value: unknown, max: number): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= max
}

function invalid(wanted: string, got: unknown): ServerError {
  return new ServerError(
    'SCHEDULE_INVALID',
    `An event that is published later ${wanted}; got ${quoteValue(got)}. Nothing was scheduled.`,
  )
}
