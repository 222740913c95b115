// Delays removal by age after a jump of the clock, for the history and for idempotency keys.
//
// Two cases look alike: a log that is opened after a week, and a machine whose clock is a week
// ahead. In both, the newest records are a week old. In the first case removal is right and can
// wait. In the second case removal is a loss, and an operator can still set the clock.

import type { Clock } from '@tidemark/log'
import { formatTime } from '@tidemark/log/driver'
import { ageHoldMs, clockJumpMs } from '../limits.ts'
import { locateAge } from '../read/locate.ts'
import { readState } from '../tables/log-state.ts'
import { decodeHead } from '../tables/record-codec.ts'
import { asBuffer, sequenceKey } from '../tables/schema.ts'
import type { Tables } from '../tables/schema.ts'

/** Why the clock may be wrong. Times in milliseconds since 1970. */
interface Doubt {
  /** The time of the newest record that is older than the hold. */
  readonly before: number
  readonly now: number
  /** How much longer removal by age waits. */
  readonly restMs: number
}

export interface AgeHoldOptions {
  readonly clock: Clock
  /** Called once per jump, before anything is removed. */
  readonly onWarning: (text: string) => void
}

/**
 * Decides whether removal by age waits. Asked with every sweep and every append, so that it notices
 * a jump of a running clock.
 */
export class AgeHold {
  readonly #clock: Clock
  readonly #onWarning: (text: string) => void
  /** Since when the clock has run steadily, as far as this handle knows. By `elapsed`. */
  #steadySince: number
  #wallOffset: number
  #warning: string | undefined

  constructor({ clock, onWarning }: AgeHoldOptions) {
    this.#clock = clock
    this.#onWarning = onWarning
    this.#steadySince = clock.elapsed()
    this.#wallOffset = this.#readOffset()
  }

  /** The warning: which records will be removed, and when. Undefined while nothing waits. */
  get warning(): string | undefined {
    return this.#warning
  }

  /**
   * Whether removal waits. Call it within one snapshot; `isDue` says whether anything is too old at
   * `now`.
   */
  holds(tables: Tables, now: number, isDue: boolean): boolean {
    const doubt = isDue ? this.#findDoubt(tables, now) : undefined
    if (doubt === undefined) {
      this.#warning = undefined
      return false
    }
    if (this.#warning === undefined) {
      this.#warning = describeHold(doubt)
      this.#onWarning(this.#warning)
    }
    return true
  }

  /**
   * Like {@link holds}, but without a warning, which the next sweep gives. Call it within one
   * snapshot or transaction.
   */
  isInDoubt(tables: Tables, now: number): boolean {
    return this.#findDoubt(tables, now) !== undefined
  }

  #findDoubt(tables: Tables, now: number): Doubt | undefined {
    this.#noticeJump()
    const restMs = this.#steadySince + ageHoldMs - this.#clock.elapsed()
    if (restMs <= 0) return undefined
    const before = findBefore(tables, now - ageHoldMs)
    return before === undefined || now - before <= clockJumpMs ? undefined : { before, now, restMs }
  }

  #noticeJump(): void {
    const offset = this.#readOffset()
    const jumpMs = offset - this.#wallOffset
    this.#wallOffset = offset
    if (jumpMs > clockJumpMs) this.#steadySince = this.#clock.elapsed()
  }

  /** The offset changes only when the clock is set, or when the machine was asleep. */
  #readOffset(): number {
    return this.#clock.now() - this.#clock.elapsed()
  }
}

/**
 * The time of the newest record up to `time`. A process may have started minutes ago with a wrong
 * clock, and written with it. Even then this is the time before that start, so a restart does not
 * end the hold.
 */
function findBefore(tables: Tables, time: number): number | undefined {
  const last = locateAge(tables, readState(tables), time + 1)
  for (const { value } of tables.records.getRange({
    reverse: true,
    start: sequenceKey(last),
    end: sequenceKey(0),
    limit: 1,
  })) {
    return decodeHead(asBuffer(value)).time
  }
  return undefined
}

function describeHold({ before, now, restMs }: Doubt): string {
  const minutes = Math.ceil(restMs / 60_000)
  return `The clock says ${formatTime(now)}, and the event before is of ${formatTime(before)}. Events and idempotency keys that are too old by this clock are removed in ${minutes} minutes. If the clock is wrong, set it, or stop the hub before.`
}
