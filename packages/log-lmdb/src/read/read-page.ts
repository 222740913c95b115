// Reads one page of the log, and finds what is lost before it.

import type { Clock, EventRecord, Loss, Page, ReadQuery, TopicSet } from '@tidemark/log'
import { countCharacters, isExpired, mergeByPosition, pageDataMax } from '@tidemark/log/driver'
import type { Extent, Lineage } from '@tidemark/log/driver'
import { chooseTopics, hasManyTopics } from './choose-topics.ts'
import type { WantedRange } from './choose-topics.ts'
import { probeRecordsMax, scanRecordsMax } from '../limits.ts'
import { readExtent, readState } from '../tables/log-state.ts'
import type { LogState, TopicStats } from '../tables/log-state.ts'
import { newestMarkAfter } from './marks.ts'
import {
  decodeExpiry,
  decodeHead,
  decodeRecord,
  decodeTopic,
  decodeType,
} from '../tables/record-codec.ts'
import { asBuffer, indexKey, readSequence, sequenceKey } from '../tables/schema.ts'
import type { Tables } from '../tables/schema.ts'

export interface ReadContext {
  readonly tables: Tables
  readonly lineage: Lineage
  readonly clock: Clock
}

interface PagePart {
  readonly records: EventRecord[]
  readonly next: number
}

interface WantedPage extends WantedRange {
  /** Characters of data; the record that passes it is the last. */
  readonly dataMax: number
}

interface Scanned extends PagePart {
  readonly looked: number
  /** Characters of data found. */
  readonly data: number
  /** The page can hold no more. */
  readonly isFull: boolean
}

/** Answers a query; see `EventLog.read`. Call it within one snapshot. */
export function readPage(context: ReadContext, query: ReadQuery): Page {
  const { tables, lineage } = context
  const state = readState(tables)
  const extent = readExtent(tables, state)
  const { after, loss } = findStart(context, { state, extent }, query)
  const end = lineage.place(query.upTo, extent)
  const upTo = end.lost === undefined ? end.after : state.head
  const wanted = { topics: query.topics, after, upTo, limit: Math.max(1, query.limit) }
  const { records, next } =
    after < upTo ? readRange(context, state, wanted) : { records: [], next: after }
  const page = { records, next: lineage.positionAt(next) }
  return loss === undefined ? page : { ...page, lost: loss }
}

interface Start {
  /** Where reading begins, exclusive. */
  readonly after: number
  readonly loss?: Loss
}

function findStart(
  { tables, lineage }: ReadContext,
  { state, extent }: { readonly state: LogState; readonly extent: Extent },
  { after: from, topics }: ReadQuery,
): Start {
  const { after, lost } = lineage.place(from, extent)
  const mark = newestMarkAfter(tables, state, { after, topics })
  if (lost === undefined && mark === 0) return { after }
  const to = lineage.positionAt(Math.max(after, mark))
  return { after, loss: { from, to, reason: lost ?? 'retention' } }
}

/**
 * Reads a range. If a pattern has many topics, looking them up for every page could cost far more
 * than the page. A look at the first records of the range often fills the page. If not, it shows
 * how many records match. See bench/resume.ts.
 */
function readRange(context: ReadContext, state: LogState, range: WantedRange): PagePart {
  const wanted = { ...range, dataMax: pageDataMax }
  if (!hasManyTopics(context.tables, wanted.topics)) return readCheaply(context, state, wanted)
  const probe = scan(context, wanted, probeRecordsMax)
  if (probe.isFull || probe.next === wanted.upTo) return probe
  const { records, next } = readCheaply(context, state, {
    ...wanted,
    after: probe.next,
    limit: wanted.limit - probe.records.length,
    dataMax: wanted.dataMax - probe.data,
    density: { matching: probe.records.length, looked: probe.looked },
  })
  return { records: [...probe.records, ...records], next }
}

