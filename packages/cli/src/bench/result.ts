// The result of a run: the document of `--json`, which the table and the report are made from.
// docs/bench.md describes it.

import type { Histogram } from './histogram.ts'
import type { Sizes } from './plan.ts'
import type { ReasonCount } from './reason-counts.ts'
import type { Second } from './series.ts'

/** A run's result. Times are milliseconds, sizes bytes, CPU cores; what was not measured is null. */
export interface BenchResult {
  readonly format: 'tidemark-bench/1'
  readonly startedAt: string
  /** Ended by a signal before its time. */
  readonly isInterrupted: boolean
  readonly target: {
    readonly url: string
    readonly publishUrl: string | null
    readonly isHub: boolean
    /** Its own name, the `Server` field. */
    readonly server: string | null
  }
  readonly settings: Sizes
  readonly connections: {
    readonly asked: number
    readonly opened: number
    readonly failed: number
    readonly failures: readonly ReasonCount[]
    readonly reconnects: number
    readonly interruptions: readonly ReasonCount[]
    readonly connectMs: Percentiles
  }
  /** Null when nothing was published. */
  readonly publishes: {
    readonly due: number
    readonly sent: number
    readonly late: number
    /** How often a due publish had to wait because 512 were unanswered. */
    readonly heldUp: number
    readonly acknowledged: number
    readonly failed: number
    readonly failures: readonly ReasonCount[]
    readonly acknowledgeMs: Percentiles
  } | null
  readonly deliveries: {
    readonly received: number
    readonly perSecond: number
    readonly bytes: number
    readonly otherEvents: number
    /** The rest is known only of what the bench has published itself. */
    readonly expected: number | null
    readonly missing: number | null
    readonly duplicated: number | null
    readonly outOfOrder: number | null
  }
  /** Null when nothing was published. */
  readonly latencyMs: {
    /** From when an event was due, so that a stall counts against every event it held up. */
    readonly fromSchedule: Percentiles
    /** From when its publish was sent. */
    readonly fromSend: Percentiles
  } | null
  /** Time between two events of a stream; null when the bench publishes. */
  readonly betweenMs: Percentiles | null
  readonly generator: {
    readonly cores: number
    /** The publisher first, then those that read. */
    readonly processes: readonly GeneratorProcess[]
  }
  /** Null when it runs elsewhere or was not found. */
  readonly server: {
    readonly pids: readonly number[]
    readonly cpuMean: number
    readonly cpuMax: number
    readonly cpuMicrosPerDelivery: number | null
    readonly memoryBeforeBytes: number
    readonly memoryMaxBytes: number
    readonly memoryLastBytes: number
  } | null
  /** Sentences on what besides the server shaped the figures; empty when nothing did. */
  readonly warnings: readonly string[]
  readonly load: {
    /** Seconds since the run's origin. */
    readonly from: number
    readonly to: number
  }
  readonly seconds: readonly Second[]
}

/** One process of the load tester under load. */
export interface GeneratorProcess {
  readonly role: 'publish' | 'read'
  readonly cpuMean: number
  readonly cpuMax: number
  /** Share of time in which its event loop had work, also when it got no core for it; 1 is never idle. */
  readonly loopMean: number
  readonly loopDelayMs: number
}

/** Percentiles of durations. All 0 when `count` is 0. */
export interface Percentiles {
  readonly count: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly p9999: number
  readonly max: number
}

/** Milliseconds of a histogram of microseconds. */
export function readPercentiles(histogram: Histogram): Percentiles {
  const at = (share: number): number => histogram.percentile(share) / 1_000
  return {
    count: histogram.count,
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    p999: at(0.999),
    p9999: at(0.9999),
    max: histogram.max / 1_000,
  }
}
