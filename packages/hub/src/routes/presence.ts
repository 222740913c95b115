// `GET /presence/{topic}`: who is there, page by page, as JSON.

import { presenceUsersDefault, presenceUsersMax } from '@tidemark/server/hub'
import { describeRequest } from '@tidemark/server/node'
import { readQuery } from './query.ts'
import { encodeJson, sendJsonBytes } from './route.ts'
import type { Route } from './route.ts'
import { readLimit, readTopic } from './topic-page.ts'

/** Answers `{topic, sessions, users, isWhole, next?}`; `next` is `after` of the next page. */
export const readPresence: Route = async ({ request, response, parts, query }, context) => {
  const { tide, unreadAnswers } = context
  const { after, limit } = readQuery(query, ['after', 'limit'])
  const topic = readTopic(parts['topic'], 'Presence')
  const by = describeRequest(request)
  const present = await tide.presence(topic, {
    after,
    limit: readLimit(limit, { otherwise: presenceUsersDefault, max: presenceUsersMax }),
    by,
  })
  const bytes = encodeJson(present)
  unreadAnswers.hold(response, bytes.length)
  sendJsonBytes(response, 200, bytes)
}
