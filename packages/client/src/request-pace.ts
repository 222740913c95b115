// Keeps the requests of one client, one feed of `connect`, or one publish to 4 per second, whatever the
// answers are.

import { wait } from './clock.ts'
import type { Clock } from './clock.ts'
import { requestsPerSecondMax, retryDelayMinMs } from './limits.ts'

const windowMs = 1_000

/**
 * Remembers when the last requests began. A few may follow each other at once, so that a redirect costs
 * no wait.
 */
export class RequestPace {
  readonly #clock: Clock
  readonly #starts: number[] = []
  /** Until everybody who came before has begun: two that wait for the same moment would begin at once. */
  #turn: Promise<void> = Promise.resolve()
  #debts = 0
  #owedSince = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Milliseconds until one more request may begin. */
  get waitMs(): number {
    return this.#plan()
  }

  /** Waits until one more request may begin, or the signal aborts. */
  take(signal: AbortSignal): Promise<void> {
    this.#turn = this.#turn.then(() => this.#take(signal))
    return this.#turn
  }

  async #take(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    const waitMs = this.#plan()
    this.#debts = 0
    if (waitMs > 0) await wait(this.#clock, waitMs, signal)
    this.#starts.push(this.#clock.now())
    if (this.#starts.length > requestsPerSecondMax) this.#starts.shift()
  }

  /** Counts requests that a runtime has made by itself until now, out of sight: 250 ms each from now. */
  charge(requests: number): void {
    this.#debts = requests
    this.#owedSince = this.#clock.now()
  }

  /** Bounded on both sides, because the clock may jump. */
  #plan(): number {
    const now = this.#clock.now()
    const rest = (sinceMs: number, lengthMs: number): number =>
      Math.min(Math.max(0, sinceMs + lengthMs - now), lengthMs)
    const [oldest] = this.#starts
    const isFull = oldest !== undefined && this.#starts.length === requestsPerSecondMax
    return Math.max(
      isFull ? rest(oldest, windowMs) : 0,
      rest(this.#owedSince, this.#debts * retryDelayMinMs),
    )
  }
}
