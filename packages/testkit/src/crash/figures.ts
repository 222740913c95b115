// A crash run in numbers.

import type { CrashHubs } from './crash-hubs.ts'
import type { Publisher } from '../traffic/publisher.ts'
import { sum } from '../sum.ts'
import type { CrashSubscriber } from './crash-subscriber.ts'

export interface CrashFigures {
  readonly kills: number
  /** Restarts after which something was delivered before the next kill. */
  readonly restarts: number
  readonly attempted: number
  readonly acknowledged: number
  /** By all subscribers together. */
  readonly received: number
  /** Of these, what was acknowledged before the connection it came on was opened. */
  readonly replayed: number
  readonly reconnects: number
  /** Requests repeated under their idempotency keys. */
  readonly retries: number
  /** Streams ended by a hub itself. */
  readonly byes: number
  /** From the start of a process to the first event it delivered. Milliseconds. */
  readonly recoveryMsMedian: number
  readonly recoveryMsMax: number
}

export interface CrashActors {
  readonly hubs: CrashHubs
  readonly publishers: readonly Publisher[]
  readonly subscribers: readonly CrashSubscriber[]
}

export function countFigures(kills: number, actors: CrashActors): CrashFigures {
  const { hubs, publishers, subscribers } = actors
  const attempts = publishers.flatMap((publisher) => publisher.attempts)
  const recoveries = hubs.recoveries.toSorted((a, b) => a - b)
  return {
    kills,
    restarts: recoveries.length,
    attempted: sum(attempts, ({ events }) => events.length),
    acknowledged: sum(attempts, ({ events, receipt }) => (receipt ? events.length : 0)),
    received: sum(subscribers, ({ events }) => events.length),
    replayed: sum(subscribers, ({ replayed }) => replayed),
    reconnects: sum(subscribers, ({ connections }) => Math.max(0, connections - 1)),
    retries: sum(publishers, ({ retries }) => retries),
    byes: sum(subscribers, ({ byes }) => byes.length),
    recoveryMsMedian: recoveries[Math.floor(recoveries.length / 2)] ?? 0,
    recoveryMsMax: recoveries.at(-1) ?? 0,
  }
}
