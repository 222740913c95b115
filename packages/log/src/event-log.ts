// The one interface every log driver implements; the engine knows nothing else of storage.

import type { LogError } from './errors.ts'
import type { Position } from './position.ts'
import type { Topic } from './topic.ts'
import type { TopicSet } from './topic-set.ts'

/** What is published: one event before the log has given it a position and a time. */
export interface NewEvent {
  readonly topic: Topic
  /** The SSE event type. Default `message`. */
  readonly type?: string | undefined
  /** The payload as text. Well-formed Unicode; line breaks are allowed. */
  readonly data: string
  /** What the event is about, for topics that keep only the latest event per key. */
  readonly key?: string | undefined
}

/** Events that enter the log together or not at all. */
export interface NewBatch {
  readonly events: readonly NewEvent[]
  /**
   * Names this batch. A second append with the same key and the same events adds nothing and resolves with the
   * positions of the first. Kept with the positions in the transaction that stores the events.
   */
  readonly idempotencyKey?: string | undefined
  /**
   * How long this batch may wait for others that are to share its way to the disk, in milliseconds. Default 0. A log that
   * gains nothing by it does not wait.
   */
  readonly patienceMs?: number | undefined
}

/** An event in the log. */
export interface EventRecord {
  readonly position: Position
  /** Milliseconds since 1970 by the log's clock; never smaller than the time of the record before it. */
  readonly time: number
  readonly topic: Topic
  /** `message` when the publisher named none. */
  readonly type: string
  readonly data: string
  readonly key: string | undefined
}

/** Why a stretch of the history cannot be delivered. */
export type LossReason =
  /** Retention removed events of a subscribed topic behind the cursor. */
  | 'retention'
  /**
   * Another history wrote the cursor's position, or wrote on where this one ends the cursor's epoch: a backup was restored, a
   * copy is read, a broker went on from a copy. What the other history held behind the point of parting is lost.
   */
  | 'epoch'
  /** The cursor lies beyond the newest record of the epoch that is being written. */
  | 'ahead'

/** Events of the asked topics between `from` (exclusive) and `to` (inclusive) may be missing. */
export interface Loss {
  readonly from: Position
  readonly to: Position
  readonly reason: LossReason
}

export interface ReadQuery {
  readonly topics: TopicSet
  /** Records after this position (exclusive). May be of another history or ahead of the head; see {@link Loss}. */
  readonly after: Position
  /** Records up to this position (inclusive); beyond the head it is the head. */
  readonly upTo: Position
  /**
   * At most this many records; at least 1. A page may hold fewer and still not be the last: it ends at the latest with
   * the record that brings its data to 256 Ki characters.
   */
  readonly limit: number
}

export interface Page {
  /** In log order. Of a set without patterns they are none only on the last page. */
  readonly records: readonly EventRecord[]
  /**
   * Every matching record up to here has been returned: read on with `after: next`.
   * Equal to `upTo` once the query is exhausted; to `after` where that lies beyond `upTo`, so that reading on never
   * goes back; to the head when `after` was ahead of it.
   */
  readonly next: Position
  /**
   * What is missing after the query's `after`; the page's records are what is left there. `to` may be beyond `upTo`.
   * Every page is checked anew, so one that still starts behind the same loss repeats it with the same `to`:
   * tell a client only of a `to` that is beyond the last one it was told.
   */
  readonly lost?: Loss
}

/** Where to start without a cursor. */
export type Since =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'last'; readonly count: number }
  /** Age in milliseconds by the log's clock, which never runs behind its newest record. */
  | { readonly kind: 'age'; readonly ageMs: number }

export interface Tail {
  /** The newest record this tail has handed over, or where it began. */
  readonly position: Position
  close(): void
}

export interface TailHandler {
  /** Every record of every node, in log order, without holes; `tail.position` is already the last of them. */
  records(records: readonly EventRecord[]): void
  /**
   * This process stood still for so long that retention overtook its tail: records up to `to` that were not superseded
   * are gone. `tail.position` has moved up to `to`; whoever followed the tail must read on from the log, which says per
   * topic what is lost. No burst of another process does that by itself: what a bound per topic removes at once is
   * handed over all the same, unless the whole log's bound is passed before the next look.
   */
  overtaken?(to: Position): void
}

export interface Bounds {
  /** Just before the oldest retained record, so that reading after it gives everything retained. */
  readonly first: Position
  /** The newest record, or the start of the history while it is empty. */
  readonly head: Position
}

/**
 * An ordered, retained history of records with one total order.
 *
 * An opener that finds nobody else holding the log begins a new epoch at its head, and the log remembers which epoch wrote
 * which stretch (`Lineage`). A position names the epoch that wrote it, so it is exact in every history that holds this
 * stretch, and in no other: not in a backup that is older, nor in a copy that has gone its own way. A read
 * from any other position begins where the two histories can have parted, and says so.
 *
 * Idempotency keys belong to the history too: one that was acknowledged behind the point of parting is unknown afterwards.
 *
 * All methods reject with a `LogError`: `LOG_CLOSED` after `close()`, `LOG_UNAVAILABLE` when storage fails
 * (nothing of the batch is stored then).
 */
export interface EventLog {
  /**
   * Adds a batch, all or nothing. Resolves when it is as durable as configured, with one position per event.
   * @throws LogError `BATCH_INVALID`, `IDEMPOTENCY_KEY_INVALID`; `IDEMPOTENCY_KEY_REUSED` when the key was used for
   *   other events
   */
  append(batch: NewBatch): Promise<readonly Position[]>
  read(query: ReadQuery): Promise<Page>
  /**
   * Follows the log. Hands over only what survives what the configured durability promises to survive.
   * `after` must be exact in this history, so not ahead of the head either. The handler is never called from inside
   * `tail`, an append or itself; what it throws stops neither this tail nor others.
   * @throws LogError `POSITION_INVALID`, `LOG_CLOSED`
   */
  tail(after: Position, handler: TailHandler): Tail
  /**
   * The position after which reading `topics` gives what `since` asks for.
   *
   * Records that are kept longer than those of another topic of the set make a page from there say `lost`: it is true of
   * the position, but a reader who had no cursor has lost nothing.
   */
  locate(query: { readonly topics: TopicSet; readonly since: Since }): Promise<Position>
  bounds(): Promise<Bounds>
  /**
   * Why nothing can be read any more, of a driver that is able to tell at once, such as by a look at a file. Readers who could be
   * served from memory are then refused as all others are: they would be promised what comes next. Undefined while all is well.
   */
  readonly unreadable?: LogError | undefined
  close(): Promise<void>
}
