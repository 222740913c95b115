// How many events have been acknowledged: the time by which tests of faults and load run, in place
// of the clock's.

import { comparePositions, parseCursor } from '@tidemark/log'
import type { Position } from '@tidemark/log'

interface Waiter {
  readonly count: number
  readonly reached: () => void
}

/** Counts acknowledged events and wakes whoever waits for a number of them. */
export class AckCounter {
  #count = 0
  #newest: Position | undefined
  #waiters: Waiter[] = []
  #isOver = false

  get count(): number {
    return this.#count
  }

  add(events: number, cursor: string): void {
    this.#count += events
    const position = parseCursor(cursor)?.position
    if (position !== undefined && !this.#isKnown(position)) this.#newest = position
    this.#wake((waiter) => waiter.count <= this.#count)
  }

  /** The newest acknowledged position. */
  get newest(): Position | undefined {
    return this.#newest
  }

  /** Whether nothing more will be acknowledged. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Resolves after so many further events, or when it is over. */
  further(events: number): Promise<void> {
    const count = this.#count + events
    if (this.#isOver || events <= 0) return Promise.resolve()
    return new Promise((reached) => this.#waiters.push({ count, reached }))
  }

  /** Nothing more will be acknowledged: nobody waits any longer. */
  end(): void {
    this.#isOver = true
    this.#wake(() => true)
  }

  /** Answers of several hubs may come out of order. */
  #isKnown(position: Position): boolean {
    return this.#newest !== undefined && comparePositions(position, this.#newest) <= 0
  }

  #wake(isDue: (waiter: Waiter) => boolean): void {
    const due = this.#waiters.filter(isDue)
    this.#waiters = this.#waiters.filter((waiter) => !isDue(waiter))
    for (const waiter of due) waiter.reached()
  }
}
