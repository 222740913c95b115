// File descriptors: how many a hub needs for the sessions it may have, and what it does with fewer.

import { readFileSync } from 'node:fs'
import { connectionsSpare, descriptorsSpare, handoversLeast, handoversMax } from './limits.ts'
import { redirectConnectionsMax } from './tls/limits.ts'

/** The connections and files to be held, by how many processes. */
export interface Holdings {
  readonly maxSessions: number
  readonly workers: number
  readonly tls?: { readonly redirectPort?: number | undefined } | undefined
}

/** The share of one process, so that descriptors never run out because of its clients. */
export interface ConnectionPlan {
  readonly sessionsMax: number
  readonly connectionsMax: number
}

/**
 * How many descriptors this process may have; infinite where that cannot be read (not Linux) and where
 * there is no limit. Node raises the soft limit to the hard one when it starts, so this is all there
 * is.
 */
export function readDescriptorLimit(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return soft === undefined ? Infinity : Number(soft)
  } catch {
    return Infinity
  }
}

/**
 * Plans the connections of each process that serves. With too few descriptors there are fewer sessions.
 * A tenth of the connections stays for publishers and for clients that are told to come back. Without
 * that tenth clients would be cut in the moment in which they connect.
 */
export function planConnections(
  holdings: Holdings,
  limit: number = readDescriptorLimit(),
): ConnectionPlan {
  const sessionsMax = countSessions(holdings)
  const connectionsMax = Math.max(2, limit - countSpare(holdings))
  if (connectionsMax >= sessionsMax + connectionsSpare) {
    return { sessionsMax, connectionsMax: sessionsMax + connectionsSpare }
  }
  const spare = Math.min(connectionsSpare, Math.ceil(connectionsMax / 10))
  return { sessionsMax: Math.min(sessionsMax, connectionsMax - spare), connectionsMax }
}

/**
 * Plans how many connections the supervising process may have on their way to workers, each of whom
 * takes up to four of its files.
 */
export function planHandovers(
  holdings: Pick<Holdings, 'workers' | 'tls'>,
  limit: number = readDescriptorLimit(),
): number {
  const free = limit - countSpare(holdings) - 4 * holdings.workers
  return Math.max(1, Math.min(handoversMax, free))
}

/** Advice to an operator about the limit; undefined when it is high enough. */
export function describeShortage(
  holdings: Holdings,
  limit: number = readDescriptorLimit(),
): string | undefined {
  const { maxSessions, workers } = holdings
  const isShared = workers > 1
  const needed = Math.max(
    countSessions(holdings) + connectionsSpare + countSpare(holdings),
    isShared ? handoversLeast + countSpare(holdings) + 4 * workers : 0,
  )
  if (limit >= needed) return undefined
  const { sessionsMax } = planConnections(holdings, limit)
  const held = `${isShared ? 'each worker' : 'the hub'} holds ${sessionsMax} sessions at most`
  const others = isShared
    ? ', and the process that supervises them accepts in smaller portions'
    : ''
  const fewer = isShared
    ? 'lower --max-sessions, or raise --workers'
    : 'lower --max-sessions, or share them among --workers'
  return (
    `A process may have ${limit} files open, and --max-sessions ${maxSessions} needs ${needed}${isShared ? ` in each of ${workers} workers` : ''}: ${held}${others}; ` +
    `more are told to come back later. Raise the limit (ulimit -n ${needed} before the start, LimitNOFILE=${needed} in systemd, --ulimit nofile=${needed} in Docker), or ${fewer}.`
  )
}

/** For all but the connections of the hub's own port. */
function countSpare({ tls }: Pick<Holdings, 'tls'>): number {
  return descriptorsSpare + (tls?.redirectPort === undefined ? 0 : redirectConnectionsMax)
}

function countSessions({ maxSessions, workers }: Holdings): number {
  return Math.ceil(maxSessions / workers)
}
