// The counters of a node: plain numbers, which can be added up over processes.

import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import type { ByeReason } from '../framing/bye-reason.ts'
import { readMembers } from '../read-members.ts'

/**
 * Why a session ended. `disconnected`: the client left. `failed`: its sink threw an error. `lost`: its
 * process died, as far as another process can tell. An application's own reasons count as `ended`.
 */
export type CloseReason = ByeReason | 'disconnected' | 'failed' | 'lost'

/**
 * Why a live session fell behind. `socket`: the socket took no more. `rate`: the session had used up its
 * events per second. `node`: a flush failed, or retention overtook the node.
 */
export type LagCause = 'socket' | 'rate' | 'node'

/** Counts of all that is open now. These go down as well as up. */
export interface NodeGauges {
  /** Nodes in this sum; 1 for a node's own. */
  readonly nodes: number
  /** Sessions that are open: live, lagging or catching up. */
  readonly sessions: number
  /** Sessions that are level with the log. */
  readonly live: number
  /** Sessions that were live, fell behind, and are not level again. */
  readonly lagging: number
  /** Sessions that are being brought level since they came, or since their topics changed. */
  readonly catchingUp: number
  /** Sessions that wait to hear from the log where they begin. Not among `sessions`. */
  readonly opening: number
  /** Sessions that have been told goodbye, and whose connections are still there. Not among `sessions`. */
  readonly leaving: number
  readonly audiences: number
  /** Bytes of topic sets, each beyond its first 4 KiB. */
  readonly topicSetsBytes: number
  /** Newest records that are kept in memory for replays. */
  readonly recentRecords: number
  /** Bytes that the frames of those records count for. */
  readonly recentFrameBytes: number
}

/** The counters of a node since it was made. All but `now` only go up. */
export interface NodeStats {
  readonly now: NodeGauges
  readonly sessions: {
    readonly opened: number
    /** Of those, sessions that came back with a cursor. */
    readonly resumed: number
    readonly caughtUp: number
  }
  /** Sessions by why they ended. */
  readonly closed: Readonly<Record<CloseReason, number>>
  /** How often sessions fell behind, by why. */
  readonly lagged: Readonly<Record<LagCause, number>>
  /** Streams, publishes, histories and permissions that were refused, by the code of the error. */
  readonly refused: Readonly<Record<string, number>>
  readonly published: {
    /** Publishes that the log has taken. */
    readonly publishes: number
    readonly events: number
    /** Of their data, in UTF-8. */
    readonly bytes: number
    /** Publishes that the log could not take. */
    readonly failed: number
    /** Milliseconds for which publishes waited for the log, all together. */
    readonly waitedMs: number
  }
  /** Events written to live sessions. */
  readonly delivered: {
    readonly flushes: number
    /** Blocks handed to sinks. */
    readonly writes: number
    /** Events handed to sinks: an event that 1,000 sessions got counts 1,000 times. */
    readonly events: number
    /** Bytes handed to sinks, before compression. */
    readonly bytes: number
    /** Milliseconds spent flushing. */
    readonly flushMs: number
  }
  /** Events written to sessions that were not live. */
  readonly replayed: {
    /** Pages read from the log. */
    readonly pages: number
    readonly events: number
    readonly bytes: number
  }
  /** Errors that `onError` was told of, by their code; `INTERNAL` for errors without one. */
  readonly failed: Readonly<Record<string, number>>
}

/** The stats of no node: adding them changes nothing. */
export const emptyStats: NodeStats = {
  now: {
    nodes: 0,
    sessions: 0,
    live: 0,
    lagging: 0,
    catchingUp: 0,
    opening: 0,
    leaving: 0,
    audiences: 0,
    topicSetsBytes: 0,
    recentRecords: 0,
    recentFrameBytes: 0,
  },
  sessions: { opened: 0, resumed: 0, caughtUp: 0 },
  closed: {
    full: 0,
    draining: 0,
    'log-unavailable': 0,
    'access-unavailable': 0,
    stalled: 0,
    lagging: 0,
    expired: 0,
    revoked: 0,
    replaced: 0,
    forbidden: 0,
    ended: 0,
    disconnected: 0,
    failed: 0,
    lost: 0,
  },
  lagged: { socket: 0, rate: 0, node: 0 },
  refused: {},
  published: { publishes: 0, events: 0, bytes: 0, failed: 0, waitedMs: 0 },
  delivered: { flushes: 0, writes: 0, events: 0, bytes: 0, flushMs: 0 },
  replayed: { pages: 0, events: 0, bytes: 0 },
  failed: {},
}

const groups = Object.keys(emptyStats) as (keyof NodeStats)[]

/**
 * The sum of what two nodes, or two sums of nodes, have counted. The order does not matter.
 * @throws ServerError `OPTION_INVALID`
 *
 * @example
 * ```ts
 * const total = [first.stats(), second.stats()].reduce(addStats, emptyStats)
 * ```
 */
export function addStats(a: NodeStats, b: NodeStats): NodeStats {
  const [one, other] = [a, b].map((given) => readMembers(given, groups, someStats))
  const sum = groups.map((group) => [group, addCounts(one?.[group], other?.[group])])
  return Object.fromEntries(sum)
}

const someStats = { code: 'OPTION_INVALID', what: 'What stats are added to' } as const

function addCounts(a: unknown, b: unknown): Readonly<Record<string, number>> {
  // A `Map`, because names come from other processes: `__proto__` must be a name like others.
  const sum = new Map<string, number>()
  for (const counts of [a, b])
    for (const [name, count] of readCounts(counts)) sum.set(name, (sum.get(name) ?? 0) + count)
  return Object.fromEntries(sum)
}

function readCounts(counts: unknown): readonly (readonly [string, number])[] {
  let found: [string, unknown][] = []
  try {
    if (typeof counts === 'object' && counts !== null) found = Object.entries(counts)
    else throw new TypeError('No object.')
  } catch (cause) {
    throw new ServerError(
      'OPTION_INVALID',
      `Stats hold groups of numbers, as tide.stats() gives them; got ${quoteValue(counts)}.`,
      { cause },
    )
  }
  return found.map(([name, count]) => {
    if (typeof count === 'number' && count >= 0 && count < Infinity) return [name, count]
    throw new ServerError(
      'OPTION_INVALID',
      `A count of stats is 0 or more; got ${quoteValue(count)}.`,
    )
  })
}
