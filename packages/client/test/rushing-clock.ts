// A clock that does not wait.

import type { Clock } from '../src/clock.ts'

/**
 * A clock that jumps to whatever is due within `patienceMs`, as soon as the event loop has nothing else
 * to do. Longer timers, those that watch for silence, never fire.
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
