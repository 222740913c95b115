// Keeps a clock that has jumped ahead from removing the history by age at once, and idempotency keys with it.
//
// A log that is opened after a week, or in a machine whose clock is a week ahead, looks the same: the records before are a week
// old. Removing them is right in the first case and can wait; in the second it is a loss, and somebody sets the clock.

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
  /** Of the newest record that is older than the hold. */
  readonly before: number
  readonly now: number
  /** For so long removal by age still waits. */
  readonly restMs: number
}

export interface AgeHoldOptions {
  readonly clock: Clock
  /** Told, once per jump, before anything is removed. */
  readonly onWarning: (text: string) => void
}

/** Whether removal by age waits. To be asked with every sweep and every append, so that it sees a running clock jump. */
export class AgeHold {
  readonly #clock: Clock
  readonly #onWarning: (text: string) => void
  /** By `elapsed`: since then the clock has run as it should, as far as this handle knows. */
  #steadySince: number
  #wallOffset: number
  #warning: string | undefined

  constructor({ clock, onWarning }: AgeHoldOptions) {
    this.#clock = clock
    this.#onWarning = onWarning
    this.#steadySince = clock.elapsed()
    this.#wallOffset = this.#readOffset()
  }

  /** What is going to be removed, and when; undefined while nothing waits. */
  get warning(): string | undefined {
    return this.#warning
  }

  /** To be called within one snapshot, with whether anything is too old at `now`. */
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

  /** As {@link holds}, without a word: the next sweep says it. To be called within one snapshot or transaction. */
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

  /** Changes only when the clock is set, or the machine was asleep. */
  #readOffset(): number {
    return this.#clock.now() - this.#clock.elapsed()
  }
}

/**
 * The time of the newest record up to `time`. Of a process that started minutes ago, with the wrong clock, and has
 * written with it since, this is still the time before: a restart does not end the hold.
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
