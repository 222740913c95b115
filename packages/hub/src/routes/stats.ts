// `GET /stats`: what the hub has counted, all of its processes together, as JSON.

import { describeRequest } from '@tidemark/server/node'
import { readQuery } from './query.ts'
import { sendJson } from './route.ts'
import type { Route } from './route.ts'

/** Answers with `NodeStats` of `@tidemark/server`, to those who may run the hub. */
export const answerStats: Route = async ({ request, response, query }, { stats, tide }) => {
  readQuery(query, [])
  await tide.requirePermission(describeRequest(request), 'admin')
  sendJson(response, 200, await stats.read())
}
