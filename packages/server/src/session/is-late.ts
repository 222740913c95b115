// When it is too late to do what was asked of a session.

import type { Clock } from '@tidemark/log'

/** Whether the time for a request is over; what it asks for is not done then. */
export type IsLate = () => boolean

/** Counts what passes: a machine's time of day may be set while a request waits. */
export function isLateAfter(ms: number, clock: Clock): IsLate {
  const end = clock.elapsed() + ms
  return () => clock.elapsed() > end
}
