// Retention beside the traffic: what no append has removed in passing goes in small steps.

import type { Clock, Timer, Topic } from '@tidemark/log'
import type { RuleBook } from '@tidemark/log/driver'
import { findAtEnd } from './ended-records.ts'
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
import { SupersededRecords } from './superseded.ts'
import type { Superseded } from './superseded.ts'
import { TopicsOverBound } from './topics-over-bound.ts'
import { withSnapshot } from '../tables/schema.ts'
import type { Tables } from '../tables/schema.ts'
import { WriteView } from '../append/write-view.ts'

export interface RetentionSweepOptions {
  readonly context: LogContext
  /** Removes records whose own end has come, in a transaction of its own. */
  readonly end: (sequences: readonly number[]) => Promise<void>
  /** Told of a step that failed; the next sweep tries again. */
  readonly onError: (error: unknown) => void
}

interface Look {
  /** Under which it was made. */
  readonly rules: RuleBook
  readonly superseded: Superseded | undefined
  readonly expired: Expired
  readonly ended: Ended
  /** Records whose own end has come. */
  readonly atEnd: readonly number[]
  readonly isTooMuch: boolean
}

/**
 * One look per second costs a few reads when there is nothing to do, however many topics there are.
 * A transaction is taken only when something is due. It removes at most 500 records and is followed
 * by a pause.
 */
export class RetentionSweep {
  readonly #context: LogContext
  readonly #clock: Clock
  readonly #end: RetentionSweepOptions['end']
  readonly #onError: (error: unknown) => void
  readonly #superseded = new SupersededRecords()
  readonly #expiry = new Expiry()
  readonly #ledgers = new EndedEntries()
  readonly #overBound = new TopicsOverBound()
  /** The book that the parts above follow. */
  #rules: RuleBook | undefined
  #timer: Timer | undefined
  #step: Promise<void> | undefined
  #readersCheckedAt: number
  #isClosed = false

  constructor({ context, end, onError }: RetentionSweepOptions) {
    this.#context = context
    this.#clock = context.clock
    this.#end = end
    this.#onError = onError
    this.#readersCheckedAt = context.clock.now()
    this.#sweepAfter(sweepPauseMs)
  }

  /** Says that removal waits after a jump of the clock; see `age-hold.ts`. */
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
    const look = withSnapshot(tables, () => this.#look(isAsked))
    const { rules, superseded, expired, ended, atEnd, isTooMuch } = look
    if (superseded !== undefined) return await this.#settleKeys(superseded, rules)
    if (atEnd.length > 0) await this.#end(atEnd)
    const sequences = [...expired.sequences, ...ended.sequences]
    const isDue = isTooMuch || sequences.length > 0 || this.#overBound.names.size > 0
    const removed = isDue
      ? await writer.run(() => this.#remove(sequences, rules))
      : { trimmed: [], isDone: true }
    if (removed === undefined) return false
    const { trimmed, isDone } = removed
    this.#expiry.moveOn(expired)
    this.#ledgers.moveOn(ended)
    for (const name of trimmed) this.#overBound.delete(name)
    const isAll = atEnd.length < sweepRecordsMax && !expired.isCutOff && !ended.isCutOff
    return isDone && isAll && !this.#overBound.isLapping
  }

  #look(isAsked: boolean): Look {
    const { tables, hold } = this.#context
    const state = readState(tables)
    const rules = this.#followRules(state)
    // First what is superseded: a bound or an age that removed it would tell of a loss.
    const isKeyed = rules.retention.rules.some(({ latestBy }) => latestBy === 'key')
    // Rules that cannot be read here are carried through by a process that can.
    if (isKeyed && this.#context.rules.isRead && state.keysAt !== state.rulesAt) {
      const superseded = this.#superseded.find(tables, rules)
      return { ...this.#nothing, rules, superseded }
    }
    // The machine's clock, not the log's: one record dated far ahead must not make all before it too old.
    const now = Math.floor(this.#clock.now())
    if (this.#overBound.names.size === 0) this.#overBound.lap(tables)
    const found = this.#expiry.find(tables, now)
    const ended = this.#ledgers.find(tables, now, isAsked)
    const atEnd = findAtEnd(tables, now)
    const isEnded = ended.sequences.length > 0 || atEnd.length > 0
    const isOld = found.sequences.length > 0 || isEnded || hasOldKeys(tables, now)
    const isHeld = !isAsked && hold.holds(tables, now, isOld)
    const { maxBytes } = rules.retention
    return {
      rules,
      superseded: undefined,
      expired: isHeld ? this.#expiry.nothing : found,
      ended: isHeld ? this.#ledgers.nothing : ended,
      atEnd: isHeld ? [] : atEnd,
      isTooMuch: isOverBound(tables, state, maxBytes) || isRemovedDue(tables, state, now),
    }
  }

  get #nothing(): Pick<Look, 'expired' | 'ended' | 'atEnd' | 'isTooMuch'> {
    const expired = this.#expiry.nothing
    return { expired, ended: this.#ledgers.nothing, atEnd: [], isTooMuch: false }
  }

  #followRules(state: LogState): RuleBook {
    const rules = this.#context.rules.find(this.#context.tables, state)
    if (rules === this.#rules) return rules
    this.#rules = rules
    for (const part of [this.#superseded, this.#expiry, this.#overBound]) part.follow(rules)
    return rules
  }

  /**
   * A stretch of the lap over the records that changed rules have superseded. Returns false,
   * because everything else that is due comes after the lap.
   */
  async #settleKeys(superseded: Superseded, rules: RuleBook): Promise<false> {
    const { sequences, lap } = superseded
    const isWhole = lap.ranges.length === 0
    if (sequences.length > 0 || isWhole) {
      const isDone = await this.#context.writer.run(() => {
        const view = new WriteView(this.#context)
        if (view.rules !== rules) return false
        for (const sequence of sequences) view.settleKey(sequence)
        if (isWhole) view.state.keysAt = view.state.rulesAt
        view.trimRest(sweepRecordsMax)
        view.save()
        return true
      })
      if (!isDone) return false
    }
    this.#superseded.moveOn(superseded)
    return false
  }

  /**
   * One step, inside of a transaction. Says which topics are done, and whether all came to its end
   * before the bound. Undefined when the rules have changed since the look: a record that was too
   * old may be kept now.
   */
  #remove(
    sequences: readonly number[],
    rules: RuleBook,
  ): { readonly trimmed: readonly Topic[]; readonly isDone: boolean } | undefined {
    const view = new WriteView(this.#context)
    if (view.rules !== rules) return undefined
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
