// Checks once a second for faults that no call would find on a quiet log.

import type { Clock, Timer } from '@tidemark/log'
import { lookMs } from '../limits.ts'

export interface PeriodicChecksOptions {
  readonly clock: Clock
  readonly checks: readonly (() => void)[]
  readonly onError: (error: unknown) => void
}

/** Runs its checks until it is closed, the first time in the next turn. */
export class PeriodicChecks {
  readonly #options: PeriodicChecksOptions
  #timer: Timer | undefined
  #isClosed = false

  constructor(options: PeriodicChecksOptions) {
    this.#options = options
    this.#checkAfter(0)
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  #checkAfter(delayMs: number): void {
    const { clock, checks, onError } = this.#options
    this.#timer = clock.after(delayMs, () => {
      for (const check of checks) {
        try {
          check()
        } catch (error) {
          onError(error)
        }
      }
      if (!this.#isClosed) this.#checkAfter(lookMs)
    })
  }
}
