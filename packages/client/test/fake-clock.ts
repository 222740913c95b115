// A clock that stands still until a test turns it, and randomness from a seed.

import type { Clock, Random } from '../src/clock.ts'

interface Entry {
  readonly at: number
  readonly task: () => void
}

export class FakeClock implements Clock {
  #now = 1_800_000_000_000
  readonly #entries = new Set<Entry>()

  /** Timers that would still fire. */
  get pending(): number {
    return this.#entries.size
  }

  now(): number {
    return this.#now
  }

  after(delayMs: number, task: () => void): { cancel(): void } {
    const entry = { at: this.#now + delayMs, task }
    this.#entries.add(entry)
    return { cancel: () => this.#entries.delete(entry) }
  }

  advance(ms: number): void {
    this.#now += ms
    for (const entry of [...this.#entries].sort((a, b) => a.at - b.at)) {
      if (entry.at > this.#now || !this.#entries.delete(entry)) continue
      entry.task()
    }
  }
}

/** Mulberry32: the same numbers for the same seed. */
export function seededRandom(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/**
 * A clock that jumps to whatever is due within `patienceMs`, as soon as the event loop has nothing else to do. Longer
 * timers, those that watch for silence, never fire.
 */
export class RushingClock implements Clock {
  readonly #patienceMs: number
  #now = 1_800_000_000_000

  constructor(patienceMs: number = 31_000) {
    this.#patienceMs = patienceMs
  }

  now(): number {
    return this.#now
  }

  after(delayMs: number, task: () => void): { cancel(): void } {
    if (delayMs > this.#patienceMs) return { cancel: () => undefined }
    const at = this.#now + delayMs
    const immediate = setImmediate(() => {
      this.#now = Math.max(this.#now, at)
      task()
    })
    return { cancel: () => clearImmediate(immediate) }
  }
}
