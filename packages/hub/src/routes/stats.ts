// `GET /stats`: what the hub has counted, all of its processes together, as JSON.

import { readQuery } from './query.ts'
import { sendJson } from './route.ts'
import type { Route } from './route.ts'

/** Answers with `NodeStats` of `@tidemark/server`. */
export const answerStats: Route = async ({ response, query }, { stats }) => {
  readQuery(query, [])
  sendJson(response, 200, await stats.read())
}
