// `GET /presence/{topic}`: who is there, page by page, as JSON.

import { parseTopic } from '@tidemark/log'
import { ServerError } from '@tidemark/server'
import { presenceUsersDefault, presenceUsersMax } from '@tidemark/server/hub'
import { describeRequest } from '@tidemark/server/node'
import { quote } from '@tidemark/wire/values'
import { HubError } from '../errors.ts'
import { decodeTopicPath } from '../topic-path.ts'
import { readQuery } from './query.ts'
import { encodeJson, sendJsonBytes } from './route.ts'
import type { Route } from './route.ts'

/** Answers `{topic, sessions, users, isWhole, next?}`; `next` is `after` of the next page. */
export const readPresence: Route = async ({ request, response, parts, query }, context) => {
  const { tide, unreadAnswers } = context
  const { after, limit } = readQuery(query, ['after', 'limit'])
  const topic = readTopic(decodeTopicPath(parts['topic']))
  const by = describeRequest(request)
  const present = await tide.presence(topic, { after, limit: readLimit(limit), by })
  const bytes = encodeJson(present)
  unreadAnswers.hold(response, bytes.length)
  sendJsonBytes(response, 200, bytes)
}

function readTopic(name: string): string {
  if (name.includes('*')) {
    throw new HubError(
      'PATH_INVALID',
      `Presence is read topic by topic; got the pattern ${quote(name)}. Name one topic.`,
    )
  }
  return parseTopic(name)
}

function readLimit(text: string | undefined): number {
  if (text === undefined) return presenceUsersDefault
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= presenceUsersMax) return limit
  throw new ServerError(
    'QUERY_INVALID',
    `limit must be 1 to ${presenceUsersMax}; got ${quote(text)}.`,
  )
}
