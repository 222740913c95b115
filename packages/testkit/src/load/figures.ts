// What a load run did, in numbers.

import type { Publisher } from '../traffic/publisher.ts'
import type { LoadSubscriber } from './load-subscriber.ts'

export interface LoadFigures {
  readonly attempted: number
  readonly acknowledged: number
  /** By all subscribers together. */
  readonly received: number
  readonly reconnects: number
  /** Streams that came compressed. */
  readonly compressed: number
  /** Requests repeated under their idempotency keys. */
  readonly retries: number
  /** Times a reader stood still for so long that its session must have lagged. */
  readonly lags: number
  /** Gaps told, by reason and subscriber. */
  readonly gaps: number
  /** Events that the rules for laggards have left out, for all subscribers together. */
  readonly spared: number
  /** Streams ended by the hub itself. */
  readonly byes: number
  /** Workers killed. */
  readonly kills: number
  /** How far the hub's own memory rose above what it held when it was ready. Bytes. */
  readonly memoryGrowth: number
}

export interface LoadActors {
  readonly publishers: readonly Publisher[]
  readonly subscribers: readonly LoadSubscriber[]
  readonly kills: number
  readonly spared: number
  readonly memoryGrowth: number
}

export function countFigures(actors: LoadActors): LoadFigures {
  const { publishers, subscribers, kills, spared, memoryGrowth } = actors
  const attempts = publishers.flatMap((publisher) => publisher.attempts)
  return {
    attempted: sum(attempts, ({ events }) => events.length),
    acknowledged: sum(attempts, ({ events, receipt }) => (receipt ? events.length : 0)),
    received: sum(subscribers, ({ received }) => received.length),
    reconnects: sum(subscribers, ({ connections }) => Math.max(0, connections - 1)),
    compressed: sum(subscribers, ({ compressed }) => compressed),
    retries: sum(publishers, ({ retries }) => retries),
    lags: sum(subscribers, ({ lags }) => lags),
    gaps: sum(subscribers, ({ gaps }) => gaps.length),
    byes: sum(subscribers, ({ byes }) => byes.length),
    kills,
    spared,
    memoryGrowth,
  }
}

function sum<Item>(items: readonly Item[], measure: (item: Item) => number): number {
  return items.reduce((total, item) => total + measure(item), 0)
}
