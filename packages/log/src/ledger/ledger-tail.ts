// The one tail of a log that all of its ledgers share.

import type { EventLog, EventRecord, Tail } from '../event-log.ts'
import { isLedgerTopic } from '../ledger-room.ts'
import { sequenceOf } from '../position.ts'
import type { Position } from '../position.ts'
import type { Topic } from '../topic.ts'

/** A ledger as its tail sees it. */
export interface LedgerTaker {
  readonly topic: Topic
  /**
   * Takes the next records of the topic, in log order. An error here would cost other ledgers their
   * records.
   */
  take(records: readonly EventRecord[]): void
  /** The tail has moved; told while {@link LedgerTail.watch} asks for it. */
  moved(): void
  /** Records may be missing from here on. `stoodAt` is where the tail stood before. */
  overtaken(stoodAt: Position): void
}

/** By the handle of the log, so that a ledger costs no tail of its own. */
const tails = new WeakMap<EventLog, LedgerTail>()

/** The tail of a log's ledgers. Open while there is a ledger. */
export function ledgerTailOf(log: EventLog): LedgerTail {
  const known = tails.get(log)
  if (known !== undefined) return known
  const tail = new LedgerTail(log)
  tails.set(log, tail)
  return tail
}

/**
 * Looks at each batch of the log once, however many ledgers there are. A record that is of none
 * costs one comparison. See bench/ledger.ts.
 */
export class LedgerTail {
  readonly #log: EventLog
  readonly #takers = new Map<Topic, Set<LedgerTaker>>()
  readonly #watching = new Set<LedgerTaker>()
  /** Takers that the batch under way has records for and that have not been called yet. */
  readonly #due = new Map<LedgerTaker, EventRecord[]>()
  #tail: Tail | undefined
  /** The newest sequence handed over. */
  #handedTo = 0
  #breaks = 0
  /** Where takers that are due stand; as known last, before the batch under way. */
  #stoodAt: Position | undefined

  constructor(log: EventLog) {
    this.#log = log
  }

  /**
   * Counts the records that came without all that was before them. A tail that is far behind is not
   * handed superseded records, and one that was overtaken goes on behind what is gone. The rest can
   * name the wrong one as first.
   */
  get breaks(): number {
    return this.#breaks
  }

  /**
   * Resolves to the position after which the taker is called, never within a batch. Rejects with
   * the log's error.
   */
  async join(taker: LedgerTaker): Promise<Position> {
    const { head } = await this.#log.bounds()
    this.#tail ??= this.#open(head)
    const takers = this.#takers.get(taker.topic) ?? new Set()
    this.#takers.set(taker.topic, takers.add(taker))
    return this.#settle(this.#tail)
  }

  #open(head: Position): Tail {
    this.#handedTo = sequenceOf(head)
    return this.#log.tail(head, {
      records: (batch) => this.#take(batch),
      overtaken: () => this.#overtake(),
    })
  }

  leave(taker: LedgerTaker): void {
    const takers = this.#takers.get(taker.topic)
    if (takers?.delete(taker) !== true) return
    this.#due.delete(taker)
    this.#watching.delete(taker)
    if (takers.size > 0) return
    this.#takers.delete(taker.topic)
    if (this.#takers.size > 0) return
    this.#tail?.close()
    this.#tail = undefined
  }

  /** Whether the taker is to hear of moves that bring it no records. */
  watch(taker: LedgerTaker, isWatching: boolean): void {
    if (isWatching) this.#watching.add(taker)
    else this.#watching.delete(taker)
  }

  /** Up to where a taker that has joined has been given everything; undefined for one that has left. */
  positionOf(taker: LedgerTaker): Position | undefined {
    if (this.#tail === undefined || this.#takers.get(taker.topic)?.has(taker) !== true)
      return undefined
    return this.#due.has(taker) ? this.#stoodAt : this.#settleUnlessDue(this.#tail)
  }

  #settleUnlessDue(tail: Tail): Position {
    return this.#due.size > 0 ? tail.position : this.#settle(tail)
  }

  #settle(tail: Tail): Position {
    this.#stoodAt = tail.position
    return this.#stoodAt
  }

  #take(batch: readonly EventRecord[]): void {
    this.#noteBreak(batch)
    for (const record of batch) {
      // The first character tells almost all records from those of ledgers.
      if (record.topic.charCodeAt(0) !== dollar || !isLedgerTopic(record.topic)) continue
      for (const taker of this.#takers.get(record.topic) ?? []) {
        const records = this.#due.get(taker)
        if (records === undefined) this.#due.set(taker, [record])
        else records.push(record)
      }
    }
    for (const [taker, records] of this.#due) {
      this.#due.delete(taker)
      taker.take(records)
    }
    if (this.#tail !== undefined) this.#settle(this.#tail)
    if (this.#watching.size > 0) for (const taker of [...this.#watching]) taker.moved()
  }

  #noteBreak(batch: readonly EventRecord[]): void {
    const newest = batch.at(-1)
    if (newest === undefined) return
    const reached = sequenceOf(newest.position)
    if (reached - this.#handedTo !== batch.length) this.#breaks += 1
    this.#handedTo = reached
  }

  #overtake(): void {
    this.#breaks += 1
    const stoodAt = this.#stoodAt
    if (this.#tail === undefined || stoodAt === undefined) return
    this.#handedTo = sequenceOf(this.#settle(this.#tail))
    for (const takers of [...this.#takers.values()])
      for (const taker of [...takers]) taker.overtaken(stoodAt)
  }
}

const dollar = 0x24
