// Which topics to merge for a set, unless a scan is cheaper.

import { isScanCheaper } from '../read-plan.ts'
import type { TopicSet } from '../topic-set.ts'
import type { RecordStore } from './record-store.ts'
import type { TopicState } from './topic-state.ts'

export interface WantedRange {
  readonly topics: TopicSet
  readonly after: number
  readonly upTo: number
  readonly limit: number
}

/** The set's topics with records after `after`, or `scan` as soon as it is clear that a scan costs less. */
export function chooseTopics(
  store: RecordStore,
  { topics: set, after, upTo, limit }: WantedRange,
): readonly TopicState[] | 'scan' {
  const range = store.slots.countBetween(after, upTo)
  const total = store.slots.live
  const found = new Set<TopicState>()
  let matching = 0
  const add = (topic: TopicState): boolean => {
    if (topic.slots.live === 0 || topic.slots.newest <= after || found.has(topic)) return true
    found.add(topic)
    matching += topic.slots.live
    return !isScanCheaper({ range, topics: found.size, matching, total, limit })
  }
  // Exact topics alone are at most 1,000 seeks, while a scan could look at many more records for one match and then end
  // its page without one: that a page of exact topics is empty says that all is read.
  const isExact = set.patterns.length === 0
  for (const name of set.topics) {
    const topic = store.topic(name)
    if (topic !== undefined && !add(topic) && !isExact) return 'scan'
  }
  if (isExact) return [...found]
  const visit = { isWorth: ({ newest }: { newest: number }) => newest > after, visit: add }
  return store.tree.visit(set.patterns, visit) ? [...found] : 'scan'
}

/** Whether a topic is of the set; each topic is matched once. */
export function createTopicFilter(set: TopicSet): (topic: TopicState) => boolean {
  const known = new Map<TopicState, boolean>()
  return (topic) => {
    let isWanted = known.get(topic)
    if (isWanted === undefined) {
      isWanted = set.matches(topic.name)
      known.set(topic, isWanted)
    }
    return isWanted
  }
}
