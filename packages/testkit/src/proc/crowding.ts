// How many times more processes want to run than there are processors.

import { availableParallelism } from 'node:os'
import { readProc } from 'tidemark/bench'

/** A bound for what is waited for in vain: 30 s of a machine of its own are 8 minutes at most. */
const crowdingMax = 16

/** 1 on a machine that has time for all, and where nobody tells; 8 where each gets an eighth. At most 16. */
export function measureCrowding(): number {
  return readCrowding(readProc('loadavg'), availableParallelism())
}

/**
 * The fourth field of `/proc/loadavg` counts what runs or wants to in this moment, and all there
 * is: proc_loadavg(5).
 */
export function readCrowding(loadavg: string, processors: number): number {
  const runnable = Number(/^(?:\S+ ){3}(\d+)\//.exec(loadavg)?.[1] ?? 0)
  return Math.min(crowdingMax, Math.max(1, runnable / processors))
}
