// So many at a time: what is beyond waits in line, first come, first served.

import { ServerError } from './errors.ts'
import { quoteValue } from './quote.ts'

/** A number of places that tasks take one after another. */
export class Slots {
  readonly #max: number
  #taken = 0
  #waiting: (() => void)[] = []

  /** @throws ServerError `OPTION_INVALID` when `max` is not a number of places, 1 at least */
  constructor(max: number) {
    if (!Number.isSafeInteger(max) || max < 1) {
      throw new ServerError(
        'OPTION_INVALID',
        `Slots take a whole number of places, 1 at least; got ${quoteValue(max)}.`,
      )
    }
    this.#max = max
  }

  /** Runs a task once there is a place for it; resolves to what it resolves to. */
  async run<Result>(task: () => Promise<Result>): Promise<Result> {
    if (this.#taken < this.#max) this.#taken += 1
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await task()
    } finally {
      // A place goes on to the next in line, so that nobody who comes in between is faster.
      const next = this.#waiting.shift()
      if (next === undefined) this.#taken -= 1
      else next()
    }
  }
}
