// How long nothing has moved: a limit that follows progress and not the wall clock.

import { systemClock } from '@tidemark/log'
import type { Clock } from '@tidemark/log'
import { measureCrowding } from './proc/crowding.ts'

/**
 * The longest step of any test takes about 1 s on a machine of its own; those that take longer tell
 * what moves meanwhile.
 */
const stallMsDefault = 30_000

/**
 * One look counts for no more than this, however long ago the last one was. A process that stood
 * still, or a machine that slept, has not waited.
 */
const lookMsMax = 1_000

/** When a wait is in vain. */
export interface WaitOptions {
  /**
   * A value that moves as long as there is progress, such as a count. With every other value the
   * limit begins anew. Default: nothing.
   */
  readonly watch?: (() => string | number) | undefined
  /**
   * How long nothing may move. Milliseconds of a machine of its own: they pass as much more slowly
   * as there are more processes that want to run than processors. Default 30,000.
   */
  readonly stallMs?: number | undefined
}

/** Where time comes from. */
interface StallSource {
  readonly clock: Pick<Clock, 'elapsed'>
  readonly crowding: () => number
}

/** Looks again and again at what should move. */
export class Stall {
  readonly #stallMs: number
  readonly #watch: () => string | number
  readonly #source: StallSource
  readonly #beganAt: number
  #seen: string | number
  #lookedAt: number
  #stoodMs = 0

  constructor(
    { watch = () => '', stallMs = stallMsDefault }: WaitOptions,
    source: StallSource = { clock: systemClock, crowding: measureCrowding },
  ) {
    this.#stallMs = stallMs
    this.#watch = watch
    this.#source = source
    this.#seen = watch()
    this.#beganAt = source.clock.elapsed()
    this.#lookedAt = this.#beganAt
  }

  /** Throws when nothing has moved for too long, with `what` was waited for and what was seen last. */
  look(what: string): void {
    const now = this.#source.clock.elapsed()
    const passedMs = Math.min(now - this.#lookedAt, lookMsMax)
    this.#lookedAt = now
    const seen = this.#watch()
    if (seen !== this.#seen) {
      this.#seen = seen
      this.#stoodMs = 0
      return
    }
    this.#stoodMs += passedMs / this.#source.crowding()
    if (this.#stoodMs < this.#stallMs) return
    const last = seen === '' ? '' : `; seen last: ${seen}`
    const clockMs = Math.round(now - this.#beganAt)
    throw new Error(
      `Waited in vain until ${what}: nothing has moved for ${this.#stallMs} ms of a machine of its own, and the wait took ${clockMs} ms by the clock${last}.`,
    )
  }
}
