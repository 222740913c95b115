// Calls that wait until a ledger stands at a position; one timer watches over all of them.

import type { Clock, Timer } from '../clock.ts'
import { ledgerWaitMs } from '../limits.ts'
import { comparePositions } from '../position.ts'
import type { Position } from '../position.ts'

interface Waiter {
  readonly position: Position
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  /** By `elapsed`. */
  readonly since: number
}

export interface WaitersOptions {
  readonly clock: Clock
  readonly position: () => Position
  /** Says why a call has waited for {@link ledgerWaitMs} in vain. */
  readonly explain: () => Promise<unknown>
}

export class Waiters {
  readonly #options: WaitersOptions
  #waiters: Waiter[] = []
  #timer: Timer | undefined

  constructor(options: WaitersOptions) {
    this.#options = options
  }

  reached(position: Position): Promise<void> {
    if (this.#isReached(position)) return Promise.resolve()
    const since = this.#options.clock.elapsed()
    return new Promise((resolve, reject) => {
      this.#waiters.push({ position, resolve, reject, since })
      this.#watch()
    })
  }

  /** To be called when the position has moved. */
  wake(): void {
    if (this.#waiters.length === 0) return
    const due = this.#waiters.filter(({ position }) => this.#isReached(position))
    if (due.length === 0) return
    this.#waiters = this.#waiters.filter((waiter) => !due.includes(waiter))
    this.#watch()
    for (const { resolve } of due) resolve()
  }

  rejectAll(error: unknown): void {
    const all = this.#waiters
    this.#waiters = []
    this.#watch()
    for (const { reject } of all) reject(error)
  }

  #isReached(position: Position): boolean {
    return comparePositions(position, this.#options.position()) <= 0
  }

  #watch(): void {
    if (this.#waiters.length === 0) {
      this.#timer?.cancel()
      this.#timer = undefined
      return
    }
    const look = (): void => {
      this.#timer = undefined
      void this.#look()
    }
    // Somebody awaits the call.
    this.#timer ??= this.#options.clock.after(ledgerWaitMs, look, { isAwaited: true })
  }

  async #look(): Promise<void> {
    // A tail may have moved on without a record to hand over.
    this.wake()
    const before = this.#options.clock.elapsed() - ledgerWaitMs
    const late = this.#waiters.filter(({ since }) => since <= before)
    this.#watch()
    if (late.length === 0) return
    const error = await this.#options.explain()
    const given = this.#waiters.filter((waiter) => late.includes(waiter))
    this.#waiters = this.#waiters.filter((waiter) => !late.includes(waiter))
    this.#watch()
    for (const { reject } of given) reject(error)
  }
}
