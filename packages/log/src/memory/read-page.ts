// One page of a memory log, and what of it is lost.

import { countCharacters } from '../event-extras.ts'
import type { EventRecord, Loss, Page, ReadQuery } from '../event-log.ts'
import { pageDataMax, scanRecordsMax } from '../limits.ts'
import { mergeByPosition } from '../merge.ts'
import { epochOf, makePosition, sequenceOf } from '../position.ts'
import { isExpired } from '../tombstone.ts'
import type { TopicSet } from '../topic-set.ts'
import type { RecordStore } from './record-store.ts'
import { createTopicFilter } from './topic-filter.ts'
import type { Slot } from './topic-state.ts'

/** Answers a query; see `EventLog.read`. Events that are worth nothing any more at `now` are left out. */
export function readPage(store: RecordStore, query: ReadQuery, now: number): Page {
  const { after, loss } = findStart(store, query)
  const isOwnEnd = epochOf(query.upTo) === store.epoch
  const upTo = isOwnEnd ? Math.min(sequenceOf(query.upTo), store.head) : store.head
  const range = { topics: query.topics, after, upTo, limit: Math.max(1, query.limit), now }
  const { records, next } = after < upTo ? readRange(store, range) : { records: [], next: after }
  const page = { records, next: makePosition(store.epoch, next) }
  return loss === undefined ? page : { ...page, lost: loss }
}

interface Range {
  readonly topics: TopicSet
  readonly after: number
  readonly upTo: number
  readonly limit: number
  readonly now: number
}

interface Stretch {
  readonly records: EventRecord[]
  readonly next: number
}

interface Start {
  /** Where reading begins, exclusive. */
  readonly after: number
  readonly loss?: Loss
}

function findStart(store: RecordStore, { after: from, topics }: ReadQuery): Start {
  const { after, lost } = store.lineage.place(from, store)
  const mark = store.newestMarkAfter(after, topics)
  if (lost === undefined && mark === 0) return { after }
  const to = makePosition(store.epoch, Math.max(after, mark))
  return { after, loss: { from, to, reason: lost ?? 'retention' } }
}

/**
 * Exact topics are at most 1,000 seeks, and an empty page of them says that all is read. Topics of
 * patterns are looked for among all records of the range, 1 ms per page, and never beyond the
 * range.
 */
function readRange(store: RecordStore, range: Range): Stretch {
  return range.topics.patterns.length === 0 ? merge(store, range) : scan(store, range)
}

function merge(store: RecordStore, { topics, after, upTo, limit, now }: Range): Stretch {
  const sources = topics.topics.flatMap(
    (name) => store.topic(name)?.slots.between(after, upTo) ?? [],
  )
  const [only] = sources
  const slots =
    only !== undefined && sources.length === 1
      ? only
      : mergeByPosition(sources, (slot: Slot) => slot.sequence)
  const records: EventRecord[] = []
  let data = 0
  for (const { record, sequence } of slots) {
    if (record === undefined || isExpired(record, now)) continue
    records.push(record)
    data += countCharacters(record)
    if (records.length === limit || data >= pageDataMax) return { records, next: sequence }
  }
  return { records, next: upTo }
}

function scan(store: RecordStore, { topics, after, upTo, limit, now }: Range): Stretch {
  const records: EventRecord[] = []
  const isWanted = createTopicFilter(topics)
  let looked = 0
  let data = 0
  for (const { record, sequence, topic } of store.slots.between(after, upTo)) {
    if (record !== undefined && isWanted(topic) && !isExpired(record, now)) {
      records.push(record)
      data += countCharacters(record)
    }
    looked += 1
    const isFull = records.length === limit || data >= pageDataMax
    if (isFull || looked === scanRecordsMax) return { records, next: sequence }
  }
  return { records, next: upTo }
}
