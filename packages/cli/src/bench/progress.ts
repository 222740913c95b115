// How the run goes while it goes: one line in place on a terminal, a line now and then elsewhere.
// Always on standard error.

import process from 'node:process'
import { remark } from '../output.ts'
import { readMicros } from './clock.ts'
import { renderCount, renderMs } from './render-number.ts'
import type { Series } from './series.ts'

/** The subject of the line. */
export type Phase = 'opening' | 'under load' | 'waiting for the last events'

/** Shows a run's progress. */
export class Progress {
  readonly #series: Series
  readonly #connections: number
  readonly #reportEveryMs: number
  readonly #isLive: boolean = process.stderr.isTTY
  #phase: Phase = 'opening'
  #phaseMicros = 0
  #toldMicros = readMicros()

  constructor(series: Series, options: { connections: number; reportEveryMs: number }) {
    this.#series = series
    this.#connections = options.connections
    this.#reportEveryMs = options.reportEveryMs
    this.enter('opening')
  }

  enter(phase: Phase): void {
    this.#phase = phase
    this.#phaseMicros = readMicros()
  }

  /** Called every second. */
  tell(): void {
    if (this.#isLive) {
      // ECMA-48: back to the line's start, and erase it.
      process.stderr.write(`\r\u001b[2K${this.#render()}`)
      return
    }
    // Half a second early is in time: it comes once a second.
    if (readMicros() - this.#toldMicros < (this.#reportEveryMs - 500) * 1_000) return
    this.#toldMicros = readMicros()
    remark(this.#render())
  }

  /** Leaves the line for what comes next. */
  end(): void {
    if (this.#isLive) process.stderr.write('\r\u001b[2K')
  }

  #render(): string {
    const elapsed = Math.round((readMicros() - this.#phaseMicros) / 1e6)
    const newest = this.#series.newest()
    const rate = newest === undefined ? '' : `, ${renderCount(newest.deliveries)} events/s`
    const times =
      newest === undefined || newest.p50Ms === null || newest.p99Ms === null
        ? ''
        : `, p50 ${renderMs(newest.p50Ms)}, p99 ${renderMs(newest.p99Ms)}`
    const open = `${renderCount(this.#series.open)} of ${renderCount(this.#connections)} open`
    const failed = this.#series.failed === 0 ? '' : `, ${renderCount(this.#series.failed)} failed`
    return `${this.#phase} ${elapsed} s: ${open}${failed}${rate}${times}`
  }
}
