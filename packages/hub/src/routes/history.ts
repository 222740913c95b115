// `GET /topics/{topic}`: what a topic holds, page by page, as JSON.

import type { HistoryQuery } from '@tidemark/server'
import {
  carrierOf,
  historyRecordsDefault,
  historyRecordsMax,
  sendAnswer,
} from '@tidemark/server/hub'
import { describeRequest } from '@tidemark/server/node'
import { readQuery } from './query.ts'
import { encodeJson, sendJsonBytes } from './route.ts'
import type { Route } from './route.ts'
import { readLimit, readTopic } from './topic-page.ts'

/** The header that says the cursor of the newest event. */
const cursorHeader = 'Tidemark-Cursor'

/** Answers with the head alone: where a stream begins that follows what is read next. */
export const readHead: Route = async ({ request, response, parts, query }, { tide }) => {
  readQuery(query, ['after', 'limit'])
  const topic = readTopic(parts['topic'], 'History')
  const cursor = await tide.cursor(topic, { by: describeRequest(request) })
  const headers = {
    'Content-Type': 'application/json',
    'Cache-Control': 'no-store',
    [cursorHeader]: cursor,
  }
  sendAnswer(response, { status: 200, headers, body: new Uint8Array() })
}

/**
 * Answers `{records, next, lost?}`; `next` is the cursor to ask on with, equal to the last answer's
 * once all is read.
 */
export const readHistory: Route = ({ request, response, parts, query }, context) => {
  const { tide, unreadAnswers, historyReads } = context
  const { after, limit } = readQuery(query, ['after', 'limit'])
  const wanted: HistoryQuery = {
    topic: readTopic(parts['topic'], 'History'),
    after,
    limit: readLimit(limit, { otherwise: historyRecordsDefault, max: historyRecordsMax }),
    by: describeRequest(request),
  }
  // In line only once it is allowed: an application that is slow to answer must not keep others from reading.
  return tide.history(wanted, (read) =>
    historyReads.run(async () => {
      // Its client may have left while it waited in line.
      if (carrierOf(request).destroyed) return
      const { head, ...page } = await read()
      const bytes = encodeJson(page)
      unreadAnswers.hold(response, bytes.length)
      response.setHeader(cursorHeader, head)
      sendJsonBytes(response, 200, bytes)
    }),
  )
}
