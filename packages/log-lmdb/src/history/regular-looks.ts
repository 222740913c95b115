// Looks once a second at what no call would find out on a quiet log.

import type { Clock, Timer } from '@tidemark/log'
import { lookMs } from '../limits.ts'

export interface LookoutOptions {
  readonly clock: Clock
  readonly looks: readonly (() => void)[]
  readonly onError: (error: unknown) => void
}

/** Looks until it is closed, the first time in the next turn. */
export class Lookout {
  readonly #options: LookoutOptions
  #timer: Timer | undefined
  #isClosed = false

  constructor(options: LookoutOptions) {
    this.#options = options
    this.#lookAfter(0)
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  #lookAfter(delayMs: number): void {
    const { clock, looks, onError } = this.#options
    this.#timer = clock.after(delayMs, () => {
      for (const look of looks) {
        try {
          look()
        } catch (error) {
          onError(error)
        }
      }
      if (!this.#isClosed) this.#lookAfter(lookMs)
    })
  }
}
