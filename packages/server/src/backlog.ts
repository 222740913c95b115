// What a lagging session is behind with, and what is left of it once the rules of its topics have had their say.

import type { Position } from '@tidemark/log'
import type { FramedRecord } from './framed-record.ts'
import type { LagRules } from './lag-rules.ts'

/** Records in log order, of which newer ones may push out older ones. */
export class Backlog {
  readonly #rules: LagRules
  /** In the order they came: a record that is conflated is taken out and its successor put at the end. */
  readonly #kept = new Map<FramedRecord | string, FramedRecord>()
  #droppedTo: Position | undefined
  #isForbidden = false

  constructor(rules: LagRules) {
    this.#rules = rules
  }

  add(framed: FramedRecord): void {
    const { topic, key, position } = framed.record
    switch (this.#rules.actionFor(topic)) {
      case 'conflate': {
        // A topic holds no line break, so no topic with a key looks like another one.
        const subject = `${topic}\n${key ?? ''}`
        this.#kept.delete(subject)
        this.#kept.set(subject, framed)
        return
      }
      case 'drop':
        this.#droppedTo = position
        return
      case 'disconnect':
        this.#isForbidden = true
        return
      case 'delay':
        this.#kept.set(framed, framed)
    }
  }

  get size(): number {
    return this.#kept.size
  }

  get records(): readonly FramedRecord[] {
    return [...this.#kept.values()]
  }

  /** Up to where records were dropped, if any were. */
  get droppedTo(): Position | undefined {
    return this.#droppedTo
  }

  /** Whether it holds something with which no session may be behind. */
  get isForbidden(): boolean {
    return this.#isForbidden
  }
}
