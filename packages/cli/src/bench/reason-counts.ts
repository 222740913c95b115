// How often something happened, by reason; a server that words each refusal anew cannot fill the memory.

import { reasonLengthMax, reasonsMax } from './limits.ts'

/** One reason and how often. */
export interface ReasonCount {
  readonly reason: string
  readonly count: number
}

/** Counts by reason. */
export class ReasonCounts {
  readonly #counts = new Map<string, number>()
  #total = 0

  get total(): number {
    return this.#total
  }

  add(reason: string, count = 1): void {
    const short = reason.length <= reasonLengthMax ? reason : `${reason.slice(0, reasonLengthMax)}…`
    const name = this.#counts.has(short) || this.#counts.size < reasonsMax ? short : 'other'
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count)
    this.#total += count
  }

  merge(list: readonly ReasonCount[]): void {
    for (const { reason, count } of list) this.add(reason, count)
  }

  /** The most frequent first. */
  toList(): ReasonCount[] {
    return [...this.#counts]
      .map(([reason, count]) => ({ reason, count }))
      .sort((a, b) => b.count - a.count)
  }
}
