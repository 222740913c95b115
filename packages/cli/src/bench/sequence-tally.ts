// What one stream got of a topic's events 1, 2, 3, …: which are missing, which came twice, which came late.

import { holesMax } from './limits.ts'

/** A stretch of numbers that were jumped over; both ends included. */
interface Hole {
  from: number
  to: number
}

/** The account of one stream. It stays the same across reconnects: a resumed stream owes everything. */
export class SequenceTally {
  received = 0
  duplicated = 0
  outOfOrder = 0
  #highest: number | undefined
  #first = 1
  /** All up to this number had been answered before one that has come was sent. */
  #settled = 0
  readonly #holes: Hole[] = []
  /** In holes that were let go. */
  #givenUp = 0

  /** Whether all up to `last` has come. */
  isComplete(last: number): boolean {
    return (this.#highest ?? 0) >= last && this.#holes.length === 0
  }

  /** The stream was open before the first event, so that it owes all of them. Otherwise it owes those after the first it got. */
  expectAll(): void {
    this.#highest ??= 0
  }

  /** Takes one event. Publishes that overlap may come in either order; one that was answered before another was sent comes first. */
  add(sequence: number, settled: number): void {
    const isLate = sequence <= this.#settled
    if (settled > this.#settled) this.#settled = settled
    if (this.#highest === undefined) {
      this.#first = sequence
      this.#highest = sequence
      this.received++
    } else if (sequence > this.#highest) {
      if (sequence > this.#highest + 1) this.#jump(this.#highest + 1, sequence - 1)
      this.#highest = sequence
      this.received++
    } else if (this.#fill(sequence)) {
      this.received++
      if (isLate) this.outOfOrder++
    } else {
      this.duplicated++
    }
  }

  /** How many of the events up to `last` it owes, without those that `isExcused` (their publish failed), have not come. */
  countMissing(last: number, isExcused: (sequence: number) => boolean): number {
    if (this.#highest === undefined) return 0
    let missing = this.#givenUp
    const holes = [...this.#holes, { from: this.#highest + 1, to: last }]
    for (const { from, to } of holes) {
      for (let sequence = Math.max(from, this.#first); sequence <= to; sequence++) {
        if (!isExcused(sequence)) missing++
      }
    }
    return missing
  }

  #jump(from: number, to: number): void {
    this.#holes.push({ from, to })
    if (this.#holes.length <= holesMax) return
    const oldest = this.#holes.shift()
    if (oldest !== undefined) this.#givenUp += oldest.to - oldest.from + 1
  }

  /** Takes a number out of its hole; false when it is in none. */
  #fill(sequence: number): boolean {
    const index = this.#holes.findIndex(({ from, to }) => sequence >= from && sequence <= to)
    const hole = this.#holes[index]
    if (hole === undefined) return false
    const rest = [
      { from: hole.from, to: sequence - 1 },
      { from: sequence + 1, to: hole.to },
    ].filter(({ from, to }) => from <= to)
    this.#holes.splice(index, 1, ...rest)
    return true
  }
}
