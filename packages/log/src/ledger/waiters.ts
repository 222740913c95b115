// Calls that wait until a ledger stands at a position; one timer watches over all of them.

import type { Clock, Timer } from '../clock.ts'
import { ledgerRetryMs, ledgerWaitMs } from '../limits.ts'
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
  /** Whether {@link Waiters.wake} is to be called. */
  readonly onWaiting: (isWaiting: boolean) => void
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
    const due: Waiter[] = []
    const rest: Waiter[] = []
    // Each is looked at once: a flush brings the answers of thousands.
    for (const waiter of this.#waiters) (this.#isReached(waiter.position) ? due : rest).push(waiter)
    if (due.length === 0) return
    this.#waiters = rest
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
    this.#options.onWaiting(this.#waiters.length > 0)
    if (this.#waiters.length === 0) {
      this.#timer?.cancel()
      this.#timer = undefined
      return
    }
    const look = (): void => {
      this.#timer = undefined
      void this.#look()
    }
    // A caller awaits this. Each second, because a tail may move on without a word where all
    // records were superseded.
    this.#timer ??= this.#options.clock.after(ledgerRetryMs, look, { isAwaited: true })
  }

  async #look(): Promise<void> {
    this.wake()
    const before = this.#options.clock.elapsed() - ledgerWaitMs
    const late = this.#waiters.filter(({ since }) => since <= before)
    this.#watch()
    if (late.length === 0) return
    const error = await this.#options.explain()
    const given = new Set(late)
    const rejected = this.#waiters.filter((waiter) => given.has(waiter))
    this.#waiters = this.#waiters.filter((waiter) => !given.has(waiter))
    this.#watch()
    for (const { reject } of rejected) reject(error)
  }
}
