// The log as anyone would write it who need not be fast: all records ever, and what became of each.

import { comparePositions } from '@tidemark/log'
import type { EventRecord, NewEvent, Position, TopicSet } from '@tidemark/log'

interface ModelRecord {
  readonly position: Position
  readonly time: number
  readonly event: NewEvent
  state: 'kept' | 'superseded' | 'vanished' | 'removed'
}

export interface ModelRules {
  readonly maxAgeMs: number
  readonly maxEventsOf: (topic: string) => number
  readonly isLatestByKey: (topic: string) => boolean
}

/** The answer that a read must give. */
export interface ModelPage {
  readonly data: readonly string[]
  /** The newest removed record of the asked topics after the cursor. */
  readonly lostTo: Position | undefined
}

export class HistoryModel {
  readonly #records: ModelRecord[] = []
  #rules: ModelRules

  constructor(rules: ModelRules) {
    this.#rules = rules
  }

  append(events: readonly NewEvent[], positions: readonly Position[], time: number): void {
    for (const [i, event] of events.entries()) {
      const position = positions[i]
      if (position === undefined)
        throw new Error('The log gave fewer positions than there are events.')
      this.#supersede(event)
      this.#records.push({ position, time, event, state: 'kept' })
    }
    for (const { topic } of events) this.#trim(topic)
  }

  /**
   * Other rules are in force, and have been applied to all there is: what they supersede is no
   * loss, so it goes first.
   */
  changeRules(rules: ModelRules, now: number): void {
    this.#rules = rules
    const topics = new Set(this.#records.map(({ event }) => event.topic))
    for (const topic of topics) {
      if (rules.isLatestByKey(topic)) this.#keepNewestPerKey(topic)
      this.#trim(topic)
    }
    this.expire(now)
  }

  expire(now: number): void {
    for (const record of this.#records) {
      if (record.state === 'kept' && now - record.time > this.#rules.maxAgeMs)
        record.state = 'removed'
    }
  }

  /** The values per key whose own end has come, as `topic key`. The log tells of each. */
  endedKeys(now: number): readonly string[] {
    return this.#ended(now)
      .filter(({ event }) => this.#isValue(event))
      .map(({ event }) => `${event.topic} ${event.key}`)
  }

  /** Events vanish at their own end, and each of these records takes the place of a key's value. */
  end(now: number, told: readonly EventRecord[]): void {
    for (const record of this.#ended(now))
      if (!this.#isValue(record.event)) record.state = 'vanished'
    for (const event of told) this.append([event], [event.position], event.time)
  }

  #ended(now: number): readonly ModelRecord[] {
    return this.#records.filter(
      ({ event, time, state }) =>
        state === 'kept' && event.ttlMs !== undefined && time + event.ttlMs <= now,
    )
  }

  #isValue({ topic, key }: NewEvent): boolean {
    return key !== undefined && this.#rules.isLatestByKey(topic)
  }

  /** `after` undefined: from before the first record. */
  read(topics: TopicSet, after: Position | undefined, upTo: Position): ModelPage {
    const asked = this.#records.filter(
      ({ position, event }) =>
        topics.matches(event.topic) &&
        (after === undefined || comparePositions(position, after) > 0),
    )
    return {
      data: asked
        .filter(({ state, position }) => state === 'kept' && comparePositions(position, upTo) <= 0)
        .map(({ event }) => event.data),
      lostTo: asked.findLast(({ state }) => state === 'removed')?.position,
    }
  }

  #supersede({ topic, key }: NewEvent): void {
    if (key === undefined || !this.#rules.isLatestByKey(topic)) return
    const older = this.#records.find(
      ({ event, state }) => state === 'kept' && event.topic === topic && event.key === key,
    )
    if (older !== undefined) older.state = 'superseded'
  }

  #keepNewestPerKey(topic: string): void {
    const seen = new Set<string>()
    for (const record of this.#records.toReversed()) {
      const { key } = record.event
      if (record.event.topic !== topic || record.state !== 'kept' || key === undefined) continue
      if (seen.has(key)) record.state = 'superseded'
      seen.add(key)
    }
  }

  #trim(topic: string): void {
    const kept = this.#records.filter(
      ({ event, state }) => event.topic === topic && state === 'kept',
    )
    const surplus = kept.length - this.#rules.maxEventsOf(topic)
    for (const record of kept.slice(0, Math.max(0, surplus))) record.state = 'removed'
  }
}
