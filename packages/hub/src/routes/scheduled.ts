// `/scheduled/{id}`: an event that waits to be published.

import { scheduledListedDefault, scheduledListedMax } from '@tidemark/server/hub'
import { describeRequest } from '@tidemark/server/node'
import { readQuery } from './query.ts'
import { encodeJson, sendJson, sendJsonBytes, sendNothing } from './route.ts'
import type { Route } from './route.ts'
import { readLimit } from './topic-page.ts'

/** Answers `{scheduled, next?}`; `next` is `after` of the next page. */
const list: Route = async ({ request, response, query }, { tide, unreadAnswers }) => {
  const { after, limit } = readQuery(query, ['after', 'limit'])
  const page = await tide.schedule.list({
    after,
    limit: readLimit(limit, { otherwise: scheduledListedDefault, max: scheduledListedMax }),
    by: describeRequest(request),
  })
  const bytes = encodeJson(page)
  unreadAnswers.hold(response, bytes.length)
  sendJsonBytes(response, 200, bytes)
}

const show: Route = async ({ request, response, parts, query }, { tide }) => {
  readQuery(query, [])
  const by = describeRequest(request)
  sendJson(response, 200, await tide.schedule.find(parts['id'] ?? '', { by }))
}

const cancel: Route = async ({ request, response, parts, query }, { tide }) => {
  readQuery(query, [])
  await tide.schedule.cancel(parts['id'] ?? '', { by: describeRequest(request) })
  sendNothing(response)
}

/** The routes of events that are published later. */
export const scheduledRoutes: Readonly<Record<'cancel' | 'list' | 'show', Route>> = {
  cancel,
  list,
  show,
}
