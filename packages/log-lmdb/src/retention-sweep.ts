// Retention beside the traffic: what no append has removed in passing goes in small steps.

import type { Clock, Timer, Topic } from '@tidemark/log'
import { readRecordTime } from '@tidemark/log/driver'
import type { LogContext } from './log-context.ts'
import { isLeavingDue } from './leaving.ts'
import {
  readerCheckMs,
  sweepIntervalMs,
  sweepPauseMs,
  sweepRecordsMax,
  sweepTopicsMax,
} from './limits.ts'
import { decodeTopicStats, readState } from './log-state.ts'
import { decodeHead } from './record-codec.ts'
import { asBuffer, oldestRecordKey, readSequence, textKey, withSnapshot } from './schema.ts'
import { transact } from './transact.ts'
import { WriteView } from './write-view.ts'

export interface RetentionSweepOptions {
  readonly context: LogContext
  /** Told of a step that failed; the next sweep tries again. */
  readonly onError: (error: unknown) => void
}

/** Where a sweep over the topics stands. */
interface Lap {
  /** The next topic to look at; undefined at the start of a lap. */
  from: Topic | undefined
  /** A lap is under way. */
  isRunning: boolean
}

/**
 * One look per second costs two reads when there is nothing to do. A transaction is taken only when something is
 * due, removes at most 500 records and is followed by a pause.
 */
export class RetentionSweep {
  readonly #context: LogContext
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  /** Without bounds per topic the oldest record is always the next to go, and topics need no visit. */
  readonly #needsTopics: boolean
  readonly #lap: Lap = { from: undefined, isRunning: false }
  #timer: Timer | undefined
  #step: Promise<void> | undefined
  #readersCheckedAt: number
  #isClosed = false

  constructor({ context, onError }: RetentionSweepOptions) {
    this.#context = context
    this.#clock = context.clock
    this.#onError = onError
    this.#readersCheckedAt = context.clock.now()
    this.#needsTopics = context.rules.rules.length > 1
    this.#sweepAfter(sweepPauseMs)
  }

  /** Resolves when the step under way has ended. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    await this.#step
  }

  /** Takes step after step until nothing is due. */
  async settle(): Promise<void> {
    await this.#step
    this.#timer?.cancel()
    try {
      while (!this.#isClosed && !(await this.#takeStep()));
    } finally {
      this.#sweepAfter(sweepIntervalMs)
    }
  }

  #sweepAfter(delayMs: number): void {
    if (this.#isClosed) return
    this.#timer?.cancel()
    this.#timer = this.#clock.after(delayMs, () => {
      this.#step = this.#sweep()
    })
  }

  async #sweep(): Promise<void> {
    let isDone = true
    try {
      this.#checkReaders()
      isDone = await this.#takeStep()
    } catch (error) {
      if (!this.#isClosed) this.#onError(error)
    }
    this.#sweepAfter(isDone ? sweepIntervalMs : sweepPauseMs)
  }

  /** The slot of a process that was killed keeps every page since from being reused. */
  #checkReaders(): void {
    const now = this.#clock.now()
    if (Math.abs(now - this.#readersCheckedAt) < readerCheckMs) return
    this.#readersCheckedAt = now
    this.#context.tables.root.readerCheck()
  }

  /** Returns whether there is nothing left to do for now. */
  async #takeStep(): Promise<boolean> {
    const { tables } = this.#context
    const due = withSnapshot(tables, () => ({
      front: this.#isFrontDue() || this.#isLeavingDue(),
      topics: this.#needsTopics ? this.#readLap() : [],
    }))
    if (!due.front && due.topics.length === 0) return !this.#lap.isRunning
    const isDone = await transact(tables, () => this.#remove(due.topics))
    return isDone && !this.#lap.isRunning
  }

  #isLeavingDue(): boolean {
    const { tables } = this.#context
    const state = readState(tables)
    return isLeavingDue(tables, state, readRecordTime(this.#clock, state.headTime))
  }

  #isFrontDue(): boolean {
    const { tables, retention } = this.#context
    const state = readState(tables)
    if (state.bytes > retention.maxBytes) return true
    const now = readRecordTime(this.#clock, state.headTime)
    for (const { value } of tables.records.getRange({ limit: 1 })) {
      const record = asBuffer(value)
      return this.#isExpired(record, now)
    }
    return false
  }

  #isExpired(record: Buffer, now: number): boolean {
    // With bounds per topic the topic's own rule decides, on the lap.
    if (this.#needsTopics) return false
    return now - decodeHead(record).time > this.#context.retention.maxAgeMs
  }

  /** The next topics of the lap that hold more, or older records, than they may. */
  #readLap(): readonly Topic[] {
    const { tables, rules } = this.#context
    const { headTime } = readState(tables)
    const now = readRecordTime(this.#clock, headTime)
    const due: Topic[] = []
    let looked = 0
    const { from } = this.#lap
    const range = {
      ...(from === undefined ? {} : { start: textKey(from) }),
      limit: sweepTopicsMax + 1,
    }
    this.#lap.isRunning = false
    this.#lap.from = undefined
    for (const { key, value } of tables.topics.getRange(range)) {
      const name = asBuffer(key).toString() as Topic
      if (looked === sweepTopicsMax) {
        this.#lap.from = name
        this.#lap.isRunning = true
        break
      }
      looked += 1
      const topic = decodeTopicStats(name, value)
      if (topic.count === 0) continue
      const rule = rules.ruleFor(name)
      const isOver = topic.count > rule.maxEvents || topic.bytes > rule.maxBytes
      if (isOver || this.#isOldestExpired(topic.id, now - rule.maxAgeMs)) due.push(name)
    }
    return due
  }

  #isOldestExpired(topicId: number, oldestTime: number): boolean {
    if (oldestTime === -Infinity) return false
    const { tables } = this.#context
    const key = oldestRecordKey(tables, topicId)
    if (key === undefined) return false
    const record = tables.records.getBinary(key)
    return record !== undefined && decodeHead(asBuffer(record)).time < oldestTime
  }

  /** One step, inside of a transaction. Returns whether it came to its end before its bound. */
  #remove(topics: readonly Topic[]): boolean {
    const view = new WriteView(this.#context)
    let left = sweepRecordsMax
    for (const name of topics) {
      left -= view.expireTopic(name, left)
      left -= view.trimTopic(name, left)
      // The lap comes back to the topics that did not get their turn.
      if (left === 0) {
        this.#lap.from = name
        this.#lap.isRunning = true
        break
      }
    }
    left -= view.trimTotal(left)
    left -= this.#expireFront(view, left)
    view.trimRest(sweepRecordsMax)
    view.save()
    return left > 0
  }

  #expireFront(view: WriteView, max: number): number {
    let removed = 0
    if (max === 0 || this.#needsTopics) return removed
    const oldest = [...this.#context.tables.records.getRange({ limit: max })]
    for (const { key, value } of oldest) {
      if (!this.#isExpired(asBuffer(value), view.now)) return removed
      view.removeByRetention(readSequence(key))
      removed += 1
    }
    return removed
  }
}
