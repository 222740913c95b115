// The parts of a request for a page about one topic: which topic, and how long the page may be.

import { parseTopic } from '@tidemark/log'
import type { Topic } from '@tidemark/log'
import { ServerError } from '@tidemark/server'
import { quote } from '@tidemark/wire/values'
import { HubError } from '../errors.ts'
import { decodeTopicPath } from '../topic-path.ts'

/**
 * The topic of a path.
 * @param what begins the refusal of a pattern: `History`
 * @throws HubError `PATH_INVALID`; LogError `TOPIC_INVALID`
 */
export function readTopic(path: string | undefined, what: string): Topic {
  const name = decodeTopicPath(path)
  if (!name.includes('*')) return parseTopic(name)
  throw new HubError(
    'PATH_INVALID',
    `${what} is read topic by topic; got the pattern ${quote(name)}. Name one topic.`,
  )
}

/** @throws ServerError `QUERY_INVALID` */
export function readLimit(
  text: string | undefined,
  { otherwise, max }: { readonly otherwise: number; readonly max: number },
): number {
  if (text === undefined) return otherwise
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= max) return limit
  throw new ServerError('QUERY_INVALID', `limit must be 1 to ${max}; got ${quote(text)}.`)
}
