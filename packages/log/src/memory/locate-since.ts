// Where a reader without a cursor starts.

import type { Since } from '../event-log.ts'
import { mergeByPosition } from '../merge.ts'
import type { TopicSet } from '../topic-set.ts'
import { chooseTopics, createTopicFilter } from './choose-topics.ts'
import type { RecordStore } from './record-store.ts'
import type { Slot } from './topic-state.ts'

export interface Start {
  readonly topics: TopicSet
  readonly since: Since
  /** By the log's clock, never before its newest record. */
  readonly now: number
}

/** The sequence after which reading gives what `since` asks for. */
export function locateSince(store: RecordStore, { topics, since, now }: Start): number {
  if (since.kind === 'earliest') return store.first
  if (since.kind === 'last') return locateLast(store, topics, since.count)
  const oldest = store.slots.firstSince(now - since.ageMs)
  return oldest === undefined ? store.head : oldest.sequence - 1
}

function locateLast(store: RecordStore, topics: TopicSet, count: number): number {
  let start = store.head
  let missing = count
  if (missing <= 0) return start
  for (const { sequence } of newestFirst(store, topics, count)) {
    start = sequence - 1
    missing -= 1
    if (missing === 0) break
  }
  return start
}

function* newestFirst(store: RecordStore, set: TopicSet, limit: number): Generator<Slot> {
  const chosen = chooseTopics(store, { topics: set, after: 0, upTo: store.head, limit })
  if (chosen === 'scan') {
    const isWanted = createTopicFilter(set)
    for (const slot of store.slots.backwards()) if (isWanted(slot.topic)) yield slot
    return
  }
  const sources = chosen.map(({ slots }) => slots.backwards())
  yield* mergeByPosition(sources, ({ sequence }) => -sequence)
}
