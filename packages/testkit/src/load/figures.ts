// A load run in numbers.

import type { Publisher } from '../traffic/publisher.ts'
import { sum } from '../sum.ts'
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
  /** Changes of topics that streams were told of. */
  readonly changes: number
  /** Workers killed. */
  readonly kills: number
  /** How long publishing took: at the scenario's rate, or as fast as the machine could. Milliseconds. */
  readonly publishMs: number
  /** From then until all subscribers were level. Milliseconds. */
  readonly settleMs: number
  /** How far the hub's own memory rose above what it held when it was ready. Bytes. */
  readonly memoryGrowth: number
}

/** The figures of a run that do not come from its actors. */
export type RunFigures = Pick<
  LoadFigures,
  'kills' | 'spared' | 'publishMs' | 'settleMs' | 'memoryGrowth'
>

export interface LoadActors {
  readonly publishers: readonly Publisher[]
  readonly subscribers: readonly LoadSubscriber[]
}

/**
 * The figures that can be counted while a run goes on. The others follow from its events, or are
 * known when it has been judged.
 */
export type ShownFigures = Pick<
  LoadFigures,
  'reconnects' | 'compressed' | 'retries' | 'lags' | 'gaps' | 'byes' | 'changes' | 'kills'
>

export function countShown({ publishers, subscribers }: LoadActors, kills: number): ShownFigures {
  return {
    reconnects: sum(subscribers, ({ connections }) => Math.max(0, connections - 1)),
    compressed: sum(subscribers, ({ compressed }) => compressed),
    retries: sum(publishers, ({ retries }) => retries),
    lags: sum(subscribers, ({ lags }) => lags),
    gaps: sum(subscribers, ({ gaps }) => gaps.length),
    byes: sum(subscribers, ({ byes }) => byes.length),
    changes: sum(subscribers, ({ changer }) => changer?.chapters.count ?? 0),
    kills,
  }
}

export function countFigures(
  { publishers, subscribers }: LoadActors,
  run: RunFigures,
): LoadFigures {
  const attempts = publishers.flatMap((publisher) => publisher.attempts)
  return {
    attempted: sum(attempts, ({ events }) => events.length),
    acknowledged: sum(attempts, ({ events, receipt }) => (receipt ? events.length : 0)),
    received: sum(subscribers, ({ received }) => received.length),
    ...countShown({ publishers, subscribers }, run.kills),
    ...run,
  }
}
