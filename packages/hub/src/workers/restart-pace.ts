// When a worker that has ended is started again: at once after a steady life, ever later after short ones.

import { restartWaits } from '../limits.ts'

/** The pace of one worker's restarts. */
export class RestartPace {
  #shortLives = 0

  /** How many restarts in a row came too soon. */
  get shortLives(): number {
    return this.#shortLives
  }

  /**
   * Milliseconds to wait before the next start.
   * @param servedMs How long the worker has served; 0 if it never got so far.
   */
  next(servedMs: number): number {
    const { steadyMs, baseMs, capMs } = restartWaits
    if (servedMs >= steadyMs) this.#shortLives = 0
    const waitMs = this.#shortLives === 0 ? 0 : baseMs * 2 ** (this.#shortLives - 1)
    this.#shortLives += 1
    return Math.min(waitMs, capMs)
  }
}
