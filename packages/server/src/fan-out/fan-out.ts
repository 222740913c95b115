// From the log's tail to the audiences: every record of every node comes by here once, in order.

import { comparePositions } from '@tidemark/log'
import type { Clock, EventLog, EventRecord, Position, Tail } from '@tidemark/log'
import { isExpired } from '@tidemark/log/values'
import type { Audience } from './audience.ts'
import type { Audiences } from './audiences.ts'
import { FlushWindow } from './flush-window.ts'
import type { WindowSettings } from './flush-window.ts'
import type { CompressionRules } from '../framing/compression-rules.ts'
import { FramedRecord } from '../framing/framed-record.ts'
import type { LagRules } from '../catch-up/lag-rules.ts'
import {
  escapeGrowthMax,
  publishPatienceMsMax,
  publishPatienceShare,
  waitersKeptMax,
} from '../limits.ts'
import type { TopicRates } from '../publish/topic-rates.ts'
import type { FlushTally, NodeWatch } from '../observer/node-watch.ts'
import { RecentRecords } from './recent.ts'

/** Somebody who waits for the tail. */
interface Waiter {
  readonly position: Position
  readonly resolve: () => void
  readonly isOver: () => boolean
}

/** When records leave, and how many of them together. */
export interface FlushSettings extends WindowSettings {
  /** Records that wait, at which they leave early; also the most that one flush puts into one block. */
  readonly eventsMax: number
  /**
   * Bytes of data that wait, at which records leave early. Also the bytes of frames that one audience puts
   * into one block, up to the frame that passes them.
   */
  readonly bytesMax: number
}

/** Reads the hub's own records, those of topics below `$`, in the order of the log. Never throws. */
export interface RecordReader {
  take(record: EventRecord): void
  /** The tail was overtaken by retention, so records may have been passed over. */
  overtaken?(): void
}

/** Topics of the hub begin with it. */
const dollar = 0x24

export interface FanOutOptions {
  readonly log: EventLog
  readonly audiences: Audiences
  /** The log's head, after which this node begins. */
  readonly head: Position
  readonly clock: Clock
  readonly flush: FlushSettings
  readonly rules: {
    /** Tells which topics no session may be behind with. */
    readonly lag: LagRules
    /** Tells which topics' events are not compressed. */
    readonly compression: CompressionRules
  }
  /** Counts every event of publishers. */
  readonly rates: Pick<TopicRates, 'heard'>
  /** Each gets every record of the hub's own before any session does. */
  readonly readers: readonly RecordReader[]
  /** Told of a record that could not be encoded; its audiences go without it. */
  readonly onError: (error: unknown) => void
  readonly watch: NodeWatch
}

/**
 * Matches records to audiences, has each encoded once per framing, and flushes once per window.
 *
 * Records wait here, before they are matched, so audiences hold nothing from one turn to the next. A session
 * that joins an audience finds no earlier bytes there, and its place is always between two flushes.
 */
export class FanOut {
  readonly recent: RecentRecords
  readonly #audiences: Audiences
  readonly #limits: FlushSettings
  readonly #lagRules: LagRules
  readonly #compression: CompressionRules
  readonly #rates: FanOutOptions['rates']
  readonly #readers: readonly RecordReader[]
  readonly #onError: (error: unknown) => void
  readonly #clock: Clock
  readonly #watch: NodeWatch
  readonly #window: FlushWindow
  readonly #tail: Tail
  #position: Position
  #pending: FramedRecord[] = []
  #pendingBytes = 0
  #waiters: Waiter[] = []

