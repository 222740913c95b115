// How a worker learns what the whole hub has counted: it asks the supervising process.

import type { Clock } from '@tidemark/log'
import type { NodeStats } from '@tidemark/server'
import { HubError } from '../errors.ts'
import { statsAnswerMs } from '../limits.ts'

/** Asks one question at a time: `KeptAnswer` shares the answer. */
export class HubStats {
  readonly #clock: Clock
  readonly #ask: () => void
  #tell: ((stats: NodeStats) => void) | undefined

  constructor(clock: Clock, ask: () => void) {
    this.#clock = clock
    this.#ask = ask
  }

  /**
   * The sum over all workers, about a second old at most.
   * @throws HubError `STATS_UNAVAILABLE` when the supervising process does not answer
   */
  read(): Promise<NodeStats> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(statsAnswerMs, () => {
        const detail = `The supervising process has not answered for ${statsAnswerMs} ms. Try again.`
        reject(new HubError('STATS_UNAVAILABLE', detail))
      })
      this.#tell = (stats) => {
        timer.cancel()
        resolve(stats)
      }
      this.#ask()
    })
  }

  /** The supervising process has answered. */
  heard(stats: NodeStats): void {
    this.#tell?.(stats)
  }
}
