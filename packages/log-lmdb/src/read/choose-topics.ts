// Chooses the topics to merge for a set, unless a scan of the range is cheaper.

import type { Topic, TopicSet } from '@tidemark/log'
import { topicsEnumeratedMax, topicsVisitedMax } from '../limits.ts'
import { readTopic } from '../tables/log-state.ts'
import type { LogState, TopicStats } from '../tables/log-state.ts'
import { isScanCheaper } from './read-plan.ts'
import type { Tables } from '../tables/schema.ts'
import { countTopics, rangesOf, visitTopics } from './topic-ranges.ts'

/** How many of the records after a position belong to the set, measured on a sample. */
interface Density {
  readonly matching: number
  readonly looked: number
}

export interface WantedRange {
  readonly topics: TopicSet
  /** Exclusive. */
  readonly after: number
  /** Inclusive. */
  readonly upTo: number
  readonly limit: number
  /** Default: that of the topics found in the log as a whole, which may have been busy at other times. */
  readonly density?: Density | undefined
}

/** The set's topics with records after `after`, or `scan` as soon as it is clear that a scan costs less. */
export function chooseTopics(
  tables: Tables,
  state: LogState,
  { topics: set, after, upTo, limit, density }: WantedRange,
): readonly TopicStats[] | 'scan' {
  const range = Math.min(upTo - after, state.count)
  // Looking at so few records is cheaper than looking up the topics.
  if (range <= set.topics.length) return 'scan'
  const found = new Map<Topic, TopicStats>()
  let matching = 0
  let visited = 0
  const isTooMany = (): boolean => {
    // A topic that is only visited costs about as much as a record that is only looked at.
    const topics = found.size + Math.floor(visited / 4)
    const known = density ?? { matching, looked: state.count }
    return isScanCheaper({ range, topics, matching: known.matching, total: known.looked, limit })
  }
  const add = (topic: TopicStats): void => {
    if (topic.count === 0 || topic.newest <= after || found.has(topic.name)) return
    found.set(topic.name, topic)
    matching += topic.count
  }
  for (const name of set.topics) {
    const topic = readTopic(tables, name)
    if (topic !== undefined) add(topic)
  }
  // Exact topics alone are at most 1,000 seeks: a scan could look at many more records for one match.
  if (set.patterns.length === 0) return [...found.values()]
  const ranges = rangesOf(set.patterns)
  if (countTopics(tables, ranges, topicsEnumeratedMax) > topicsEnumeratedMax) return 'scan'
  for (const topic of visitTopics(tables, set, { newestAfter: after })) {
    visited += 1
    if (topic !== undefined) add(topic)
    if (isTooMany()) return 'scan'
  }
  return [...found.values()]
}

/** Whether looking up all topics of the set's patterns costs more than a look at the range itself. */
export function hasManyTopics(tables: Tables, { patterns }: TopicSet): boolean {
  return countTopics(tables, rangesOf(patterns), topicsVisitedMax) > topicsVisitedMax
}
