// Warns when the log's clock is ahead of the machine's. The log's clock never runs behind its
// newest record.

import type { Clock } from '@tidemark/log'
import { describeClockAhead, isClockAhead } from '@tidemark/log/driver'
import { readState } from '../tables/log-state.ts'
import { withSnapshot } from '../tables/schema.ts'
import type { Tables } from '../tables/schema.ts'

export interface ClockWatchOptions {
  readonly directory: string
  readonly tables: Tables
  readonly clock: Clock
  /** Called once per date when the log's clock is ahead, and once when it is not any more. */
  readonly onChange: (text: string) => void
}

/** Compares the two clocks at each check. */
export class ClockWatch {
  readonly #options: ClockWatchOptions
  /** Time of the newest record while that is ahead of the machine's clock. */
  #headTime: number | undefined

  constructor(options: ClockWatchOptions) {
    this.#options = options
  }

  /** The fault and its remedy; undefined while the clock is right. */
  get warning(): string | undefined {
    if (this.#headTime === undefined) return undefined
    const { directory, clock } = this.#options
    const remedy = `run \`tidemark check --repair-clock ${JSON.stringify(directory)}\``
    return describeClockAhead({ headTime: this.#headTime, now: clock.now() }, remedy)
  }

  check(): void {
    const { tables, clock, onChange } = this.#options
    const { headTime } = withSnapshot(tables, () => readState(tables))
    const before = this.#headTime
    this.#headTime = isClockAhead({ headTime, now: clock.now() }) ? headTime : undefined
    // A new date is reported too: minutes ahead can become years.
    if (this.#headTime === before) return
    onChange(this.warning ?? 'The newest event is not dated in the future any more.')
  }
}
