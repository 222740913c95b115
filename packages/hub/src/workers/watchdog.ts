// Watches whether a worker's event loop turns: pings it again and again, and counts missing
// answers.

import type { Clock, Timer } from '@tidemark/log'
import type { WatchLimits } from '../limits.ts'

export interface WatchdogOptions {
  readonly limits: WatchLimits
  readonly clock: Clock
  /** Sends the worker a ping. The receiver of the answer calls `answered`. */
  readonly ask: () => void
  /** The worker has not answered for a while: it is busy, or it hangs. */
  readonly onSilent: () => void
  /** The worker has not answered for so long that it counts as hung. No ping is sent after that. */
  readonly onHung: () => void
}

/** Watches one worker. */
export class Watchdog {
  readonly #options: WatchdogOptions
  #isAnswered = false
  /**
   * Checks in a row without an answer. They are counted, not measured in time. A supervising
   * process may have stood still itself, as when a laptop's lid was closed. It then finds one
   * missing answer, not hours of silence.
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

  /** Sends one ping at a time. Unread messages to a process wait in the sender's memory. */
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
