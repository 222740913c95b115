// The messages between the processes of a run. Everything is plain data.

import type { SparseCounts } from './histogram.ts'
import type { Plan } from './plan.ts'
import type { ReasonCount } from './reason-counts.ts'
import type { BusyShare } from './self-watch.ts'

/** To a process that reads streams. */
export type Order =
  | {
      readonly kind: 'open'
      readonly plan: Plan
      /** Which of the plan's processes this is: it opens every n-th connection. */
      readonly index: number
      /** The run's origin on the machine's clock, in microseconds. */
      readonly originMicros: number
    }
  /** The load begins: streams that are open owe every event from now on. */
  | { readonly kind: 'load' }
  /** The load is over; wait for what is still owed, then report. */
  | { readonly kind: 'finish'; readonly published: Published }
  /** Somebody has asked for an early end: wait for nobody who is silent. */
  | { readonly kind: 'hurry' }

/** Everything that was published. */
export interface Published {
  /** The highest number of each topic. */
  readonly lastByTopic: readonly number[]
  /** Publishes that failed, as `topic/number`: nobody owes them. */
  readonly failed: readonly string[]
}

/** From a process that reads streams. */
export type Report =
  | { readonly kind: 'second'; readonly second: ReaderSecond }
  /** Every connection is open or has failed. */
  | { readonly kind: 'settled' }
  | { readonly kind: 'done'; readonly result: ReaderResult }
  /** Something is wrong with the bench itself. */
  | { readonly kind: 'broken'; readonly reason: string }

/** The counts of one process since its last report. */
export interface ReaderSecond {
  /** Which second of the run it is of. */
  readonly second: number
  readonly open: number
  readonly failed: number
  readonly deliveries: number
  readonly bytes: number
  /** Microseconds from when an event was due. */
  readonly latency: SparseCounts
  /** Microseconds from when an event was sent. */
  readonly latencyFromSend: SparseCounts
  /** Microseconds between two events of a stream; counted when nothing is published. */
  readonly between: SparseCounts
  readonly busy: BusyShare
}

/** The counts of one process in all. */
export interface ReaderResult {
  readonly asked: number
  readonly opened: number
  readonly failures: readonly ReasonCount[]
  readonly reconnects: number
  readonly interruptions: readonly ReasonCount[]
  /** Microseconds from the connect to the answer's head. */
  readonly connect: SparseCounts
  /** Under load, until everything owed was there or given up. */
  readonly deliveries: number
  readonly bytes: number
  readonly owed: number
  readonly missing: number
  readonly duplicated: number
  readonly outOfOrder: number
  /** Events without this run's marker: of other publishers, or of the server itself. */
  readonly otherEvents: number
}
