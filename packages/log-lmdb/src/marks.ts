// The newest trim mark of a topic set: behind it, events are lost.

import type { Topic, TopicSet } from '@tidemark/log'
import { topicsOf } from './choose-topics.ts'
import { marksLookedMax } from './limits.ts'
import { readTopic } from './log-state.ts'
import type { LogState } from './log-state.ts'
import { asBuffer, readSequence, sequenceKey } from './schema.ts'
import type { Tables } from './schema.ts'

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
    // A topic no longer known by name may match any pattern.
    newest = Math.max(newest, state.commonMark)
    newest = findPatternMark(tables, set, newest) ?? readPatternMark(tables, set, newest)
  }
  return newest > after ? newest : 0
}

/** Looks at marks from the newest down to `after`; undefined when too many are of other topics. */
function findPatternMark({ marks }: Tables, set: TopicSet, after: number): number | undefined {
  let looked = 0
  const range = {
    reverse: true,
    start: sequenceKey(Number.MAX_SAFE_INTEGER),
    end: sequenceKey(after),
    limit: marksLookedMax,
  }
  for (const { key, value } of marks.getRange(range)) {
    if (set.matches(asBuffer(value).toString() as Topic)) return readSequence(key)
    looked += 1
  }
  return looked < marksLookedMax ? after : undefined
}

/** Asks every topic below the patterns' literal prefixes. */
function readPatternMark(tables: Tables, set: TopicSet, after: number): number {
  let newest = after
  for (const pattern of set.patterns) {
    for (const topic of topicsOf(tables, pattern)) newest = Math.max(newest, topic?.mark ?? 0)
  }
  return newest
}
