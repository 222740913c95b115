// Whether the log's clock, which never runs behind its newest record, is ahead of the machine's.

import type { Clock } from '@tidemark/log'
import { clockAheadMs } from './limits.ts'
import { readState } from './log-state.ts'
import { withSnapshot } from './schema.ts'
import type { Tables } from './schema.ts'

export interface ClockWatchOptions {
  readonly directory: string
  readonly tables: Tables
  readonly clock: Clock
  /** Told, once per time, that the log's clock is ahead, and that it is not any more. */
  readonly onChange: (text: string) => void
}

/** One look after the other. */
export class ClockWatch {
  readonly #options: ClockWatchOptions
  #warning: string | undefined

  constructor(options: ClockWatchOptions) {
    this.#options = options
  }

  /** What is wrong, and what to do; undefined while nothing is. */
  get warning(): string | undefined {
    return this.#warning
  }

  look(): void {
    const { tables, clock, onChange } = this.#options
    const { headTime } = withSnapshot(tables, () => readState(tables))
    const now = clock.now()
    const isAhead = headTime - now > clockAheadMs
    const wasAhead = this.#warning !== undefined
    if (isAhead === wasAhead) return
    this.#warning = isAhead ? this.#describe(headTime, now) : undefined
    onChange(this.#warning ?? 'The newest event is not dated in the future any more.')
  }

  #describe(headTime: number, now: number): string {
    const [newest, machine] = [headTime, now].map((time) => formatTime(time))
    return `The newest event is dated ${newest}, and the machine's clock says ${machine}: until then events get that date, do not expire by age, and are all young enough for \`since\`. If the machine's clock is right, run \`tidemark check --repair-clock ${JSON.stringify(this.#options.directory)}\`; else set the clock.`
  }
}

/** To the second, UTC; times out of range of a date as numbers. */
export function formatTime(timeMs: number): string {
  const date = new Date(timeMs)
  return Number.isNaN(date.getTime()) ? String(timeMs) : `${date.toISOString().slice(0, 19)}Z`
}
