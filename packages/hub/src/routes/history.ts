// `GET /topics/{topic}`: what a topic holds, page by page, as JSON.

import { comparePositions, formatCursor, parseCursor, parseTopicSet } from '@tidemark/log'
import type { EventLog, EventRecord, Page, Position, ReadQuery, TopicSet } from '@tidemark/log'
import { quote } from '@tidemark/server'
import { carrierOf } from '@tidemark/server/node'
import type { NodeResponse } from '@tidemark/server/node'
import { HubError } from '../errors.ts'
import { historyPagesMax, historyRecordsDefault, historyRecordsMax } from '../limits.ts'
import { decodeTopicPath } from '../topic-path.ts'
import { readQuery } from './query.ts'
import { encodeJson, sendJsonBytes } from './route.ts'
import type { Route, RouteContext } from './route.ts'

/** Answers `{records, next, lost?}`; `next` is the cursor to ask on with, equal to the last answer's once all is read. */
export const readHistory: Route = (exchange, context) => {
  const { after, limit } = readQuery(exchange.query, ['after', 'limit'])
  const wanted = {
    topics: readTopic(decodeTopicPath(exchange.rest)),
    after: readCursor(after),
    limit: readLimit(limit),
  }
  const { request, response } = exchange
  return context.historyReads.run(async () => {
    // Its client may have left while it waited in line.
    if (!carrierOf(request).destroyed) await answerPage(response, context, wanted)
  })
}

interface WantedPage {
  readonly topics: TopicSet
  readonly after: Position | undefined
  readonly limit: number
}

async function answerPage(
  response: NodeResponse,
  { log, unreadAnswers }: RouteContext,
  { topics, after, limit }: WantedPage,
): Promise<void> {
  const { first, head } = await log.bounds()
  const page = await readUntilFound(log, {
    topics,
    after: after ?? first,
    upTo: head,
    limit,
  })
  const { lost } = page
  const bytes = encodeJson({
    records: page.records.map(toJson),
    next: formatCursor(page.next),
    // Who named no cursor asked for what there is: what retention removed before is no loss.
    ...(lost === undefined || after === undefined
      ? {}
      : {
          lost: { from: formatCursor(lost.from), to: formatCursor(lost.to), reason: lost.reason },
        }),
  })
  unreadAnswers.hold(response, bytes.length)
  sendJsonBytes(response, 200, bytes)
}

/** Reads on where a page of the log is empty but not the last: to who asks, an empty page says that all is read. */
async function readUntilFound(log: EventLog, query: ReadQuery): Promise<Page> {
  let page = await log.read(query)
  let { lost } = page
  for (let pages = 1; pages < historyPagesMax && !isLast(page, query.upTo); pages++) {
    page = await log.read({ ...query, after: page.next })
    if (page.lost !== undefined) lost = { ...page.lost, ...lost, to: page.lost.to }
  }
  return lost === undefined ? page : { ...page, lost }
}

function isLast({ records, next }: Page, upTo: Position): boolean {
  return records.length > 0 || comparePositions(next, upTo) >= 0
}

function readTopic(name: string): TopicSet {
  if (name.includes('*')) {
    throw new HubError(
      'PATH_INVALID',
      `History is read topic by topic; got the pattern ${quote(name)}. Name one topic.`,
    )
  }
  return parseTopicSet([name])
}

function readCursor(text: string | undefined): Position | undefined {
  if (text === undefined) return undefined
  const cursor = parseCursor(text)
  if (cursor !== undefined) return cursor.position
  throw new HubError(
    'QUERY_INVALID',
    `after must be a cursor, as in "next" or an event's id; got ${quote(text)}.`,
  )
}

function readLimit(text: string | undefined): number {
  if (text === undefined) return historyRecordsDefault
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= historyRecordsMax) return limit
  throw new HubError(
    'QUERY_INVALID',
    `limit must be 1 to ${historyRecordsMax}; got ${quote(text)}.`,
  )
}

function toJson(record: EventRecord): unknown {
  const { position, time, topic, type, key, data } = record
  return {
    cursor: formatCursor(position),
    time,
    topic,
    type,
    ...(key === undefined ? {} : { key }),
    data,
  }
}
