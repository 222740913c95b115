// Which topics to merge for a set, unless a scan of the range is cheaper.

import { literalPrefix, matchesPattern } from '@tidemark/log'
import type { Pattern, Topic, TopicSet } from '@tidemark/log'
import { isScanCheaper } from '@tidemark/log/driver'
import { topicsEnumeratedMax, topicsVisitedMax } from './limits.ts'
import { decodeTopicStats, readTopic } from './log-state.ts'
import type { LogState, TopicStats } from './log-state.ts'
import { asBuffer, textKey } from './schema.ts'
import type { Tables } from './schema.ts'

/** How many of the records after a position are of the set, counted by looking at some. */
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
  if (set.patterns.some((pattern) => reachesTooMany(tables, pattern))) return 'scan'
  for (const pattern of set.patterns) {
    for (const topic of topicsOf(tables, pattern)) {
      visited += 1
      if (topic !== undefined) add(topic)
      if (isTooMany()) return 'scan'
    }
  }
  return [...found.values()]
}

/** Whether looking up all topics of the set's patterns costs more than a look at the range itself. */
export function hasManyTopics({ topics }: Tables, { patterns }: TopicSet): boolean {
  let count = 0
  for (const pattern of patterns) {
    const range = { ...prefixRange(pattern), limit: topicsVisitedMax - count + 1 }
    for (const _ of topics.getKeys(range)) count += 1
    if (count > topicsVisitedMax) return true
  }
  return false
}

/** Whether the pattern has more topics below it than are visited for a page. To skip one costs a twentieth of a visit. */
function reachesTooMany({ topics }: Tables, pattern: Pattern): boolean {
  const range = { ...prefixRange(pattern), offset: topicsEnumeratedMax, limit: 1 }
  for (const _ of topics.getKeys(range)) return true
  return false
}

/** Visits all topics that share the pattern's literal prefix; undefined for one that does not match. */
export function* topicsOf(
  { topics }: Tables,
  pattern: Pattern,
): Generator<TopicStats | undefined, void, undefined> {
  for (const { key, value } of topics.getRange(prefixRange(pattern))) {
    const name = asBuffer(key).toString() as Topic
    yield matchesPattern(pattern, name) ? decodeTopicStats(name, value) : undefined
  }
}

function prefixRange(pattern: Pattern): { readonly start?: Buffer; readonly end: Buffer } {
  const prefix = textKey(literalPrefix(pattern))
  // 0xff is in no UTF-8, so every topic with the prefix sorts before it.
  const end = Buffer.concat([prefix, Buffer.of(0xff)])
  return prefix.length === 0 ? { end } : { start: prefix, end }
}
