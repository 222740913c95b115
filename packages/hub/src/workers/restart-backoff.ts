// When an ended worker is started again: at once after a steady life, ever later after short ones.

import { restartWaits } from '../limits.ts'

/** The restarts of one worker. */
export class RestartBackoff {
  #shortLives = 0
  #failedStarts = 0

  /** Failed starts in a row. */
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
