// How a worker counts for the whole hub: it asks the supervising process.

import type { HubCounts, RateState, Suspect } from '@tidemark/access/hub'
import { countAnswerMs, countQuestionsMax } from '@tidemark/access/hub'
import type { Clock, Timer } from '@tidemark/log'
import type { CountAnswer, CountCall, FromWorker } from './messages.ts'

export interface RemoteCountsOptions {
  readonly clock: Clock
  readonly tell: (message: FromWorker) => void
  /** Told once that nobody answers, until somebody does. */
  readonly say: (text: string) => void
}

interface Question {
  readonly timer: Timer
  readonly resolve: (answer: CountAnswer | undefined) => void
}

/**
 * Limits must not take a hub down. A question without an answer within a second is answered with "let it
 * in", and so is one beyond the number that may wait.
 */
export class RemoteCounts implements HubCounts {
  readonly #options: RemoteCountsOptions
  readonly #questions = new Map<number, Question>()
  /** By address the streams that were let in without an answer. They hold no place to give back. */
  readonly #uncounted = new Map<string, number>()
  /** The addresses of those whose answer may still come, by question, the oldest first. */
  readonly #late = new Map<number, string>()
  #lastId = 0
  #isSilent = false

  constructor(options: RemoteCountsOptions) {
    this.#options = options
  }

  async take(rate: 'publishes' | 'streams', key: string): Promise<RateState | undefined> {
    return (await this.#ask({ call: 'take', rate, key }))?.state
  }

  async enter(key: string): Promise<boolean> {
    const isIn = (await this.#ask({ call: 'enter', key }))?.isIn
    if (isIn === undefined) this.#uncounted.set(key, (this.#uncounted.get(key) ?? 0) + 1)
    return isIn ?? true
  }

  leave(key: string): void {
    if (!this.#forgetUncounted(key)) this.#giveBack(key)
  }

  #giveBack(key: string): void {
    this.#options.tell({ kind: 'count', id: 0, question: { call: 'leave', key } })
  }

  async report(seen: Parameters<HubCounts['report']>[0]): Promise<readonly string[]> {
    return (await this.#ask({ call: 'report', seen }))?.keys ?? []
  }

  async suspects(): Promise<readonly Suspect[] | undefined> {
    return (await this.#ask({ call: 'suspects' }))?.suspects
  }

  /** The supervising process has answered. */
  heard(id: number, answer: CountAnswer): void {
    this.#isSilent = false
    const question = this.#questions.get(id)
    if (question === undefined) {
      this.#hearLate(id, answer)
      return
    }
    this.#questions.delete(id)
    question.timer.cancel()
    question.resolve(answer)
  }

  /** A place was taken after all: for a stream that is still there, or for one that has left. */
  #hearLate(id: number, { isIn }: CountAnswer): void {
    const key = this.#late.get(id)
    this.#late.delete(id)
    if (key !== undefined && isIn === true && !this.#forgetUncounted(key)) this.#giveBack(key)
  }

  /** Whether there was one. */
  #forgetUncounted(key: string): boolean {
    const count = this.#uncounted.get(key) ?? 0
    if (count > 1) this.#uncounted.set(key, count - 1)
    else this.#uncounted.delete(key)
    return count > 0
  }

  #keepLate(id: number, key: string): void {
    this.#late.set(id, key)
    const [oldest] = this.#late.keys()
    if (oldest !== undefined && this.#late.size > countQuestionsMax) this.#late.delete(oldest)
  }

  #ask(question: CountCall): Promise<CountAnswer | undefined> {
    if (this.#questions.size >= countQuestionsMax) return Promise.resolve(undefined)
    const id = (this.#lastId += 1)
    const { clock, tell } = this.#options
    return new Promise((resolve) => {
      const timer = clock.after(countAnswerMs, () => {
        this.#questions.delete(id)
        if (question.call === 'enter') this.#keepLate(id, question.key)
        this.#tellSilence()
        resolve(undefined)
      })
      this.#questions.set(id, { timer, resolve })
      tell({ kind: 'count', id, question })
    })
  }

  #tellSilence(): void {
    if (this.#isSilent) return
    this.#isSilent = true
    this.#options.say(
      `the supervising process does not answer; rates and limits of addresses do not hold until it does.`,
    )
  }
}
