// The records of a memory log by the age they may reach, so that those which are too old are found at once.

import type { RuleBook } from '../rule-book.ts'
import { SlotList } from './slot-list.ts'
import type { Slot } from './topic-state.ts'

/**
 * In each list the oldest expires first. After a change of rules all records are placed anew, in
 * log order.
 */
export class AgeLists {
  #byMaxAge = new Map<number, SlotList<Slot>>()
  #placedTo = 0

  constructor(rules: RuleBook) {
    this.follow(rules)
  }

  /** From here on these rules hold, and nothing is placed yet. */
  follow({ rules }: RuleBook): void {
    this.#placedTo = 0
    this.#byMaxAge = new Map(
      rules
        .filter(({ maxAgeMs }) => maxAgeMs !== Infinity)
        .map(({ maxAgeMs }) => [maxAgeMs, new SlotList<Slot>()]),
    )
  }

  /** Records up to this sequence have their place. */
  get placedTo(): number {
    return this.#placedTo
  }

  /** Gives the record after the ones placed its place, by the rule of its topic. */
  place(slot: Slot): void {
    this.#placedTo = slot.sequence
    this.#byMaxAge.get(slot.topic.rule.maxAgeMs)?.push(slot)
  }

  /** There is no record up to this sequence that has no place. */
  skipTo(sequence: number): void {
    this.#placedTo = sequence
  }

  noteRemoved({ sequence, topic }: Slot): void {
    if (sequence <= this.#placedTo) this.#byMaxAge.get(topic.rule.maxAgeMs)?.noteRemoved()
  }

  /** One record that is too old; undefined when there is none. */
  findExpired(now: number): Slot | undefined {
    for (const [maxAgeMs, { first }] of this.#byMaxAge)
      if (first !== undefined && now - first.time > maxAgeMs) return first
    return undefined
  }

  /** When the next record becomes too old; Infinity for never. */
  get nextExpiry(): number {
    let next = Infinity
    for (const [maxAgeMs, { first }] of this.#byMaxAge)
      if (first !== undefined) next = Math.min(next, first.time + maxAgeMs + 1)
    return next
  }
}
