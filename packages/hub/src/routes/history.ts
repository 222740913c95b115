// `GET /topics/{topic}`: what a topic holds, page by page, as JSON.

import { formatCursor, parseCursor, parseTopicSet } from '@tidemark/log'
import type { EventRecord, Position, TopicSet } from '@tidemark/log'
import { quote } from '@tidemark/server'
import { HubError } from '../errors.ts'
import { historyRecordsDefault, historyRecordsMax } from '../limits.ts'
import { decodeTopicPath } from '../topic-path.ts'
import { readQuery } from './query.ts'
import { sendJson } from './route.ts'
import type { Route } from './route.ts'

/** Answers `{records, next, lost?}`; `next` is the cursor to ask on with, equal to the last answer's once all is read. */
export const readHistory: Route = async ({ response, rest, query }, { log }) => {
  const { after, limit } = readQuery(query, ['after', 'limit'])
  const topics = readTopic(decodeTopicPath(rest))
  const { first, head } = await log.bounds()
  const page = await log.read({
    topics,
    after: readCursor(after) ?? first,
    upTo: head,
    limit: readLimit(limit),
  })
  const { lost } = page
  sendJson(response, 200, {
    records: page.records.map(toJson),
    next: formatCursor(page.next),
    // Who named no cursor asked for what there is: what retention removed before is no loss.
    ...(lost === undefined || after === undefined
      ? {}
      : {
          lost: { from: formatCursor(lost.from), to: formatCursor(lost.to), reason: lost.reason },
        }),
  })
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
