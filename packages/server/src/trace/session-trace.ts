// The memory of one session.

import type { Position, TopicSet } from '@tidemark/log'
import type { GapReason, TopicsReason } from '../framing/control-events.ts'
import type { Filter } from '../request/filter.ts'
import type { LagCause } from '../observer/node-stats.ts'

/** Topics that are replayed from an older place. */
export interface AddedFrom {
  readonly topics: TopicSet
  /** Moved where the cursor was of another history. */
  from: Position
}

/** The part of a session that says which events of its topics it gets. */
export interface TracedReader {
  /** The filter that its client asked for. */
  readonly asked: Filter | undefined
  /** The filter of its grant. */
  readonly granted: Filter | undefined
  readonly permissions: readonly string[]
}

/** A stretch of which a session was to get what the rules for laggards leave. */
export interface ReducedStretch {
  readonly from: Position
  readonly upTo: Position
  /** The version of these rules; undefined: they changed on the way. */
  readonly rulesVersion: number | undefined
}

/** Something that happened to a session, in the order of time. `at` is where it stood. */
export type Happening = { readonly at: Position; readonly time: number } & (
  | { readonly kind: 'level' }
  | { readonly kind: 'lagged'; readonly cause: LagCause }
  /** It follows these topics from there on. */
  | {
      readonly kind: 'moved'
      readonly topics: TopicSet
      readonly added: AddedFrom | undefined
      readonly reason: TopicsReason
    }
  /** It was told of a gap up to `at`. Without `from` the gap begins where nobody can tell. */
  | {
      readonly kind: 'gap'
      readonly from: Position | undefined
      readonly reason: GapReason
      /** With `rate`: as of `reduced`. */
      readonly rulesVersion: number | undefined
    }
  /** Up to `at` it got what the rules for laggards leave of a stretch up to `upTo`. */
  | ({ readonly kind: 'reduced' } & ReducedStretch)
  /** It has this grant from there on. */
  | { readonly kind: 'renewed'; readonly reader: TracedReader }
)

/** When a session closed, and why. `at` is where it stood. */
export interface SessionEnd {
  readonly id: string
  readonly reason: string
  readonly at: Position
  readonly time: number
  readonly trace: SessionTrace
  /** Bytes that it counts for. */
  readonly bytes: number
}

/** One session, from its opening on. While it is open, the session itself holds it. */
export interface SessionTrace {
  readonly openedAt: number
  /** It was to get what comes after this; moved on where its cursor was of no use. */
  from: Position
  /** The topics that it opened with, or those of the last change that is forgotten. */
  topics: TopicSet
  readonly added: AddedFrom | undefined
  /** By its first grant, or that of the last renewal that is forgotten. */
  reader: TracedReader
  /** Where it was level for the first time. */
  levelAt: Position | undefined
  /** When that was; 0 before. */
  levelTime: number
  /** Later happenings; a session to which nothing happens keeps no list. */
  happenings: Happening[] | undefined
  /** Up to here nothing but the opening is remembered. */
  forgotten: Position | undefined
  end: SessionEnd | undefined
}
