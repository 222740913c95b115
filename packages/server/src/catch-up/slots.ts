// So many at a time: what is beyond waits in line, first come, first served. Those who leave give their place
// in line up.

import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'

/** A number of places that tasks take one after another. */
export class Slots {
  readonly #max: number
  #taken = 0
  /** By owner, first come first; told whether their turn has come. */
  readonly #waiting = new Map<object, (isIn: boolean) => void>()

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
    await this.#enter({})
    return this.#work(task)
  }

  /**
   * The same for an owner that may leave the line, and has one place in it: undefined then, and the task is
   * not run.
   */
  async runFor<Result>(owner: object, task: () => Promise<Result>): Promise<Result | undefined> {
    return (await this.#enter(owner)) ? this.#work(task) : undefined
  }

  /** Takes an owner out of the line. One whose task runs keeps its place until that ends. */
  leave(owner: object): void {
    const enter = this.#waiting.get(owner)
    this.#waiting.delete(owner)
    enter?.(false)
  }

  #enter(owner: object): Promise<boolean> | true {
    if (this.#taken >= this.#max) return new Promise((resolve) => this.#waiting.set(owner, resolve))
    this.#taken += 1
    return true
  }

  async #work<Result>(task: () => Promise<Result>): Promise<Result> {
    try {
      return await task()
    } finally {
      this.#handOn()
    }
  }

  /** A place goes on to the next in line, so that nobody who comes in between is faster. */
  #handOn(): void {
    for (const [owner, enter] of this.#waiting) {
      this.#waiting.delete(owner)
      enter(true)
      return
    }
    this.#taken -= 1
  }
}
