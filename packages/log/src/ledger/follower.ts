// A ledger's way through its log: a snapshot, then the tail; and the snapshot again when the tail
// was overtaken.

import type { Clock, Timer } from '../clock.ts'
import { hasLogCode } from '../errors.ts'
import type { EventLog, EventRecord } from '../event-log.ts'
import { ledgerPageRecords, ledgerRetryMs } from '../limits.ts'
import { comparePositions } from '../position.ts'
import type { Position } from '../position.ts'
import type { Topic } from '../topic.ts'
import { parseTopicSet } from '../topic-set.ts'
import { ledgerTailOf } from './ledger-tail.ts'
import type { LedgerTail, LedgerTaker } from './ledger-tail.ts'

export interface Snapshot<Item> {
  readonly at: Position
  /** Oldest first. A key may be missing that one of `tailed` has. */
  readonly read: readonly Item[]
  /** The records that followed on the way to `at`. */
  readonly tailed: readonly EventRecord[]
}

export interface FollowerOptions<Item> {
  readonly log: EventLog
  readonly clock: Clock
  readonly topic: Topic
  /** Makes what is kept of a record; page by page, so that no turn has all of them to decode. */
  readonly prepare: (record: EventRecord) => Item
  /** Records of the topic, in log order. */
  readonly onRecords: (records: readonly EventRecord[]) => void
  /** All there is of the topic at a position. */
  readonly onSnapshot: (snapshot: Snapshot<Item>) => void
  /**
   * Told after a move while {@link Follower.watch} asks for it. A move may bring no record of the topic.
   */
  readonly onMoved: () => void
  /** Told of a snapshot that could not be read anew; it is tried again. */
  readonly onError: (error: unknown) => void
}

export class Follower<Item> implements LedgerTaker {
  readonly #options: FollowerOptions<Item>
  readonly #tail: LedgerTail
  #state: 'reading' | 'live' | 'closed' = 'reading'
  /** Where the ledger stands while it is not live. */
  #stoodAt: Position
  /** The records that the tail has brought while the snapshot is read. */
  #tailed: EventRecord[] = []
  #isOvertaken = false
  #snapshots = 0
  #isWatching = false
  /** Called when the tail has moved while the snapshot waits for it. */
  #onTailMoved: (() => void) | undefined
  #retry: Timer | undefined

  private constructor(start: Position, options: FollowerOptions<Item>) {
    this.#stoodAt = start
    this.#options = options
    this.#tail = ledgerTailOf(options.log)
  }

