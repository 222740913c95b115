// One answer for all who ask at about the same time.

import type { Clock } from '@tidemark/log'

interface KeptAnswerOptions<Answer> {
  readonly clock: Clock
  /** How long an answer holds for others who ask, in milliseconds. */
  readonly keptMs: number
  readonly ask: () => Answer | Promise<Answer>
}

/** Asks at most once at a time and once per `keptMs`. A failure is told to those who wait, and not kept. */
export class KeptAnswer<Answer> {
  readonly #options: KeptAnswerOptions<Answer>
  #answer: Promise<Answer> | undefined

  constructor(options: KeptAnswerOptions<Answer>) {
    this.#options = options
  }

  read(): Promise<Answer> {
    this.#answer ??= this.#ask()
    return this.#answer
  }

  async #ask(): Promise<Answer> {
    const { ask, clock, keptMs } = this.#options
    const forget = (): void => {
      this.#answer = undefined
    }
    try {
      // In a later tick, so that an `ask` that throws does not come before the promise is kept.
      const answer = await Promise.resolve().then(ask)
      clock.after(keptMs, forget)
      return answer
    } catch (error) {
      forget()
      throw error
    }
  }
}
