// How many events a session may get: a bucket that fills with time and holds one second's worth.

import type { Clock } from '@tidemark/log'

/** The allowance of one session. */
export class Pace {
  readonly #clock: Clock
  readonly #perSecond: number
  #tokens: number
  #filledAt: number

  /** Full at first: a session that has been quiet may get a second's worth at once. */
  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock
    this.#perSecond = perSecond
    this.#tokens = perSecond
    this.#filledAt = clock.elapsed()
  }

  /** Whole events that may be sent now. */
  get allowance(): number {
    const now = this.#clock.elapsed()
    const filled = this.#tokens + ((now - this.#filledAt) / 1_000) * this.#perSecond
    this.#tokens = Math.min(this.#perSecond, filled)
    this.#filledAt = now
    return Math.floor(this.#tokens)
  }

  /** Counts events that have been sent. */
  take(events: number): void {
    this.#tokens -= events
  }
}

/**
 * The pace of a session: the lower of what its node allows and of what its subscription asks for. Undefined:
 * neither sets a bound.
 */
export function createPace(
  { clock, eventsPerSecondMax }: { readonly clock: Clock; readonly eventsPerSecondMax: number },
  asked: number = Infinity,
): Pace | undefined {
  const perSecond = Math.min(eventsPerSecondMax, asked)
  return perSecond === Infinity ? undefined : new Pace(clock, perSecond)
}