function readCheaply(context: ReadContext, state: LogState, wanted: WantedPage): PagePart {
  const chosen = chooseTopics(context.tables, state, wanted)
  if (chosen === 'scan') return scan(context, wanted, scanRecordsMax)
  return mergeTopics(context, chosen, wanted)
}

function mergeTopics(
  { tables, lineage, clock }: ReadContext,
  topics: readonly TopicStats[],
  { after, upTo, limit, dataMax }: WantedPage,
): PagePart {
  const now = Math.floor(clock.now())
  const sources = topics.map(({ id }) => sequencesOf(tables, id, { after, upTo, limit }))
  const [only] = sources
  const sequences =
    only !== undefined && sources.length === 1
      ? only
      : mergeByPosition(sources, (sequence: number) => sequence)
  const records: EventRecord[] = []
  let data = 0
  let passed = 0
  for (const sequence of sequences) {
    const bytes = tables.records.getBinary(sequenceKey(sequence))
    if (bytes === undefined) continue
    if (isOver(asBuffer(bytes), now)) {
      passed += 1
      // The sweep removes them within a second, and no page looks at more of them than a scan does.
      if (passed >= scanRecordsMax && records.length > 0) return { records, next: sequence }
      continue
    }
    const record = decodeRecord(asBuffer(bytes), lineage.positionAt(sequence))
    records.push(record)
    data += countCharacters(record)
    if (records.length === limit || data >= dataMax) return { records, next: sequence }
  }
  return { records, next: upTo }
}

/** A topic's sequences after `after`. */
function* sequencesOf(
  { index }: Tables,
  topicId: number,
  { after, upTo, limit }: { after: number; upTo: number; limit: number },
): Generator<number, void, undefined> {
  const end = indexKey(topicId, upTo + 1)
  let start = indexKey(topicId, after + 1)
  for (;;) {
    let count = 0
    let last = 0
    for (const key of index.getKeys({ start, end, limit })) {
      count += 1
      last = readSequence(key)
      yield last
    }
    // There are more only for a page that passes over some.
    if (count < limit) return
    start = indexKey(topicId, last + 1)
  }
}

/** Whether an event is worth nothing any more, and no reader may get it. */
function isOver(bytes: Buffer, now: number): boolean {
  const expiresAt = decodeExpiry(bytes)
  return expiresAt <= now && isExpired({ expiresAt, type: decodeType(bytes) }, now)
}

/** Looks at `max` records at most. */
function scan({ tables, lineage, clock }: ReadContext, wanted: WantedPage, max: number): Scanned {
  const { topics, after, upTo, limit, dataMax } = wanted
  const records: EventRecord[] = []
  const isWanted = createTopicFilter(topics)
  const now = Math.floor(clock.now())
  const range = { start: sequenceKey(after + 1), end: sequenceKey(upTo + 1), limit: max }
  let looked = 0
  let data = 0
  for (const { key, value } of tables.records.getRange(range)) {
    const bytes = asBuffer(value)
    const sequence = readSequence(key)
    if (isWanted(bytes) && !isOver(bytes, now)) {
      const record = decodeRecord(bytes, lineage.positionAt(sequence))
      records.push(record)
      data += countCharacters(record)
    }
    looked += 1
    const isFull = records.length === limit || data >= dataMax
    if (isFull || looked === max) return { records, next: sequence, looked, data, isFull }
  }
  return { records, next: upTo, looked, data, isFull: false }
}

/** Whether a record's topic is of the set; each topic is matched once. */
export function createTopicFilter(topics: TopicSet): (record: Buffer) => boolean {
  const known = new Map<number, boolean>()
  return (record) => {
    const { topicId } = decodeHead(record)
    let isWanted = known.get(topicId)
    if (isWanted === undefined) {
      isWanted = topics.matches(decodeTopic(record))
      known.set(topicId, isWanted)
    }
    return isWanted
  }
}
