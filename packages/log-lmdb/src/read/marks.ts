// The newest trim mark of a topic set. Behind that mark, events are lost.

import type { Topic, TopicSet } from '@tidemark/log'
import { marksLookedMax, topicsEnumeratedMax } from '../limits.ts'
import { readTopic } from '../tables/log-state.ts'
import type { LogState } from '../tables/log-state.ts'
import { asBuffer, readSequence, sequenceKey } from '../tables/schema.ts'
import type { Tables } from '../tables/schema.ts'
import { countTopics, rangesOf, visitTopics } from './topic-ranges.ts'

/** The newest mark of the set's topics if it is after `after`, else 0. */
export function newestMarkAfter(
  tables: Tables,
  state: LogState,
  { after, topics: set }: { readonly after: number; readonly topics: TopicSet },
): number {
  if (after >= state.newestMark) return 0
  let newest = after
  for (const name of set.topics) {
    newest = Math.max(newest, readTopic(tables, name)?.mark ?? state.commonMark)
  }
  if (set.patterns.length > 0) {
    // A topic that is no longer known by name may match any pattern.
    newest = Math.max(newest, state.commonMark)
    newest = Math.max(newest, findPatternMark(tables, set, newest))
  }
  return newest > after ? newest : 0
}

/**
 * Looks at marks from the newest down to `after`. If too many belong to other topics, the topics
 * below the patterns are looked at. If these are too many as well, the answer is the last mark
 * looked at: the set's newest mark cannot be newer. A gap that is not there is better than one that
 * is missed.
 */
function findPatternMark(tables: Tables, set: TopicSet, after: number): number {
  let looked = 0
  let reached = 0
  const range = {
    reverse: true,
    start: sequenceKey(Number.MAX_SAFE_INTEGER),
    end: sequenceKey(after),
    limit: marksLookedMax,
  }
  for (const { key, value } of tables.marks.getRange(range)) {
    reached = readSequence(key)
    if (set.matches(asBuffer(value).toString() as Topic)) return reached
    looked += 1
  }
  if (looked < marksLookedMax) return 0
  const topics = countTopics(tables, rangesOf(set.patterns), topicsEnumeratedMax)
  return topics > topicsEnumeratedMax ? reached : readPatternMark(tables, set, after)
}

function readPatternMark(tables: Tables, set: TopicSet, after: number): number {
  let newest = 0
  for (const topic of visitTopics(tables, set, { markAfter: after })) {
    newest = Math.max(newest, topic?.mark ?? 0)
  }
  return newest
}
