// Where a reader without a cursor starts.

import type { Since } from '../event-log.ts'
import { lastTopicsMax } from '../limits.ts'
import { mergeByPosition } from '../merge.ts'
import type { TopicSet } from '../topic-set.ts'
import type { RecordStore } from './record-store.ts'
import { createTopicFilter } from './topic-filter.ts'
import type { Slot, TopicState } from './topic-state.ts'

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
  for (const { sequence } of newestFirst(store, topics)) {
    start = sequence - 1
    missing -= 1
    if (missing === 0) break
  }
  return start
}

function* newestFirst(store: RecordStore, set: TopicSet): Generator<Slot> {
  const topics = listTopics(store, set)
  if (topics !== undefined) {
    const sources = topics.map(({ slots }) => slots.backwards())
    yield* mergeByPosition(sources, ({ sequence }) => -sequence)
    return
  }
  const isWanted = createTopicFilter(set)
  for (const slot of store.slots.backwards()) if (isWanted(slot.topic)) yield slot
}

/** The set's topics, to find the last event of a quiet one. Undefined when its patterns match many. */
function listTopics(
  store: RecordStore,
  { topics, patterns }: TopicSet,
): readonly TopicState[] | undefined {
  const found = new Set(topics.flatMap((name) => store.topic(name) ?? []))
  const isWhole = store.tree.visit(patterns, {
    isWorth: () => true,
    visit: (topic) => found.add(topic).size <= lastTopicsMax,
  })
  return isWhole ? [...found] : undefined
}
