// A limiter in the memory of this process, with a bound on how many keys it counts.

import { RateLimiterMemory } from 'rate-limiter-flexible'
import type { RateLimiterRes } from 'rate-limiter-flexible'
import type { Clock } from '@tidemark/log'

/** So many points per window. */
export interface RateRule {
  readonly points: number
  readonly windowMs: number
}

/**
 * Points by key. The window of a key begins with its first point, by the machine's clock, which the limiter
 * has no other than. Beyond the bound the key whose window began first counts anew.
 */
export class BoundedLimiter {
  readonly points: number
  readonly #limiter: RateLimiterMemory
  readonly #keysMax: number
  readonly #clock: Clock
  /** When the window of each key ends, by the clock's `elapsed`, in the order of that. */
  readonly #ends = new Map<string, number>()

  constructor({ points, windowMs }: RateRule, clock: Clock, keysMax: number) {
    this.points = points
    this.#limiter = new RateLimiterMemory({ points, duration: windowMs / 1_000 })
    this.#keysMax = keysMax
    this.#clock = clock
  }

  /** Keys counted now. */
  get size(): number {
    return this.#ends.size
  }

  /** Adds points to a key, however many there are already. */
  async add(key: string, points = 1): Promise<RateLimiterRes> {
    const state = await this.#limiter.penalty(key, points)
    if (state.isFirstInDuration) {
      const now = this.#clock.elapsed()
      this.#ends.delete(key)
      this.#ends.set(key, now + state.msBeforeNext)
      await this.#forget(now)
    }
    return state
  }

  /** Forgets a key. */
  async delete(key: string): Promise<void> {
    this.#ends.delete(key)
    await this.#limiter.delete(key)
  }

  async #forget(now: number): Promise<void> {
    for (const [key, endsAt] of this.#ends) {
      if (endsAt > now && this.#ends.size <= this.#keysMax) return
      this.#ends.delete(key)
      // One whose window has ended forgets itself, or has begun anew by now.
      if (endsAt > now) await this.#limiter.delete(key)
    }
  }
}
