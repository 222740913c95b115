// Finds the place where a reader without a cursor starts.

import type { TopicSet } from '@tidemark/log'
import { mergeByPosition } from '@tidemark/log/driver'
import { chooseTopics } from './choose-topics.ts'
import { scanRecordsMax } from '../limits.ts'
import { readFirst } from '../tables/log-state.ts'
import type { LogState } from '../tables/log-state.ts'
import { createTopicFilter } from './read-page.ts'
import { decodeHead } from '../tables/record-codec.ts'
import { asBuffer, indexKey, readSequence, sequenceKey } from '../tables/schema.ts'
import type { Tables } from '../tables/schema.ts'

/**
 * The place just before the oldest record with `oldestTime` or later. A binary search, because
 * times never go back.
 */
export function locateAge(tables: Tables, state: LogState, oldestTime: number): number {
  let low = readFirst(tables, state)
  let high = state.head
  // Every record up to `low` is older, every one after `high` is not.
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const found = recordAfter(tables, middle)
    if (found === undefined || found.sequence > high || found.time >= oldestTime) high = middle
    else low = found.sequence
  }
  const oldest = recordAfter(tables, high)
  return oldest === undefined ? state.head : oldest.sequence - 1
}

function recordAfter(
  { records }: Tables,
  sequence: number,
): { readonly sequence: number; readonly time: number } | undefined {
  const range = { start: sequenceKey(sequence + 1), limit: 1 }
  for (const { key, value } of records.getRange(range)) {
    return { sequence: readSequence(key), time: decodeHead(asBuffer(value)).time }
  }
  return undefined
}

/** Progress of the search for the last `missing` records of a set. */
export interface LastSearch {
  /** Records after this one are counted; reading may start after it. */
  readonly start: number
  /** Records before this sequence have not been looked at. */
  readonly before: number
  readonly missing: number
}

/**
 * Continues a search for the last records of a set, and stops after a bounded number of records.
 * The search has ended when `missing` or `before` is 0.
 */
export function searchLast(
  tables: Tables,
  state: LogState,
  { topics, search }: { readonly topics: TopicSet; readonly search: LastSearch },
): LastSearch {
  const { before, missing } = search
  const wanted = { topics, after: 0, upTo: before - 1, limit: missing }
  const chosen = chooseTopics(tables, state, wanted)
  if (chosen === 'scan') return scanBack(tables, topics, search)
  const sources = chosen.map(({ id }) => sequencesBack(tables, id, { before, limit: missing }))
  let { start } = search
  let left = missing
  for (const sequence of mergeByPosition(sources, (sequence: number) => -sequence)) {
    start = sequence - 1
    left -= 1
    if (left === 0) break
  }
  return { start, before: 0, missing: left }
}

function* sequencesBack(
  { index }: Tables,
  topicId: number,
  { before, limit }: { readonly before: number; readonly limit: number },
): Generator<number, void, undefined> {
  const range = {
    reverse: true,
    start: indexKey(topicId, before - 1),
    end: indexKey(topicId, 0),
    limit,
  }
  for (const key of index.getKeys(range)) yield readSequence(key)
}

function scanBack({ records }: Tables, topics: TopicSet, search: LastSearch): LastSearch {
  const isWanted = createTopicFilter(topics)
  let { start, before, missing } = search
  let looked = 0
  const range = {
    reverse: true,
    start: sequenceKey(before - 1),
    end: sequenceKey(0),
    limit: scanRecordsMax,
  }
  for (const { key, value } of records.getRange(range)) {
    looked += 1
    before = readSequence(key)
    if (!isWanted(asBuffer(value))) continue
    start = before - 1
    missing -= 1
    if (missing === 0) break
  }
  return { start, missing, before: looked < scanRecordsMax ? 0 : before }
}
