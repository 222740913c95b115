// Lines for an operator about what clients do: clients could make thousands of them a second.

import type { Clock } from '@tidemark/log'

export interface RareLinesOptions {
  readonly clock: Clock
  readonly say: (text: string) => void
  /** Between two lines. Milliseconds. */
  readonly pauseMs: number
}

/** Says one line, and at the next how many there would have been meanwhile. */
export class RareLines {
  readonly #options: RareLinesOptions
  #nextAt = -Infinity
  #unsaid = 0

  constructor(options: RareLinesOptions) {
    this.#options = options
  }

  say(text: string): void {
    const { clock, say, pauseMs } = this.#options
    const now = clock.elapsed()
    if (now < this.#nextAt) {
      this.#unsaid += 1
      return
    }
    say(this.#unsaid === 0 ? text : `${text} (${this.#unsaid} more like this since the last line)`)
    this.#nextAt = now + pauseMs
    this.#unsaid = 0
  }
}
