// How often an address may open a stream: some at once, some more and more slowly, then none.

import type { Clock } from '@tidemark/log'
import type { AccessError } from '../errors.ts'
import { slowMsMax, slowStepMs, slowedMax } from '../limits.ts'
import type { HubCounts, RateState } from './hub-counts.ts'
import { describeRate, rateLimited } from './rate-headers.ts'
import type { RateHeaders } from './rate-headers.ts'

export interface StreamRateOptions {
  readonly counts: Pick<HubCounts, 'take'>
  /** So many streams of a window begin at once. Default: all. */
  readonly slowAfter?: number | undefined
  readonly clock: Clock
}

/** Tells that a client has left while it waits; the function that is returned stops telling. */
export type OnGone = (listener: () => void) => () => void

/** The rate of one process's new streams. */
export class StreamRate {
  readonly #options: StreamRateOptions
  #waiting = 0

  constructor(options: StreamRateOptions) {
    this.#options = options
  }

  /** Streams that wait now. */
  get waiting(): number {
    return this.#waiting
  }

  /**
   * Counts a stream that an address opens, and resolves when it may begin, or when its client has left. It
   * resolves to headers for the answer, or to undefined where there is nothing to tell.
   * @throws AccessError `RATE_LIMITED`
   */
  async pass(key: string, onGone: OnGone): Promise<RateHeaders | undefined> {
    const { counts, slowAfter = Infinity } = this.#options
    const state = await counts.take('streams', key)
    if (state === undefined) return undefined
    if (!state.isAllowed) {
      throw rateLimited(`This address has opened ${state.used - 1} streams in a row.`, state)
    }
    const beyond = state.used - slowAfter
    if (beyond > 0) await this.#wait(Math.min(slowMsMax, beyond * slowStepMs), state, onGone)
    return describeRate(state)
  }

  async #wait(delayMs: number, state: RateState, onGone: OnGone): Promise<void> {
    if (this.#waiting >= slowedMax) throw tooManyWait(state)
    this.#waiting += 1
    await new Promise<void>((resolve) => {
      const end = (): void => {
        timer.cancel()
        stop()
        resolve()
      }
      const timer = this.#options.clock.after(delayMs, end)
      const stop = onGone(end)
    })
    this.#waiting -= 1
  }
}

function tooManyWait(state: RateState): AccessError {
  const text = 'Too many streams of addresses that open one after the other wait already.'
  return rateLimited(text, state)
}
