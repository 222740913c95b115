// A limiter of `rate-limiter-flexible` whose counters live in this process: by the clock that is handed in,
// and no more of them than a bound.

import { RateLimiterRes, RateLimiterStoreAbstract } from 'rate-limiter-flexible'
import type { Clock } from '@tidemark/log'

/** So many points per window. */
export interface RateRule {
  readonly points: number
  readonly windowMs: number
}

interface Counter {
  points: number
  /** By the clock's `elapsed`. */
  readonly endsAt: number
}

interface StoredCounter {
  readonly points: number
  readonly msLeft: number
}

/** Points of one rate by key. The window of a key begins with its first point. */
export class BoundedLimiter extends RateLimiterStoreAbstract {
  readonly #clock: Clock
  readonly #keysMax: number
  readonly #windowMs: number
  /** In the order in which their windows began, and so end. */
  readonly #counters: Map<string, Counter>

  constructor({ points, windowMs }: RateRule, clock: Clock, keysMax: number) {
    const counters = new Map<string, Counter>()
    super({ storeClient: counters, points, duration: windowMs / 1_000, keyPrefix: '' })
    this.#counters = counters
    this.#clock = clock
    this.#keysMax = keysMax
    this.#windowMs = windowMs
  }

  /** Counters held now. */
  get size(): number {
    return this.#counters.size
  }

  /** Called by the limiter: adds points to a key. */
  async _upsert(key: string, points: number): Promise<StoredCounter> {
    const now = this.#clock.elapsed()
    this.#forgetEnded(now)
    let counter = this.#counters.get(key)
    if (counter === undefined) {
      counter = { points: 0, endsAt: now + this.#windowMs }
      this.#counters.set(key, counter)
      this.#forgetBeyond()
    }
    counter.points += points
    return { points: counter.points, msLeft: counter.endsAt - now }
  }

  /** Called by the limiter: reads a key. */
  async _get(key: string): Promise<StoredCounter | null> {
    const now = this.#clock.elapsed()
    const counter = this.#counters.get(key)
    if (counter === undefined || counter.endsAt <= now) return null
    return { points: counter.points, msLeft: counter.endsAt - now }
  }

  /** Called by the limiter: forgets a key. */
  async _delete(key: string): Promise<boolean> {
    return this.#counters.delete(key)
  }

  /** Called by the limiter: what it says of a counter. */
  _getRateLimiterRes(
    _key: string,
    changed: number,
    { points, msLeft }: StoredCounter,
  ): RateLimiterRes {
    const left = Math.max(0, this.points - points)
    return new RateLimiterRes(left, Math.max(1, Math.ceil(msLeft)), points, points === changed)
  }

  #forgetEnded(now: number): void {
    for (const [key, { endsAt }] of this.#counters) {
      if (endsAt > now) return
      this.#counters.delete(key)
    }
  }

  #forgetBeyond(): void {
    for (const key of this.#counters.keys()) {
      if (this.#counters.size <= this.#keysMax) return
      this.#counters.delete(key)
    }
  }
}
