// Whether a worker's event loop still turns: it is asked again and again, and silence is counted.

import type { Clock, Timer } from '@tidemark/log'
import type { WatchLimits } from '../limits.ts'

export interface WatchdogOptions {
  readonly limits: WatchLimits
  readonly clock: Clock
  /** Sends the worker a question; whoever hears its answer calls `answered`. */
  readonly ask: () => void
  /** It has not answered for a while: it is busy, or it hangs. */
  readonly onSilent: () => void
  /** It has not answered for so long that it hangs. Nothing is asked after that. */
  readonly onHung: () => void
}

/** Watches one worker. */
export class Watchdog {
  readonly #options: WatchdogOptions
  #isAnswered = false
  /**
   * Looks in a row that found no answer. Counted rather than measured: a supervising process that stood still itself (a
   * laptop's lid, a machine on the move) finds one look missed, not hours of silence.
   */
  #silence = 0
  #timer: Timer | undefined

  constructor(options: WatchdogOptions) {
    this.#options = options
  }

  start(): void {
    this.#ask()
  }

  /** The worker has answered the last question. */
  answered(): void {
    this.#isAnswered = true
    this.#silence = 0
  }

  stop(): void {
    this.#timer?.cancel()
  }

  /** One question at a time: what a process does not read waits in this one's memory. */
  #ask(): void {
    this.#isAnswered = false
    this.#options.ask()
    this.#wait()
  }

  #wait(): void {
    const { clock, limits } = this.#options
    this.#timer = clock.after(limits.everyMs, () => this.#look())
  }

  #look(): void {
    if (this.#isAnswered) {
      this.#ask()
      return
    }
    const { limits, onSilent, onHung } = this.#options
    this.#silence += 1
    if (this.#silence >= limits.hungLooks) {
      onHung()
      return
    }
    if (this.#silence === limits.silentLooks) onSilent()
    this.#wait()
  }
}