  /** Reads the snapshot. Rejects with the log's error. */
  static async open<Item>(options: FollowerOptions<Item>): Promise<Follower<Item>> {
    const { head } = await options.log.bounds()
    const follower = new Follower(head, options)
    try {
      while (!(await follower.#catchUp()));
    } catch (error) {
      follower.close()
      throw error
    }
    return follower
  }

  get topic(): Topic {
    return this.#options.topic
  }

  get position(): Position {
    const position = this.#state === 'live' ? this.#tail.positionOf(this) : undefined
    return position ?? this.#stoodAt
  }

  /** As {@link LedgerTail.breaks}, with the snapshots that this ledger has read. */
  get breaks(): number {
    return this.#tail.breaks + this.#snapshots
  }

  /** Whether somebody waits for the ledger to move. */
  watch(isWatching: boolean): void {
    this.#isWatching = isWatching
    if (this.#state === 'live') this.#tail.watch(this, isWatching)
  }

  close(): void {
    if (this.#state === 'closed') return
    this.#stoodAt = this.position
    this.#state = 'closed'
    this.#retry?.cancel()
    this.#tail.leave(this)
    this.#onTailMoved?.()
  }

  take(records: readonly EventRecord[]): void {
    if (this.#state === 'live') this.#options.onRecords(records)
    else for (const record of records) this.#tailed.push(record)
  }

  moved(): void {
    if (this.#state === 'live') this.#options.onMoved()
    else this.#onTailMoved?.()
  }

  /** The ledger stays where it stood until the new snapshot is whole. */
  overtaken(stoodAt: Position): void {
    this.#isOvertaken = true
    this.#onTailMoved?.()
    if (this.#state !== 'live') return
    this.#stoodAt = stoodAt
    this.#state = 'reading'
    void this.#tryAgain()
  }

  /**
   * Reads up to where the tail stands and follows it to a later head. A record that was superseded
   * while pages were read is missing from the pages. Its successor lies before the later head: from
   * there on the ledger is whole. False when the tail was overtaken meanwhile.
   */
  async #catchUp(): Promise<boolean> {
    const { log, onSnapshot, onMoved } = this.#options
    this.#tailed = []
    this.#isOvertaken = false
    const from = await this.#tail.join(this)
    if (this.#isClosed()) {
      this.#tail.leave(this)
      return true
    }
    const read = await this.#readAll(from)
    const { head: whole } = await log.bounds()
    await this.#standAt(whole)
    const at = this.#tail.positionOf(this)
    if (at === undefined || this.#isClosed()) return true
    if (this.#isOvertaken) return false
    // A second snapshot joins a tail that was joined before, and so hands over what is read as well.
    const tailed = this.#tailed.filter(({ position }) => comparePositions(position, from) > 0)
    this.#tailed = []
    this.#state = 'live'
    this.#snapshots += 1
    this.#tail.watch(this, this.#isWatching)
    onSnapshot({ at, read, tailed })
    onMoved()
    return true
  }

  /** Behind an await, where the compiler takes the state for what it was. */
  #isClosed(): boolean {
    return this.#state === 'closed'
  }

  /**
   * The records of the topic up to `upTo`. Older entries that were removed are no loss to a reader
   * who had none.
   */
  async #readAll(upTo: Position): Promise<Item[]> {
    const { log, topic, prepare, clock } = this.#options
    const topics = parseTopicSet([topic])
    const items: Item[] = []
    let after = await log.locate({ topics, since: { kind: 'earliest' } })
    for (;;) {
      const page = await log.read({ topics, after, upTo, limit: ledgerPageRecords })
      for (const record of page.records) items.push(prepare(record))
      after = page.next
      if (comparePositions(after, upTo) >= 0) return items
      // A page takes no turn of its own from a log that reads at once, and others want theirs.
      await new Promise<void>((resolve) => void clock.after(0, resolve, { isAwaited: true }))
    }
  }

  /**
   * Resolves when the tail stands at a position or behind it, was overtaken, or is left. Rejects
   * with the log's error.
   */
  async #standAt(whole: Position): Promise<void> {
    const { log, clock } = this.#options
    for (;;) {
      const position = this.#tail.positionOf(this)
      if (position === undefined || this.#isOvertaken) return
      if (comparePositions(position, whole) >= 0) return
      this.#tail.watch(this, true)
      const isMoved = await new Promise<boolean>((resolve) => {
        const timer = clock.after(ledgerRetryMs, () => resolve(false), { isAwaited: true })
        this.#onTailMoved = () => {
          timer.cancel()
          resolve(true)
        }
      })
      this.#onTailMoved = undefined
      this.#tail.watch(this, false)
      // A tail may move on without a word, and that of a log that is closed stands still.
      if (!isMoved) await log.bounds()
    }
  }

  async #tryAgain(): Promise<void> {
    try {
      while (!this.#isClosed() && !(await this.#catchUp()));
    } catch (error) {
      if (this.#isClosed()) return
      // A closed log stays closed: its ledgers stand still and their calls say so.
      if (hasLogCode(error, 'LOG_CLOSED')) return
      this.#options.onError(error)
      this.#retry = this.#options.clock.after(ledgerRetryMs, () => void this.#tryAgain())
    }
  }
}
