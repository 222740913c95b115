// When it is too late to do what was asked of a session.

import type { Clock } from '@tidemark/log'

/** Whether the time for a request is over; what it asks for is not done then. */
export type IsLate = () => boolean

/** @param deadline by the machine's clock, in milliseconds since 1970 */
export function isLateAt(deadline: number, clock: Clock): IsLate {
  return () => clock.now() > deadline
}
