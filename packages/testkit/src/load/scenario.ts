// The conditions of a load test: the hub's settings, the crowd, and the allowances.

import type { LoadFigures } from './figures.ts'
import type { LagRule } from './judge-stream.ts'
import type { LoadHost } from './load-host.ts'
import type { Group } from './plan.ts'

/** When workers are killed. */
type WorkerKills =
  /** At random moments. */
  | 'random'
  /**
   * As soon as the first subscriber has a new padded event: others of its audience are still being
   * written to.
   */
  | 'mid-flush'

export interface Scenario {
  /** A sentence: what holds. */
  readonly name: string
  /** Flags of `tidemark serve`. */
  readonly args?: readonly string[] | undefined
  /** Whether it speaks HTTP/2 and HTTP/1.1 over TLS. Default: HTTP/1.1 alone, in the clear. */
  readonly isTls?: boolean | undefined
  /** Events per second that a session may get. Default: no limit. */
  readonly eventsPerSecondMax?: number | undefined
  readonly crowd: readonly Group[]
  /** Publishers; every other one publishes with idempotency keys. */
  readonly publishers: number
  /** Of all of them together. */
  readonly eventsPerSecond: number
  /** The share of events that are padded. Default 0.2. */
  readonly bulkShare?: number | undefined
  /** The treatment of events for sessions that lag. Default: `delay`, for all. */
  readonly rules?:
    | readonly { readonly pattern: string; readonly whenLagging: LagRule }[]
    | undefined
  /** Reasons for which the hub may end a stream. Default: none. */
  readonly byeReasons?: readonly string[] | undefined
  readonly kills?: WorkerKills | undefined
  /** The least that must have happened, or the run has shown nothing. */
  readonly atLeast: Partial<LoadFigures>
  /**
   * How far the hub's own memory may rise above what it held when it was ready. Bytes; default: it
   * is not looked at.
   */
  readonly memoryGrowthMax?: number | undefined
  /** Default: a hub in a process of its own. */
  readonly startHost?:
    | ((scenario: Scenario, dataDirectory: string) => Promise<LoadHost>)
    | undefined
}
