// When what is pending leaves: at once while the node is idle, gathered for some milliseconds under load.

import type { Clock, Timer } from '@tidemark/log'
import { flushRestShare } from '../limits.ts'

/** How long records may wait for others, in milliseconds. */
export interface WindowSettings {
  /** Always this long, counted from the first record that waits; undefined: as long as the load asks for. */
  readonly fixedMs: number | undefined
  /** The longest an adaptive window grows to. */
  readonly maxMs: number
}

/**
 * Calls `flush`, never more often than the load allows.
 *
 * An adaptive window follows the cost of flushing: after a flush of 4 ms nothing is flushed for 16 ms. So
 * writing takes a fifth of the process's time however many records arrive. Each write carries all records
 * that came in between. A flush of few sockets takes microseconds, so there the window is shorter than a
 * timer can be, and every record leaves at once.
 */
export class FlushWindow {
  readonly #clock: Clock
  readonly #settings: WindowSettings
  readonly #flush: () => void
  #timer: Timer | undefined
  /** By `clock.elapsed()`: from here on a record leaves in the turn it came in. */
  #opensAt = 0
  #lastCostMs = 0

  constructor(clock: Clock, settings: WindowSettings, flush: () => void) {
    this.#clock = clock
    this.#settings = settings
    this.#flush = flush
  }

  /**
   * How long a record that comes now waits for a flush, in milliseconds, as far as can be told; 0 on an idle
   * node.
   */
  get waitMs(): number {
    return this.#settings.fixedMs ?? Math.max(0, this.#opensAt - this.#clock.elapsed())
  }

  /** Something is pending: flushes now, or once when the window ends. */
  request(): void {
    if (this.#timer !== undefined) return
    const { waitMs } = this
    // Timers count whole milliseconds, so what is left of a shorter window is not worth one.
    if (waitMs < 1) this.flushNow()
    else this.#timer = this.#clock.after(Math.ceil(waitMs), () => this.flushNow())
  }

  /** Flushes early: as much is pending as may be. */
  flushNow(): void {
    this.stop()
    const startedAt = this.#clock.elapsed()
    this.#flush()
    const endedAt = this.#clock.elapsed()
    const costMs = endedAt - startedAt
    // The cheaper of two: one flush that was interrupted, or the first of a cold process, says nothing about
    // the load.
    const windowMs = flushRestShare * Math.min(costMs, this.#lastCostMs)
    this.#lastCostMs = costMs
    this.#opensAt = endedAt + Math.min(this.#settings.maxMs, windowMs)
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
