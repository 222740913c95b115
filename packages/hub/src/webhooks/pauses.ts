// Which topics of a webhook wait until they are tried again, and its endpoint as a whole.

import type { Clock } from '@tidemark/log'
import type { RetryTimes } from './limits.ts'

interface Pause {
  readonly failures: number
  /** By `clock.elapsed()`. */
  readonly until: number
}

/** The endpoint itself; no topic is empty. */
export const wholeEndpoint = ''

/** At most one entry for each topic within the window, and one for the endpoint. */
export class Pauses {
  readonly #clock: Clock
  readonly #random: () => number
  readonly #times: RetryTimes
  readonly #pauses = new Map<string, Pause>()

  constructor(parts: {
    readonly clock: Clock
    readonly random: () => number
    readonly times: RetryTimes
  }) {
    this.#clock = parts.clock
    this.#random = parts.random
    this.#times = parts.times
  }

  /** The first end of a pause, as milliseconds from now; undefined where nothing waits. */
  waitMs(topics: Iterable<string>): number | undefined {
    const ends = [...topics].flatMap((topic) => this.#pauses.get(topic)?.until ?? [])
    if (ends.length === 0) return undefined
    return Math.max(0, Math.min(...ends) - this.#clock.elapsed())
  }

  isPaused(topic: string): boolean {
    return (this.#pauses.get(topic)?.until ?? -Infinity) > this.#clock.elapsed()
  }

  failures(topic: string): number {
    return this.#pauses.get(topic)?.failures ?? 0
  }

  /** Begins the next pause, twice as long as the last one; answers its length. Half of it is by chance. */
  add(topic: string, wantedMs: number | undefined): number {
    const { firstMs, mostMs } = this.#times
    const failures = this.failures(topic) + 1
    const wholeMs = Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, 30))
    const delayMs = Math.max((wholeMs / 2) * (1 + this.#random()), Math.min(wantedMs ?? 0, mostMs))
    this.#pauses.set(topic, { failures, until: this.#clock.elapsed() + delayMs })
    return delayMs
  }

  end(topic: string): void {
    this.#pauses.delete(topic)
  }

  /** Topics that have nothing left to deliver are forgotten. */
  keepOnly(topics: ReadonlySet<string>): void {
    for (const topic of this.#pauses.keys())
      if (topic !== wholeEndpoint && !topics.has(topic)) this.#pauses.delete(topic)
  }

  clear(): void {
    this.#pauses.clear()
  }
}
