// A history as it is read after everything is over. Histories that were copied have their
// beginnings in common.

import { comparePositions, parseCursor } from '@tidemark/log'
import type { Position } from '@tidemark/log'
import type { ReceivedEvent } from '../traffic/history.ts'

/** All that one data directory held in the end, in its order. */
export class Branch {
  /** A copy has a higher one than what it was made of. */
  readonly number: number
  /** Each once, in their order. */
  readonly epochs: readonly string[]
  readonly records: readonly ReceivedEvent[]
  readonly #positions: readonly (Position | undefined)[]
  readonly #places = new Map<string, number>()

  /**
   * @param number see {@link number}
   * @param records see {@link records}
   * @param epochs of all its records, those of the hub's own topics among them, in their order.
   *   Default: those of `records`
   */
  constructor(
    number: number,
    records: readonly ReceivedEvent[],
    epochs: readonly string[] = records.map(({ cursor }) => epochOf(cursor)),
  ) {
    this.number = number
    this.epochs = [...new Set(epochs)]
    this.records = records
    this.#positions = records.map(({ cursor }) => parseCursor(cursor)?.position)
    for (const [i, record] of records.entries()) this.#places.set(nameOf(record), i)
  }

  /** Where an event stands, counted from 0; undefined when it is not of this history. */
  find(event: ReceivedEvent): number | undefined {
    return this.#places.get(nameOf(event))
  }

  /** Events that it holds more than once. */
  get doubles(): number {
    return this.records.length - this.#places.size
  }

  /** How many of its records lie at a cursor that this history's hub gave out, or before. */
  countUpTo(cursor: string): number {
    const position = parseCursor(cursor)?.position
    if (position === undefined) return 0
    let from = 0
    let to = this.#positions.length
    while (from < to) {
      const middle = (from + to) >> 1
      const other = this.#positions[middle]
      if (other !== undefined && comparePositions(other, position) <= 0) from = middle + 1
      else to = middle
    }
    return from
  }

  /** How many records it has in common with another history: the same events under the same cursors. */
  countCommon(other: Branch): number {
    let count = 0
    while (areOne(this.records[count], other.records[count])) count += 1
    return count
  }
}

/** The incarnation of writing that a cursor names, as text. */
export function epochOf(cursor: string): string {
  return cursor.slice(1, cursor.indexOf('-'))
}

function areOne(a: ReceivedEvent | undefined, b: ReceivedEvent | undefined): boolean {
  return a !== undefined && b !== undefined && nodeOf(a) === nodeOf(b)
}

/** Tells an event from all others that were published. */
function nameOf({ publisher, number }: ReceivedEvent): string {
  return `${publisher}:${number}`
}

/** Tells a record from all others in all histories: an event repeated after a restore is another record. */
export function nodeOf(record: ReceivedEvent): string {
  return `${record.cursor} ${nameOf(record)}`
}
