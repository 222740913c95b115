// Counts all that is open on a node now.

import type { Audiences } from '../fan-out/audiences.ts'
import type { RecentRecords } from '../fan-out/recent.ts'
import type { NodeGauges } from './node-stats.ts'
import type { NodeWatch } from './node-watch.ts'

/** The parts of a node that know. */
interface Counted {
  readonly sessions: number
  readonly opening: number
  readonly leaving: number
  readonly audiences: Audiences
  readonly watch: NodeWatch
  readonly recent: RecentRecords | undefined
}

export function readGauges(counted: Counted): NodeGauges {
  const { sessions, opening, leaving, audiences, watch, recent } = counted
  const live = audiences.countLive()
  const lagging = watch.laggingCount
  return {
    nodes: 1,
    sessions,
    live,
    lagging,
    catchingUp: Math.max(0, sessions - live - lagging),
    opening,
    leaving,
    audiences: audiences.size,
    topicSetsBytes: audiences.heldBytes,
    recentRecords: recent?.size ?? 0,
    recentFrameBytes: recent?.frameBytes ?? 0,
  }
}
