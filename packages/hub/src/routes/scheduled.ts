// `/scheduled/{id}`: an event that waits to be published.

import { describeRequest } from '@tidemark/server/node'
import { readQuery } from './query.ts'
import { sendJson, sendNothing } from './route.ts'
import type { Route } from './route.ts'

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
export const scheduledRoutes: Readonly<Record<'cancel' | 'show', Route>> = { cancel, show }
