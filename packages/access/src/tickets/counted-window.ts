// Counts per name within a time, for few names at once.

import type { Clock } from '@tidemark/log'
import { countedNamesMax } from '../limits.ts'

/** So many of each name within a time; the next time begins when the first comes after it. */
export class CountedWindow {
  readonly #clock: Clock
  readonly #windowMs: number
  readonly #max: number
  /** The longest open first. */
  readonly #counts = new Map<string, { readonly since: number; count: number }>()

  constructor(clock: Clock, windowMs: number, max: number) {
    this.#clock = clock
    this.#windowMs = windowMs
    this.#max = max
  }

  /** Names that are counted. */
  get size(): number {
    return this.#counts.size
  }

  /** Counts one; false where there were as many already. */
  count(name: string): boolean {
    const now = this.#clock.elapsed()
    const known = this.#counts.get(name)
    if (known !== undefined && now - known.since < this.#windowMs) {
      known.count += 1
      return known.count <= this.#max
    }
    this.#counts.delete(name)
    this.#forget(now)
    this.#counts.set(name, { since: now, count: 1 })
    return true
  }

  /** Those whose time is over, and the oldest where there are too many. */
  #forget(now: number): void {
    for (const [name, { since }] of this.#counts) {
      if (now - since < this.#windowMs && this.#counts.size < countedNamesMax) return
      this.#counts.delete(name)
    }
  }
}
