// Answers that wait for a moment, until the sessions of all nodes are known.

import type { Clock, Timer } from '@tidemark/log'
import { presenceWaitersMax, presenceWholeMs, tellPauseMs } from './limits.ts'

interface Waiter {
  readonly until: number
  readonly go: () => void
}

export class WholeWait {
  readonly #clock: Clock
  readonly #isWhole: () => boolean
  #waiting: Waiter[] = []
  #timer: Timer | undefined

  constructor(clock: Clock, isWhole: () => boolean) {
    this.#clock = clock
    this.#isWhole = isWhole
  }

  /** For a moment only: a node that has died is not heard of for 10 seconds. One too many does not wait. */
  async wait(): Promise<void> {
    if (this.#isWhole() || this.#waiting.length >= presenceWaitersMax) return
    const until = this.#clock.elapsed() + presenceWholeMs
    await new Promise<void>((go) => {
      this.#waiting.push({ until, go })
      this.#lookLater()
    })
  }

  /** One look for all of them. */
  #lookLater(): void {
    if (this.#timer !== undefined) return
    this.#timer = this.#clock.after(tellPauseMs, () => this.#look(), { isAwaited: true })
  }

  #look(): void {
    this.#timer = undefined
    const [isWhole, now] = [this.#isWhole(), this.#clock.elapsed()]
    const waiting = this.#waiting
    this.#waiting = isWhole ? [] : waiting.filter(({ until }) => until > now)
    for (const { until, go } of waiting) if (isWhole || until <= now) go()
    if (this.#waiting.length > 0) this.#lookLater()
  }
}
