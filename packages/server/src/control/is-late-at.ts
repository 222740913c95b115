// When it is too late to do what was asked of a session.

import type { Clock } from '@tidemark/log'
import type { IsLate } from '../session/topic-changes.ts'

/** @param deadline by the machine's clock, in milliseconds since 1970 */
export function isLateAt(deadline: number, clock: Clock): IsLate {
  return () => clock.now() > deadline
}
