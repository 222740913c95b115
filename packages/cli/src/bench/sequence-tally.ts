// One stream's share of a topic's events 1, 2, 3, …: which are missing, which came twice, which came late.

import { holesMax } from './limits.ts'

/** The account of one stream. It stays the same across reconnects: a resumed stream owes everything. */
export class SequenceTally {
  received = 0
  duplicated = 0
  outOfOrder = 0
  #highest: number | undefined
  #first = 1
  /** All up to this number had been answered before one that has come was sent. */
  #settled = 0
  /**
   * Stretches of numbers that were jumped over, in their order: from, to, from, to, …, both ends
   * included. An object for each would take 51 bytes, these take 16.
   */
  readonly #holes: number[] = []
  /** In holes that were let go. */
  #givenUp = 0

  /** Whether all up to `last` has come. */
  isComplete(last: number): boolean {
    return (this.#highest ?? 0) >= last && this.#holes.length === 0
  }

  /**
   * The stream was open before the first event, so that it owes all of them. Otherwise it owes those
   * after the first it got.
   */
  expectAll(): void {
    this.#highest ??= 0
  }

  /**
   * Takes one event. Publishes that overlap may come in either order; one that was answered before
   * another was sent comes first.
   */
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

  /**
   * How many of the events up to `last` it owes, without those that `isExcused` (their publish failed),
   * have not come.
   */
  countMissing(last: number, isExcused: (sequence: number) => boolean): number {
    if (this.#highest === undefined) return 0
    let missing = this.#givenUp
    const holes = [...this.#holes, this.#highest + 1, last]
    for (let i = 0; i < holes.length; i += 2) {
      const [from = 0, to = 0] = holes.slice(i, i + 2)
      for (let sequence = Math.max(from, this.#first); sequence <= to; sequence++) {
        if (!isExcused(sequence)) missing++
      }
    }
    return missing
  }

  #jump(from: number, to: number): void {
    this.#holes.push(from, to)
    if (this.#holes.length <= 2 * holesMax) return
    const [oldestFrom = 0, oldestTo = -1] = this.#holes.splice(0, 2)
    this.#givenUp += oldestTo - oldestFrom + 1
  }

  /** Takes a number out of its hole; false when it is in none. */
  #fill(sequence: number): boolean {
    // The first end that is not below it is that of a hole around it, if any is.
    let at = 0
    while (at < this.#holes.length && (this.#holes[at + 1] ?? 0) < sequence) at += 2
    const [from = Infinity, to = -Infinity] = this.#holes.slice(at, at + 2)
    if (sequence < from) return false
    const before = from < sequence ? [from, sequence - 1] : []
    const after = sequence < to ? [sequence + 1, to] : []
    this.#holes.splice(at, 2, ...before, ...after)
    return true
  }
}
