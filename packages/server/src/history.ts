// The history of a topic, page by page.

import {
  comparePositions,
  formatCursor,
  parseCursor,
  parseTopic,
  parseTopicSet,
} from '@tidemark/log'
import type {
  EventLog,
  EventRecord,
  EventTags,
  LossReason,
  Page,
  Position,
  ReadQuery,
} from '@tidemark/log'
import { quoteValue } from '@tidemark/wire/values'
import { plainRequest } from './request/authorize.ts'
import { mayGet } from './request/filter.ts'
import type { Reader } from './request/filter.ts'
import { filterOfWhere } from './request/read-filter.ts'
import { requireUnreserved } from './request/reserved-topics.ts'
import type { Permit, RequestFacts } from './request/authorize.ts'
import { ServerError } from './errors.ts'
import { historyPagesMax, historyRecordsDefault, historyRecordsMax } from './limits.ts'
import { wrapLogError } from './refusal/log-faults.ts'
import type { NodeSettings } from './node-settings.ts'
import { readMembers } from './read-members.ts'

/** Which page of a history. */
export interface HistoryQuery {
  /** One topic; no pattern. */
  readonly topic: string
  /**
   * Events after this cursor: `next` of the page before, or an event's id. Default: from the oldest that is
   * kept.
   */
  readonly after?: string | undefined
  /** Events at most, 1 to 1,000. Default 100. Large events make a page shorter. */
  readonly limit?: number | undefined
  /**
   * The client that reads, as `describeRequest` says: `authorize` is asked whether it may. Default: the
   * application itself.
   */
  readonly by?: RequestFacts | undefined
}

/** An event as the log holds it. */
export interface HistoryRecord {
  readonly cursor: string
  /** Milliseconds since 1970. */
  readonly time: number
  readonly topic: string
  readonly type: string | undefined
  readonly key?: string
  readonly tags?: EventTags
  /** When it is worth nothing any more, in milliseconds since 1970. */
  readonly expiresAt?: number
  /** The payload as it was published. */
  readonly data: string
}

/** A page of a history. */
export interface History {
  /** Oldest first. Empty: all has been read, unless `hasMore`. */
  readonly records: readonly HistoryRecord[]
  /**
   * Some may follow behind `next`, though the page is empty. So many events are hidden from the reader that
   * not all were looked at.
   */
  readonly hasMore?: true
  /** The cursor to ask on with; the last page's own once all is read. */
  readonly next: string
  /** The cursor of the newest event of the log, as it was before the page was read. */
  readonly head: string
  /** Events missing after the query's cursor. */
  readonly lost?: { readonly from: string; readonly to: string; readonly reason: LossReason }
}

/**
 * Makes something of a page, which is read only when `read` is called. A caller that bounds its reads waits
 * for its turn here, once the request is allowed.
 */
export type UseHistory<Result> = (read: () => Promise<History>) => Promise<Result>

/** Reads a page. Errors: see {@link Tidemark.history}. */
export async function readHistory<Result>(
  settings: NodeSettings,
  query: HistoryQuery,
  use: UseHistory<Result>,
): Promise<Result> {
  const { log, permit } = settings
  const { by, ...given } = readMembers(query, ['topic', 'after', 'limit', 'by'], {
    code: 'OPTION_INVALID',
    what: 'The query of a history',
  })
  if (typeof use !== 'function') {
    throw new ServerError(
      'OPTION_INVALID',
      `use must be a function that is handed read; got ${quoteValue(use)}.`,
    )
  }
  const topic = checkTopic(given.topic)
  const after = readCursor(given.after)
  const limit = checkLimit(given.limit)
  const reader = by === undefined ? undefined : await askReader(permit, by, topic)
  return use(() => readPage(log, { topic, after, limit, reader }).catch(wrapLogError))
}

/** The client that reads, once it is known that it may. */
async function askReader(
  permit: Permit | undefined,
  by: RequestFacts,
  topic: string,
): Promise<Reader> {
  if (permit === undefined) {
    requireUnreserved([topic])
    return { filter: undefined, permissions: [] }
  }
  const { permissions = [], where } = await permit.ask(plainRequest(by, 'read', [topic]))
  return { filter: filterOfWhere(where), permissions }
}

