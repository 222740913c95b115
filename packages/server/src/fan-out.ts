// From the log's tail to the feeds: every record of every node comes by here once, in order.

import { comparePositions } from '@tidemark/log'
import type { EventLog, EventRecord, Position, Tail } from '@tidemark/log'
import type { Feed } from './feed.ts'
import type { Feeds } from './feeds.ts'
import { FramedRecord } from './framed-record.ts'
import { waitersKeptMax } from './limits.ts'
import { RecentRecords } from './recent.ts'

/** Somebody who waits for the tail. */
interface Waiter {
  readonly position: Position
  readonly resolve: () => void
  readonly isOver: () => boolean
}

export interface FanOutOptions {
  readonly log: EventLog
  readonly feeds: Feeds
  /** The log's head, after which this node begins. */
  readonly head: Position
  /** Told of a record that could not be encoded; its feeds go without it. */
  readonly onError: (error: unknown) => void
}

/** Matches records to feeds, has each encoded once per framing, and flushes once per turn. */
export class FanOut {
  readonly recent: RecentRecords
  readonly #feeds: Feeds
  readonly #onError: (error: unknown) => void
  readonly #tail: Tail
  #position: Position
  #waiters: Waiter[] = []

  constructor({ log, feeds, head, onError }: FanOutOptions) {
    this.#feeds = feeds
    this.#onError = onError
    this.#position = head
    this.recent = new RecentRecords(head)
    this.#tail = log.tail(head, {
      records: (records) => this.#deliver(records),
      overtaken: (to) => this.#skip(to),
    })
  }

  /** Everything up to here has been handed to the feeds: where a session that is level with them stands. */
  get position(): Position {
    return this.#position
  }

  /** Resolves once the tail has handed over `position`, or on `close`. Who no longer waits says so by `isOver`. */
  reached(position: Position, isOver: () => boolean): Promise<void> {
    if (comparePositions(position, this.#position) <= 0) return Promise.resolve()
    // A tail that stands still must not gather those who have given up.
    if (this.#waiters.length >= waitersKeptMax) {
      this.#waiters = this.#waiters.filter((waiter) => !waiter.isOver())
    }
    return new Promise((resolve) => this.#waiters.push({ position, resolve, isOver }))
  }

  close(): void {
    this.#tail.close()
    for (const { resolve } of this.#waiters) resolve()
    this.#waiters = []
  }

  #deliver(records: readonly EventRecord[]): void {
    const last = records.at(-1)
    if (last === undefined) return
    const framed = records.map((record) => new FramedRecord(record))
    const dirty = new Set<Feed>()
    for (const one of framed) this.#match(one, dirty)
    this.recent.push(framed)
    this.#position = last.position
    for (const feed of dirty) feed.flush()
    this.#wake()
  }

  #match(framed: FramedRecord, dirty: Set<Feed>): void {
    for (const feed of this.#feeds.match(framed.record.topic)) {
      if (feed.live.size === 0) continue
      try {
        feed.add(framed)
        dirty.add(feed)
      } catch (error) {
        this.#onError(error)
      }
    }
  }

  /** Retention overtook this node's tail: nobody is level any more, everyone reads on from the log, which says what is lost. */
  #skip(to: Position): void {
    const behind = this.#feeds.listLive()
    for (const session of behind) session.leaveLive()
    this.recent.reset(to)
    this.#position = to
    for (const session of behind) session.resume()
    this.#wake()
  }

  #wake(): void {
    if (this.#waiters.length === 0) return
    const isDue = ({ position }: Waiter): boolean => comparePositions(position, this.#position) <= 0
    const due = this.#waiters.filter(isDue)
    if (due.length === 0) return
    this.#waiters = this.#waiters.filter((waiter) => !isDue(waiter))
    for (const { resolve } of due) resolve()
  }
}
