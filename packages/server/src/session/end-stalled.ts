// Sessions whose clients have taken nothing for a while make room where others find no place.

import type { Deadlines } from './deadlines.ts'
import { stalledForOthersMs } from './limits.ts'
import type { Session } from './session.ts'

/**
 * Ends as many sessions as are wanted, those that wait longest first: of all, or of some. One that has taken
 * some bytes since it was last looked at goes on. Returns how many it has ended.
 */
export function endStalled(
  blocked: Deadlines<Session>,
  countMax: number,
  isWanted: (session: Session) => boolean,
): number {
  let ended = 0
  for (const session of blocked.olderThan(stalledForOthersMs)) {
    if (ended >= countMax) break
    if (!isWanted(session)) continue
    session.checkProgress()
    if (!session.isClosed) continue
    session.cutOff()
    ended += 1
  }
  return ended
}
