// The retention of a log: rules per topic, and one bound over all.

import type { Pattern } from './topic.ts'

/** The retention of each topic that matches `pattern`. The first rule that matches a topic decides. */
export interface RetentionRule {
  readonly pattern: Pattern | string
  /** Records older than this are removed. Milliseconds. Default: the log's own `maxAgeMs`. */
  readonly maxAgeMs?: number | undefined
  /** Newest records kept per topic. Default: no bound. */
  readonly maxEvents?: number | undefined
  /** Bytes of records kept per topic. Default: no bound. */
  readonly maxBytes?: number | undefined
  /** `key`: of events with the same key only the newest is kept. A superseded event is not lost. */
  readonly latestBy?: 'key' | undefined
}

/** The retention of a log. */
export interface Retention {
  /** Milliseconds. Default 24 hours. `Infinity` keeps records until `maxBytes` is reached. */
  readonly maxAgeMs: number
  /**
   * Bytes of all records together, counted as stored. Default 1 GiB. The oldest go first, whatever
   * their topic's rule.
   */
  readonly maxBytes: number
  /** Default none. */
  readonly rules: readonly RetentionRule[]
}

/** The rule of one topic, with every default filled in; `Infinity` where there is no bound. */
export interface TopicRule {
  readonly maxAgeMs: number
  readonly maxEvents: number
  readonly maxBytes: number
  readonly latestBy: 'key' | undefined
}

/** The retention of a log at this moment. */
export interface RetentionInForce {
  readonly retention: Retention
  /** The configuration it was opened with, or a change at run time; see `changeRetention`. */
  readonly from: 'configuration' | 'change'
}

export const defaultRetention: Retention = {
  maxAgeMs: 24 * 60 * 60 * 1000,
  maxBytes: 1024 * 1024 * 1024,
  rules: [],
}
