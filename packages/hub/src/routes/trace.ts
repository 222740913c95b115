// `GET /admin/trace`: why a session got an event, or did not.

import { readQuery } from './query.ts'
import { sendJson } from './route.ts'
import type { Route } from './route.ts'

/** Answers for the event of a cursor and a session of any node; a session may have closed lately. */
export const traceEvent: Route = async ({ response, query }, { tide }) => {
  const { event = '', session = '' } = readQuery(query, ['event', 'session'])
  sendJson(response, 200, await tide.trace({ event, session }))
}
