// The ranges of the table `topics` in which a pattern's topics can be.

import { literalPrefix } from '@tidemark/log'
import type { Pattern, Topic, TopicSet } from '@tidemark/log'
import { topicRangesMax } from '../limits.ts'
import { decodeTopicStats, readTopicMark, readTopicNewest } from '../tables/log-state.ts'
import type { TopicStats } from '../tables/log-state.ts'
import { asBuffer, textKey } from '../tables/schema.ts'
import type { Tables } from '../tables/schema.ts'

export interface TopicRange {
  readonly start?: Buffer
  readonly end: Buffer
}

const known = new WeakMap<readonly Pattern[], readonly TopicRange[]>()

/** At most 16 ranges that hold every topic the patterns may match; none overlaps another. */
export function rangesOf(patterns: readonly Pattern[]): readonly TopicRange[] {
  const made = known.get(patterns)
  if (made !== undefined) return made
  const ranges = rangesBelow(patterns.map((pattern) => literalPrefix(pattern)))
  known.set(patterns, ranges)
  return ranges
}

/**
 * Ranges that hold every topic which begins with one of the prefixes; with many prefixes also
 * topics between them.
 */
export function rangesBelow(prefixes: readonly string[]): readonly TopicRange[] {
  const wanted: Buffer[] = []
  // A prefix sorts right before all texts that begin with it.
  for (const prefix of prefixes.map((text) => textKey(text)).toSorted((a, b) => a.compare(b))) {
    const last = wanted.at(-1)
    if (last === undefined || !prefix.subarray(0, last.length).equals(last)) wanted.push(prefix)
  }
  const size = Math.ceil(wanted.length / topicRangesMax)
  const ranges: TopicRange[] = []
  for (let i = 0; i < wanted.length; i += size) ranges.push(rangeOver(wanted.slice(i, i + size)))
  return ranges
}

/** How many topics lie in the ranges; counting ends as soon as they are more than `max`. */
export function countTopics(
  { topics }: Tables,
  ranges: readonly TopicRange[],
  max: number,
): number {
  let count = 0
  for (const range of ranges) {
    // Skipping and counting are native, a twentieth of a visit.
    const beyond = topics.getKeys({ ...range, offset: max - count, limit: 1 })
    for (const _ of beyond) return max + 1
    count += topics.getKeysCount({ ...range })
  }
  return count
}

/** Bounds of a visit. Topics outside of them are skipped without reading their names. */
export interface TopicVisit {
  readonly newestAfter?: number
  readonly markAfter?: number
}

/**
 * Visits the topics below the set's patterns, each once; undefined for one that is passed by or not
 * of the set.
 */
export function* visitTopics(
  { topics }: Tables,
  set: TopicSet,
  { newestAfter = -1, markAfter = -1 }: TopicVisit,
): Generator<TopicStats | undefined, void, undefined> {
  for (const range of rangesOf(set.patterns)) {
    for (const { key, value } of topics.getRange({ ...range })) {
      if (readTopicNewest(value) <= newestAfter || readTopicMark(value) <= markAfter) {
        yield undefined
        continue
      }
      const name = asBuffer(key).toString() as Topic
      yield set.matches(name) ? decodeTopicStats(name, value) : undefined
    }
  }
}

/** From the first of ordered prefixes to behind the last, with what lies between them. */
function rangeOver(prefixes: readonly Buffer[]): TopicRange {
  const [start = Buffer.alloc(0)] = prefixes
  // 0xff is in no UTF-8, so every topic with the prefix sorts before it.
  const end = Buffer.concat([prefixes.at(-1) ?? start, Buffer.of(0xff)])
  return start.length === 0 ? { end } : { start, end }
}
