// The one interface that every log driver implements. The engine knows nothing else of storage.

import type { LogError } from './errors.ts'
import type { Position } from './position.ts'
import type { Retention, TopicRule } from './retention.ts'
import type { Topic } from './topic.ts'
import type { TopicSet } from './topic-set.ts'

/** Small texts by name, by which readers choose among the events of a topic: `{ region: 'eu' }`. */
export type EventTags = Readonly<Record<string, string>>

/** An event to publish, before the log has given it a position and a time. */
export interface NewEvent {
  readonly topic: Topic
  /** The SSE event type. Default `message`. */
  readonly type?: string | undefined
  /** The payload as text. Well-formed Unicode; line breaks are allowed. */
  readonly data: string
  /** The subject of the event, for topics that keep only the latest event per key. */
  readonly key?: string | undefined
  /** Small texts by name, by which readers choose among the events of a topic. None: like no tags. */
  readonly tags?: EventTags | undefined
  /** The permission that a reader needs for this event. The log only keeps it. */
  readonly permission?: string | undefined
  /**
   * How long the event is worth something, in milliseconds after the time of its record. It is part of
   * what an idempotency key stands for, which a moment would not be: each attempt has another.
   */
  readonly ttlMs?: number | undefined
}

/** Events that enter the log together or not at all. */
export interface NewBatch {
  readonly events: readonly NewEvent[]
  /**
   * Names this batch. A second append with the same key and the same events adds nothing and
   * resolves with the positions of the first. Kept with the positions in the transaction that
   * stores the events.
   */
  readonly idempotencyKey?: string | undefined
  /**
   * How long this batch may wait for others that share its way to the disk, in milliseconds.
   * Default 0. A log that gains nothing by waiting does not wait.
   */
  readonly patienceMs?: number | undefined
  /**
   * The batch is added only if its topic has no event after this position. All its events must be of
   * one topic. Looked at in the transaction that stores the events, and behind the idempotency key. So a
   * repeated batch gets its positions however far the topic has moved on.
   */
  readonly ifHead?: Position | undefined
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
  /** As the publisher gave them; not there without any. */
  readonly tags?: EventTags
  /** The permission that a reader needs; not there where it needs none. */
  readonly permission?: string
  /** When the event is worth nothing any more, in milliseconds since 1970; not there for never. */
  readonly expiresAt?: number
}

/** Why a part of the history cannot be delivered. */
export type LossReason =
  /** Retention removed events of a subscribed topic behind the cursor. */
  | 'retention'
  /**
   * The cursor belongs to another history: a backup was restored, a copy is read, or a broker
   * continued a copy. Either that history wrote the cursor's position, or it continued an epoch
   * that ends here. Events of the other history behind the point of parting are lost.
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
  /**
   * Records after this position (exclusive). May be of another history or ahead of the head; see
   * {@link Loss}.
   */
  readonly after: Position
  /** Records up to this position (inclusive); beyond the head it is the head. */
  readonly upTo: Position
  /**
   * At most this many records; at least 1. A page may hold fewer and still not be the last. It ends
   * at the latest with the record that brings its data to 256 Ki characters.
   */
  readonly limit: number
}

export interface Page {
  /** In log order. For a set without patterns, only the last page is empty. */
  readonly records: readonly EventRecord[]
  /**
   * Every matching record up to here has been returned: read on with `after: next`. It equals
   * `upTo` when the query is exhausted. It equals `after` if that lies beyond `upTo`, so that
   * reading on never goes back. It is the head if `after` was ahead of the head.
   */
  readonly next: Position
  /**
   * The loss after the query's `after`; the page's records are what is left there. `to` may be
   * beyond `upTo`. Every page is checked anew, so a page that still starts behind the same loss
   * repeats it with the same `to`. Tell a client only of a `to` that is beyond the last one it was
   * told.
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
  /**
   * Every record of every node, in log order, without holes. `tail.position` is already the last of
   * them.
   */
  records(records: readonly EventRecord[]): void
  /**
   * Retention overtook this tail, because the process stood still: records up to `to` that were not
   * superseded are gone. `tail.position` has moved up to `to`. Followers of the tail must read on
   * from the log, which says per topic what is lost. A burst of another process alone does not
   * cause this. Records that a topic's bound removes at once are still handed over, unless the
   * whole log's bound is passed too.
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
 * An opener that finds no other holder begins a new epoch at the head of the log. The log remembers
 * which epoch wrote which stretch (`Lineage`). A position names the epoch that wrote it. So it is
 * exact in every history that holds this stretch, and in no other. An older backup is another
 * history, and so is a copy that has parted. A read from any other position begins where the two
 * histories can have parted, and says so.
 *
 * Idempotency keys belong to the history too. A key that was acknowledged behind the point of
 * parting is unknown afterwards.
 *
 * All methods reject with a `LogError`: `LOG_CLOSED` after `close()`, `LOG_UNAVAILABLE` when storage fails
 * (nothing of the batch is stored then).
 */
export interface EventLog {
  /**
   * Adds a batch, all or nothing. Resolves with one position per event when the batch is as durable
   * as configured.
   * @throws LogError `BATCH_INVALID`, `IDEMPOTENCY_KEY_INVALID`; `IDEMPOTENCY_KEY_REUSED` when the
   *   key was used for other events; `HEAD_MOVED` when the topic has moved on behind `ifHead`
   */
  append(batch: NewBatch): Promise<readonly Position[]>
  read(query: ReadQuery): Promise<Page>
  /**
   * Follows the log. Hands over only records that survive what the configured durability promises.
   * `after` must be exact in this history, and not ahead of the head. The handler is never called
   * from inside `tail`, an append or itself. An error that it throws stops neither this tail nor
   * others.
   * @throws LogError `POSITION_INVALID`, `LOG_CLOSED`
   */
  tail(after: Position, handler: TailHandler): Tail
  /**
   * The position after which reading `topics` gives what `since` asks for.
   *
   * A page read from there may say `lost`, if another topic of the set keeps its records for less
   * time. That is true of the position, but a reader who had no cursor has lost nothing.
   */
  locate(query: { readonly topics: TopicSet; readonly since: Since }): Promise<Position>
  bounds(): Promise<Bounds>
  /** The retention in force now. A look at storage, so ask once and not for each record. */
  readonly retention: Retention
  /** The rule of a topic in force now, with every default filled in. As {@link retention}. */
  ruleFor(topic: Topic): TopicRule
  /**
   * Why nothing can be read any more, for drivers that can tell at once, such as by a look at a
   * file. Readers who could be served from memory are then refused too, because they could not get
   * the events that follow. Undefined while all is well.
   */
  readonly unreadable?: LogError | undefined
  close(): Promise<void>
}