  constructor(options: FanOutOptions) {
    const { log, audiences, head, clock, flush, rules, readers, onError } = options
    this.#clock = clock
    this.#watch = options.watch
    this.#audiences = audiences
    this.#limits = flush
    this.#lagRules = rules.lag
    this.#compression = rules.compression
    this.#rates = options.rates
    this.#readers = readers
    this.#onError = onError
    this.#position = head
    this.recent = new RecentRecords(head, clock)
    this.#window = new FlushWindow(clock, flush, () => this.#flush())
    this.#tail = log.tail(head, {
      records: (records) => this.#take(records),
      overtaken: (to) => this.#skip(to),
    })
  }

  /** Everything up to here has been flushed: where a session that is level with the node stands. */
  get position(): Position {
    return this.#position
  }

  /** How long an event that is published now may wait on its way to the log: less than it will wait here. */
  get patienceMs(): number {
    return Math.min(publishPatienceMsMax, this.#window.waitMs * publishPatienceShare)
  }

  /**
   * Resolves once the tail has handed over `position`, or on `close`. `isOver` says that the caller no longer
   * waits.
   */
  reached(position: Position, isOver: () => boolean): Promise<void> {
    if (comparePositions(position, this.#position) <= 0) return Promise.resolve()
    // A tail that stands still must not gather callers that have given up.
    if (this.#waiters.length >= waitersKeptMax) {
      this.#waiters = this.#waiters.filter((waiter) => !waiter.isOver())
    }
    return new Promise((resolve) => this.#waiters.push({ position, resolve, isOver }))
  }

  /** A record that was read from the log, for its frames. */
  frame(record: EventRecord): FramedRecord {
    const framed = new FramedRecord(record)
    framed.isStored = this.#compression.isStored(record.topic)
    return framed
  }

  close(): void {
    this.#tail.close()
    this.#window.stop()
    for (const { resolve } of this.#waiters) resolve()
    this.#waiters = []
  }

  #take(records: readonly EventRecord[]): void {
    for (const record of records) {
      const framed = new FramedRecord(record)
      this.#pending.push(framed)
      this.#pendingBytes += framed.dataBytes
    }
    const { eventsMax, bytesMax } = this.#limits
    if (this.#pending.length >= eventsMax || this.#pendingBytes >= bytesMax) {
      this.#window.flushNow()
    } else {
      this.#window.request()
    }
  }

  /** Sends what waits, in portions: a session that is blocked by one keeps its place before the next. */
  #flush(): void {
    const records = this.#pending
    this.#pending = []
    this.#pendingBytes = 0
    const began = this.#clock.elapsed()
    const tally = { audiences: 0, writes: 0, deliveries: 0, bytes: 0 }
    for (let start = 0; start < records.length;) start += this.#deliver(records, start, tally)
    if (records.length > 0) {
      this.#watch.traces.flushed(this.#position)
      this.#watch.flushed(records.length, tally, this.#clock.elapsed() - began)
    }
    this.#wake()
  }

  #findPortionEnd(records: readonly FramedRecord[], start: number): number {
    const { eventsMax, bytesMax } = this.#limits
    let bytes = 0
    let end = start
    let permission: string | undefined
    while (end < records.length && end - start < eventsMax && bytes < bytesMax) {
      const { dataBytes = 0, record } = records[end] ?? {}
      // An audience makes two blocks at most, for those who have the permission and for the others.
      if (record?.permission !== undefined) {
        if (record.permission !== (permission ?? record.permission)) return end
        ;({ permission } = record)
      }
      // A large event goes alone. Its frame is then the block of all audiences, and no audience holds a copy
      // of it with other events.
      if (dataBytes * escapeGrowthMax > bytesMax) return Math.max(end, start + 1)
      bytes += dataBytes
      end += 1
    }
    return end
  }

  /**
   * Sends a portion; returns how many records it had. A portion ends early where the frames of one audience
   * have reached `bytesMax`.
   */
  #deliver(records: readonly FramedRecord[], start: number, tally: FlushTally): number {
    const end = this.#findPortionEnd(records, start)
    const portion: FramedRecord[] = []
    const dirty: Audience[] = []
    for (const framed of records.slice(start, end)) {
      portion.push(framed)
      if (this.#match(framed, dirty) >= this.#limits.bytesMax) break
    }
    this.recent.push(portion)
    const before = this.#position
    this.#position = portion.at(-1)?.record.position ?? before
    for (const audience of dirty) this.#flushAudience(audience, before, tally)
    return portion.length
  }

  #flushAudience(audience: Audience, before: Position, tally: FlushTally): void {
    try {
      audience.flush(before, tally)
    } catch (error) {
      this.#onError(error)
      // No session got the block; each gets the records from the log.
      for (const session of audience.listLive()) {
        session.leaveLive(before, 'node')
        session.resume()
      }
    }
  }

  /** Adds a record to its audiences; returns the most bytes that one of them is about to send. */
  #match(framed: FramedRecord, dirty: Audience[]): number {
    let bytes = 0
    const { topic, expiresAt } = framed.record
    // Also an event that ends at once counts.
    if (topic.charCodeAt(0) !== dollar) this.#rates.heard(framed.record)
    // It waited in a tail that stood still.
    if (expiresAt !== undefined && isExpired(framed.record, this.#clock.now())) return bytes
    // One look, so that an event of a publisher pays nothing for the number of readers.
    if (topic.charCodeAt(0) === dollar)
      for (const reader of this.#readers) reader.take(framed.record)
    // By the rules that hold at this record, before anybody makes its frames.
    framed.isStored = this.#compression.isStored(topic)
    const isStrict = this.#lagRules.actionFor(topic) === 'disconnect'
    this.#audiences.match(topic, (audience) => {
      if (!audience.isHeard || audience.filter?.matches(framed.record) === false) return
      if (!audience.isPending) dirty.push(audience)
      try {
        audience.add(framed, isStrict)
        bytes = Math.max(bytes, audience.pendingBytes)
      } catch (error) {
        this.#onError(error)
      }
    })
    return bytes
  }

  /**
   * Retention overtook this node's tail, so no session is level any more. Each reads on from the log, which
   * says what is lost.
   */
  #skip(to: Position): void {
    this.#window.flushNow()
    const behind = this.#audiences.listLive()
    for (const session of behind) session.leaveLive(undefined, 'node')
    this.recent.reset(to)
    this.#position = to
    for (const reader of this.#readers) reader.overtaken?.()
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
