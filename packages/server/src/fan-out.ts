// From the log's tail to the feeds: every record of every node comes by here once, in order.

import { comparePositions } from '@tidemark/log'
import type { EventLog, EventRecord, Position, Tail } from '@tidemark/log'
import type { Block } from './block.ts'
import type { Feed } from './feed.ts'
import type { Feeds } from './feeds.ts'
import { RecentRecords } from './recent.ts'

interface Waiter {
  readonly position: Position
  readonly reached: () => void
}

/** Matches records to feeds, has each encoded once per framing, and flushes once per turn. */
export class FanOut {
  readonly recent: RecentRecords
  readonly #feeds: Feeds
  readonly #tail: Tail
  #position: Position
  #waiters: Waiter[] = []

  /** Follows `log` from `head` on. */
  constructor(log: EventLog, head: Position, feeds: Feeds) {
    this.#feeds = feeds
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

  /** Resolves once the tail has handed over `position`, or on `close`. */
  reached(position: Position): Promise<void> {
    if (comparePositions(position, this.#position) <= 0) return Promise.resolve()
    return new Promise((resolve) => this.#waiters.push({ position, reached: resolve }))
  }

  close(): void {
    this.#tail.close()
    for (const waiter of this.#waiters) waiter.reached()
    this.#waiters = []
  }

  #deliver(records: readonly EventRecord[]): void {
    const last = records.at(-1)
    if (last === undefined) return
    const dirty = new Set<Feed>()
    for (const record of records) this.#match(record, dirty)
    this.recent.push(records)
    this.#position = last.position
    for (const feed of dirty) feed.flush()
    this.#wake()
  }

  #match(record: EventRecord, dirty: Set<Feed>): void {
    let frames: Map<string, Block> | undefined
    for (const feed of this.#feeds.match(record.topic)) {
      if (feed.live.size === 0) continue
      frames ??= new Map()
      const { framing } = feed
      let frame = frames.get(framing.key)
      if (frame === undefined) {
        frame = framing.encode(record)
        frames.set(framing.key, frame)
      }
      feed.add(record, frame)
      dirty.add(feed)
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
    const due = this.#waiters.filter(
      ({ position }) => comparePositions(position, this.#position) <= 0,
    )
    if (due.length === 0) return
    this.#waiters = this.#waiters.filter((waiter) => !due.includes(waiter))
    for (const waiter of due) waiter.reached()
  }
}
