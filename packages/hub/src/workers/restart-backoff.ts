// When a worker that has ended is started again: at once after a steady life, ever later after short ones.

import { restartWaits } from '../limits.ts'

/** The backoff of one worker's restarts. */
export class RestartBackoff {
  #shortLives = 0
  #failedStarts = 0

  /** How many starts in a row have come to nothing. */
  get failedStarts(): number {
    return this.#failedStarts
  }

  /**
   * Milliseconds to wait before the next start.
   * @param servedMs How long the worker has served; undefined if it never got so far.
   */
  next(servedMs: number | undefined): number {
    const { steadyMs, baseMs, capMs } = restartWaits
    this.#failedStarts = servedMs === undefined ? this.#failedStarts + 1 : 0
    if (servedMs !== undefined && servedMs >= steadyMs) this.#shortLives = 0
    const waitMs = this.#shortLives === 0 ? 0 : baseMs * 2 ** (this.#shortLives - 1)
    this.#shortLives += 1
    return Math.min(waitMs, capMs)
  }
}
