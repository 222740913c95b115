// A ledger as its users see it.

import type { Clock } from '../clock.ts'
import type { NewEvent } from '../event-log.ts'
import type { Position } from '../position.ts'
import type { Topic } from '../topic.ts'

/** How values become text. */
export interface LedgerCodec<Value> {
  /** Well-formed Unicode; line breaks are allowed. */
  encode(value: Value): string
  /**
   * Throws for a text that it does not know. `onError` is told, and the entry has no value here,
   * but cannot be claimed either.
   */
  decode(text: string): Value
}

export interface LedgerOptions<Value> {
  readonly codec: LedgerCodec<Value>
  /** For expiry and waiting. Default: the machine's clock. Hand in the log's own. */
  readonly clock?: Clock | undefined
  /** Names each claim. Default: the platform's `crypto`. */
  readonly randomBytes?: ((count: number) => Uint8Array) | undefined
  /**
   * Told of a value that cannot be decoded, and of a listener that threw. Also told of a snapshot
   * that could not be read anew, and of an entry that could not be put back. Both are tried again
   * each second. Default: the error is thrown on its own, like any uncaught error of the platform.
   */
  readonly onError?: ((error: unknown) => void) | undefined
}

export interface EntryOptions {
  /** When the entry ends, in milliseconds since 1970 by the clock of the node that asks. Default: never. */
  readonly expiresAt?: number | undefined
}

/** An entry to write together with others. */
export interface NewEntry<Value> extends EntryOptions {
  readonly key: string
  readonly value: Value
}

export interface LedgerEntry<Value> {
  readonly key: string
  readonly value: Value
  /** Where it was written. */
  readonly position: Position
  /** Milliseconds since 1970; `Infinity` for never. */
  readonly expiresAt: number
}

/** A key got another value, or none any more. */
export interface LedgerChange<Value> {
  readonly key: string
  /** Undefined when the entry was deleted or has expired. */
  readonly value: Value | undefined
  /** Undefined when there was no entry. */
  readonly before: Value | undefined
  /**
   * The record from which on the change holds, on every node. An expiry has no record, nor has a
   * change found after the tail was overtaken. For these it is where the ledger stands when it
   * tells.
   */
  readonly position: Position
  /**
   * Milliseconds since 1970. Of the record, by the log, the same on every node. Without a record it is when
   * the ledger tells, by the clock of this node.
   */
  readonly time: number
  readonly cause: 'set' | 'claimed' | 'deleted' | 'expired' | 'overtaken'
}

/** How a claim went. */
export interface Claim<Value> {
  /** Whether the value is the one that was handed in. */
  readonly isWon: boolean
  /** The winner's. */
  readonly value: Value
  /** Of the winner's entry. */
  readonly position: Position
}

/** A moment of the log, such as an `EventRecord`. */
export interface Moment {
  readonly position: Position
  /** Milliseconds since 1970, by the log. */
  readonly time: number
}

/**
 * The latest value per key of one topic `$hub/state/<name>`, the same for all nodes of a log at
 * each position.
 *
 * A node reads here what the log held at `position`, which moves with the log's tail. Calls that
 * write resolve when the ledger itself stands behind their record. They reject with the log's
 * `LogError`: `LEDGER_FULL`, `LOG_CLOSED`, `LOG_SUPERSEDED`, `LOG_DIRECTORY_LOST`, or
 * `LOG_UNAVAILABLE`. The last one also comes when the log has taken an entry and hands nothing over
 * for 10 s. A key with more than 256 characters or with control characters is `BATCH_INVALID`.
 */
export interface Ledger<Value> {
  readonly name: string
  readonly topic: Topic
  /** Everything up to here is in the ledger, and nothing from behind it. */
  readonly position: Position
  /** The value now; undefined for none. */
  get(key: string): Value | undefined
  /**
   * The value as a record of the log found it: changes of up to its position, expiry by its time.
   * The same on every node.
   * @throws LogError `POSITION_INVALID` for a position that the ledger has not reached; await
   *   `reached`. Also for one before the last 1,000 changes or 4 MiB of them, the newest snapshot, or the
   *   end of a forgotten entry, a minute after its end
   */
  getAt(key: string, moment: Moment): Value | undefined
  /** The entries that are there now, in the order of positions. */
  entries(): readonly LedgerEntry<Value>[]
  /** Sets a value whatever was there. */
  set(key: string, value: Value, options?: EntryOptions): Promise<Position>
  /**
   * Sets values whatever was there, all or none and in one append: at most 10,000. Of two for one key
   * the later one stays. Resolves to the position of the last.
   */
  setAll(entries: readonly NewEntry<Value>[]): Promise<Position>
  /**
   * The event that sets a value, for a batch of the caller's own. The batch is as good as `set`, and may have
   * an idempotency key.
   */
  entry(key: string, value: Value, options?: EntryOptions): NewEvent
  /** Deletes an entry; resolves to whether there was one. One that is not there costs no record. */
  delete(key: string): Promise<boolean>
  /**
   * The event that ends an entry, to be appended with other events: then all of them are stored, or none.
   * @throws LogError `BATCH_INVALID` for a malformed key
   */
  deletion(key: string): NewEvent
  /**
   * Sets a value if there is none. Of any number of claims of a key, of all processes, one wins. A
   * key can be claimed again when its entry was deleted or has expired. A call that rejected may
   * have won all the same: the ledger says so when it stands behind the claim.
   */
  claim(key: string, value: Value, options?: EntryOptions): Promise<Claim<Value>>
  /**
   * Calls `listener` with each change, in log order, when the ledger stands at its position or
   * behind it. An expiry is told a second late at most. The function that is returned ends it.
   * `entries` tells what was there before.
   */
  onChange(listener: (change: LedgerChange<Value>) => void): () => void
  /** Resolves when the ledger stands at a position of its log or behind it. */
  reached(position: Position): Promise<void>
  /** Lets go of the log, which stays open. Calls that wait reject with `LOG_CLOSED`. */
  close(): void
}
