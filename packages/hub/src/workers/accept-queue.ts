// The kernel's queue of connections that are not accepted yet. Checks whether all clients of a hub
// can wait.

import { readFileSync } from 'node:fs'
import { planHandovers } from '../descriptors.ts'
import type { Holdings } from '../descriptors.ts'
import { backlogMax } from '../limits.ts'

/** How many connections can wait, and where. */
export interface QueueCapacity {
  /** In the kernel's queue. */
  readonly queueMax: number
  /** In the supervising process. */
  readonly handoversMax: number
}

/**
 * A warning for when all clients of the hub come at once; undefined when all of them can wait.
 * Clients that find no place are not cut off. Their kernels try again ever later: after 1 s four
 * times, then 2, 4, 8, 16, 32 and 64 s.
 */
export function describeQueue(
  holdings: Holdings,
  { queueMax, handoversMax }: QueueCapacity = {
    queueMax: readQueueMax(),
    handoversMax: planHandovers(holdings),
  },
): string | undefined {
  const { maxSessions } = holdings
  const places = queueMax + handoversMax
  // The hub asks for no longer queue. With a shorter one the operator has something to raise.
  if (queueMax >= backlogMax || places >= maxSessions) return undefined
  return (
    `When all of --max-sessions ${maxSessions} come at once, as after a restart, ${places} of them can wait at one time; the others' systems try again ever later. ` +
    `Raise the kernel's queue (sysctl -w net.core.somaxconn=${backlogMax}; it is ${queueMax}) to have them served without a pause.`
  )
}

/** On other systems than Linux nothing is known, so nothing is said. */
function readQueueMax(): number {
  try {
    return Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'))
  } catch {
    return backlogMax
  }
}