interface PageQuery {
  readonly topic: string
  readonly after: Position | undefined
  readonly limit: number
  /** Undefined: the application itself, which gets everything. */
  readonly reader: Reader | undefined
}

async function readPage(
  log: EventLog,
  { topic, after, limit, reader }: PageQuery,
): Promise<History> {
  const { first, head } = await log.bounds()
  const topics = parseTopicSet([topic])
  const query = { topics, after: after ?? first, upTo: head, limit }
  const read = async (asked: ReadQuery): Promise<Page> => hide(await log.read(asked), reader)
  const page = await readUntilFound(query, read)
  const hasMore = !isLast(page, head)
  return describePage(cut(page, limit), { head, hasCursor: after !== undefined, hasMore })
}

/**
 * Reads on where a page of the log is empty but not the last: to who asks, an empty page says that all is
 * read.
 */
async function readUntilFound(
  query: ReadQuery,
  read: (query: ReadQuery) => Promise<Page>,
): Promise<Page> {
  let page = await read(query)
  let { lost } = page
  for (let pages = 1; pages < historyPagesMax && !isLast(page, query.upTo); pages++) {
    // As many as there may be: those that are hidden from the reader are passed in few pages.
    page = await read({ ...query, after: page.next, limit: historyRecordsMax })
    if (page.lost !== undefined) lost = { ...page.lost, ...lost, to: page.lost.to }
  }
  return lost === undefined ? page : { ...page, lost }
}

/** Leaves out what the reader may not get. */
function hide(page: Page, reader: Reader | undefined): Page {
  if (reader === undefined) return page
  return { ...page, records: page.records.filter((record) => mayGet(record, reader)) }
}

/** The first of its records, and where to read on behind them. */
function cut(page: Page, limit: number): Page {
  const last = page.records[limit - 1]
  if (last === undefined || page.records.length === limit) return page
  return { ...page, records: page.records.slice(0, limit), next: last.position }
}

function isLast({ records, next }: Page, upTo: Position): boolean {
  return records.length > 0 || comparePositions(next, upTo) >= 0
}

/** A query without a cursor asks for what there is: what retention removed before is no loss to it. */
function describePage(
  { records, next, lost }: Page,
  {
    head,
    hasCursor,
    hasMore,
  }: { readonly head: Position; readonly hasCursor: boolean; readonly hasMore: boolean },
): History {
  return {
    records: records.map(describeRecord),
    ...(hasMore ? { hasMore } : {}),
    next: formatCursor(next),
    head: formatCursor(head),
    ...(lost === undefined || !hasCursor
      ? {}
      : {
          lost: { from: formatCursor(lost.from), to: formatCursor(lost.to), reason: lost.reason },
        }),
  }
}

function describeRecord(record: EventRecord): HistoryRecord {
  const { position, time, topic, type, key, tags, expiresAt, data } = record
  return {
    cursor: formatCursor(position),
    time,
    topic,
    type,
    ...(key === undefined ? {} : { key }),
    ...(tags === undefined ? {} : { tags }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    data,
  }
}

function checkTopic(topic: string = ''): string {
  try {
    return parseTopic(topic)
  } catch (error) {
    return wrapLogError(error)
  }
}

function readCursor(text: string | undefined): Position | undefined {
  if (text === undefined) return undefined
  const cursor = typeof text === 'string' ? parseCursor(text) : undefined
  if (cursor !== undefined) return cursor.position
  throw new ServerError(
    'QUERY_INVALID',
    `after must be a cursor, as in "next" or an event's id; got ${quoteValue(text)}.`,
  )
}

function checkLimit(limit: number = historyRecordsDefault): number {
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= historyRecordsMax) return limit
  throw new ServerError(
    'QUERY_INVALID',
    `limit must be 1 to ${historyRecordsMax}; got ${quoteValue(limit)}.`,
  )
}
