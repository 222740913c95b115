// The records that a lagging session is behind with, reduced by the rules of their topics.

import { countCharacters } from '@tidemark/log/values'
import type { Position } from '@tidemark/log'
import type { FramedRecord } from '../framing/framed-record.ts'
import type { LagRules } from './lag-rules.ts'
import { backlogCharactersMax, backlogRecordsMax } from '../limits.ts'

/** Records in log order, of which newer ones may push out older ones. */
export class Backlog {
  readonly #rules: LagRules
  readonly #version: number
  readonly #isForgiving: boolean
  /** In the order they came: a record that is conflated is taken out and its successor put at the end. */
  readonly #kept = new Map<FramedRecord | string, FramedRecord>()
  #droppedTo: Position | undefined
  #isForbidden = false
  #isReducible = false
  #hasConflated = false
  #characters = 0

  /** `isForgiving`: what no session may be behind with is delayed instead. */
  constructor(rules: LagRules, isForgiving: boolean) {
    this.#rules = rules
    this.#version = rules.version
    this.#isForgiving = isForgiving
  }

  add(framed: FramedRecord): void {
    const { topic, key, position } = framed.record
    switch (this.#rules.actionFor(topic)) {
      case 'conflate': {
        // A topic holds no line break, so no topic with a key looks like another one.
        const subject = `${topic}\n${key ?? ''}`
        this.#isReducible = true
        const older = this.#kept.get(subject)
        if (older !== undefined) {
          this.#hasConflated = true
          this.#characters -= countCharacters(older.record)
        }
        this.#kept.delete(subject)
        this.#keep(subject, framed)
        return
      }
      case 'drop':
        this.#isReducible = true
        this.#droppedTo = position
        return
      case 'disconnect':
        if (!this.#isForgiving) this.#isForbidden = true
        else this.#keep(framed, framed)
        return
      case 'delay':
        this.#keep(framed, framed)
    }
  }

  #keep(subject: FramedRecord | string, framed: FramedRecord): void {
    this.#kept.set(subject, framed)
    this.#characters += countCharacters(framed.record)
  }

  /**
   * Whether reading on would only make it longer. Either it holds as much as it may, or there are `wanted`
   * records to send, and none of them can be superseded or dropped.
   */
  isFull(wanted: number): boolean {
    if (this.#kept.size >= backlogRecordsMax || this.#characters >= backlogCharactersMax)
      return true
    return !this.#isReducible && this.#kept.size >= wanted
  }

  get records(): readonly FramedRecord[] {
    return [...this.#kept.values()]
  }

  /** Up to where records were dropped, if any were. */
  get droppedTo(): Position | undefined {
    return this.#droppedTo
  }

  /** Whether a newer record has taken the place of an older one. */
  get hasConflated(): boolean {
    return this.#hasConflated
  }

  /** The version of the rules by which all of it was reduced; undefined: they have changed on the way. */
  get rulesVersion(): number | undefined {
    return this.#version === this.#rules.version ? this.#version : undefined
  }

  /** Whether it holds something with which no session may be behind. */
  get isForbidden(): boolean {
    return this.#isForbidden
  }
}
