// Retention beside the traffic: what no append has removed in passing goes in small steps.

import type { Clock, Timer, Topic } from '@tidemark/log'
import { EndedEntries, listLedgers } from './ledgers.ts'
import type { Ended } from './ledgers.ts'
import type { LogContext } from '../log-context.ts'
import { Expiry } from './expiry.ts'
import type { Expired } from './expiry.ts'
import { hasOldKeys } from '../append/idempotency.ts'
import { isRemovedDue } from './removed-records.ts'
import { readerCheckMs, sweepIntervalMs, sweepPauseMs, sweepRecordsMax } from '../limits.ts'
import { readState } from '../tables/log-state.ts'
import type { LogState } from '../tables/log-state.ts'
import { TopicsOverBound } from './topics-over-bound.ts'
import { withSnapshot } from '../tables/schema.ts'
import type { Tables } from '../tables/schema.ts'
import { WriteView } from '../append/write-view.ts'

export interface RetentionSweepOptions {
  readonly context: LogContext
  /** Told of a step that failed; the next sweep tries again. */
  readonly onError: (error: unknown) => void
}

interface Look {
  readonly expired: Expired
  readonly ended: Ended
  readonly isTooMuch: boolean
}

/**
 * One look per second costs a few reads when there is nothing to do, however many topics there are. A transaction is taken only when something is
 * due, removes at most 500 records and is followed by a pause.
 */
export class RetentionSweep {
  readonly #context: LogContext
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  readonly #expiry: Expiry
  readonly #ledgers = new EndedEntries()
  readonly #overBound: TopicsOverBound
  #timer: Timer | undefined
  #step: Promise<void> | undefined
  #readersCheckedAt: number
  #isClosed = false

  constructor({ context, onError }: RetentionSweepOptions) {
    this.#context = context
    this.#clock = context.clock
    this.#onError = onError
    this.#readersCheckedAt = context.clock.now()
    this.#expiry = new Expiry(context.rules)
    this.#overBound = new TopicsOverBound(context.rules, context.retention)
    this.#sweepAfter(sweepPauseMs)
  }

  /** What waits to be removed after a jump of the clock; see `age-hold.ts`. */
  get warning(): string | undefined {
    return this.#context.hold.warning
  }

  /** Told of topics that an append has left with more than they may hold. */
  note(overBound: readonly Topic[]): void {
    this.#overBound.add(overBound)
  }

  /** Resolves when the step under way has ended. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    await this.#step
  }

  /** Takes step after step until nothing is due, whatever the clock has done: somebody asks for it. */
  async settle(): Promise<void> {
    await this.#step
    this.#timer?.cancel()
    try {
      while (!this.#isClosed && !(await this.#takeStep({ isAsked: true })));
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
      isDone = await this.#takeStep({ isAsked: false })
    } catch (error) {
      const { writer, held, history } = this.#context
      const isTold = writer.isStuck || held.isLost || history.isLost
      // That storage is stuck or gone is said once, not with every look.
      if (!this.#isClosed && !isTold) this.#onError(error)
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
  async #takeStep({ isAsked }: { readonly isAsked: boolean }): Promise<boolean> {
    const { tables, writer } = this.#context
    const { expired, ended, isTooMuch } = withSnapshot(tables, () => this.#look(isAsked))
    const sequences = [...expired.sequences, ...ended.sequences]
    const isDue = isTooMuch || sequences.length > 0 || this.#overBound.names.size > 0
    const { trimmed, isDone } = isDue
      ? await writer.run(() => this.#remove(sequences))
      : { trimmed: [], isDone: true }
    this.#expiry.moveOn(expired)
    this.#ledgers.moveOn(ended)
    for (const name of trimmed) this.#overBound.delete(name)
    return isDone && !expired.isCutOff && !ended.isCutOff && !this.#overBound.isLapping
  }

  #look(isAsked: boolean): Look {
    const { tables, retention, hold } = this.#context
    const state = readState(tables)
    // The machine's clock, not the log's: one record dated far ahead must not make all before it too old.
    const now = Math.floor(this.#clock.now())
    if (this.#overBound.names.size === 0) this.#overBound.lap(tables)
    const found = this.#expiry.find(tables, now)
    const ended = this.#ledgers.find(tables, now, isAsked)
    const isEnded = ended.sequences.length > 0
    const isOld = found.sequences.length > 0 || isEnded || hasOldKeys(tables, now)
    const isHeld = !isAsked && hold.holds(tables, now, isOld)
    return {
      expired: isHeld ? this.#expiry.nothing : found,
      ended: isHeld ? this.#ledgers.nothing : ended,
      isTooMuch: isOverBound(tables, state, retention.maxBytes) || isRemovedDue(tables, state, now),
    }
  }

  /** One step, inside of a transaction. Says which topics are done, and whether all came to its end before the bound. */
  #remove(sequences: readonly number[]): {
    readonly trimmed: readonly Topic[]
    readonly isDone: boolean
  } {
    const view = new WriteView(this.#context)
    for (const sequence of sequences) view.removeByRetention(sequence)
    let left = Math.max(1, sweepRecordsMax - sequences.length)
    const trimmed: Topic[] = []
    for (const name of this.#overBound.names) {
      left -= view.trimTopic(name, left)
      if (left === 0) break
      trimmed.push(name)
    }
    left -= view.trimTotal(left)
    view.trimRest(sweepRecordsMax)
    view.save()
    return { trimmed, isDone: left > 0 }
  }
}

/** Ledgers are beside `maxBytes`; they are measured only where the log as a whole is over it. */
function isOverBound(tables: Tables, { bytes }: LogState, maxBytes: number): boolean {
  if (bytes <= maxBytes) return false
  return bytes > listLedgers(tables).reduce((sum, ledger) => sum + ledger.bytes, maxBytes)
}
