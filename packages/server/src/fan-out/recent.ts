// The newest records in memory. Replay reads its last stretch here, in the tick in which the session joins
// its audience. Otherwise a session could never catch up with a log that grows during every read.

import { comparePositions, isSameEpoch } from '@tidemark/log'
import type { Clock, Position } from '@tidemark/log'
import { countCharacters, isExpired } from '@tidemark/log/values'
import type { FrameKeeper, FramedRecord } from '../framing/framed-record.ts'
import { recentCharactersMax, recentFrameBytesMax, recentRecordsMax } from '../limits.ts'

/** A bounded run of records without holes, up to what the tail has handed over. */
export class RecentRecords {
  readonly #records: FramedRecord[] = []
  #characters = 0
  readonly #keeper: FrameKeeper = { frameBytes: 0 }
  readonly #clock: Pick<Clock, 'now'>
  /** How many of them have an end. */
  #ending = 0
  /** Records after this position are here. */
  #from: Position

  constructor(from: Position, clock: Pick<Clock, 'now'>) {
    this.#from = from
    this.#clock = clock
  }

  push(records: readonly FramedRecord[]): void {
    for (const framed of records) {
      this.#records.push(framed)
      this.#characters += countCharacters(framed.record)
      if (framed.record.expiresAt !== undefined) this.#ending += 1
      framed.keepWith(this.#keeper)
    }
    this.#trim()
  }

  get size(): number {
    return this.#records.length
  }

  /** Bytes that the frames of all records count for, those made since the last look included. */
  get frameBytes(): number {
    return this.#keeper.frameBytes
  }

  /** Forgets everything; the run begins anew after `from`. */
  reset(from: Position): void {
    while (this.#records.length > 0) this.#dropOldest()
    this.#from = from
  }

  /** The records after `position`, or undefined when some of them are no longer (or never were) here. */
  after(position: Position): readonly FramedRecord[] | undefined {
    this.#trim()
    if (comparePositions(position, this.#from) < 0) return undefined
    const newest = this.#records.at(-1)?.record.position ?? this.#from
    if (comparePositions(position, newest) > 0) return undefined
    const index = this.#indexAfter(position)
    return this.#isOfHistory(position, index) ? this.#listFrom(index) : undefined
  }

  /** Without events that are worth nothing any more. */
  #listFrom(index: number): readonly FramedRecord[] {
    const records = this.#records.slice(index)
    if (this.#ending === 0) return records
    const now = this.#clock.now()
    return records.filter(({ record }) => !isExpired(record, now))
  }

  /**
   * Whether the run surely holds the place before `index` that a client's cursor names. Another history may
   * have used the same sequence. Only positions between two of one epoch are told apart here; the log knows
   * the rest.
   */
  #isOfHistory(position: Position, index: number): boolean {
    const before = this.#records[index - 1]?.record.position ?? this.#from
    if (!isSameEpoch(position, before)) return false
    if (comparePositions(position, before) === 0) return true
    const next = this.#records[index]?.record.position
    return next !== undefined && isSameEpoch(position, next)
  }

  #indexAfter(position: Position): number {
    let low = 0
    let high = this.#records.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const framed = this.#records[middle]
      if (framed !== undefined && comparePositions(framed.record.position, position) <= 0)
        low = middle + 1
      else high = middle
    }
    return low
  }

  #trim(): void {
    while (
      this.#records.length > recentRecordsMax ||
      this.#characters > recentCharactersMax ||
      (this.#records.length > 0 && this.frameBytes > recentFrameBytesMax)
    )
      this.#dropOldest()
  }

  /**
   * In V8 it costs 50 ns to shift an array of this length. An array that is only cut now and then holds on to
   * dropped records.
   */
  #dropOldest(): void {
    const oldest = this.#records.shift()
    if (oldest === undefined) return
    this.#from = oldest.record.position
    this.#characters -= countCharacters(oldest.record)
    if (oldest.record.expiresAt !== undefined) this.#ending -= 1
    oldest.release()
  }
}
