// The answer to the question who is in a topic.

import { parseTopic } from '@tidemark/log'
import type { Topic } from '@tidemark/log'
import { quote, quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import type { NodeSettings } from '../node-settings.ts'
import { readMembers } from '../read-members.ts'
import { wrapLogError } from '../refusal/log-faults.ts'
import { plainRequest } from '../request/authorize.ts'
import type { RequestFacts } from '../request/authorize.ts'
import type { Grant } from '../request/grant.ts'
import { filterOfWhere } from '../request/read-filter.ts'
import { requireUnreserved } from '../request/reserved-topics.ts'
import { presenceUsersDefault, presenceUsersMax } from './limits.ts'
import type { PresentUser, UsersPage } from './presence-index.ts'
import type { PresenceRules } from './presence-rules.ts'

export interface PresenceQuery {
  /** Users whose names come after this one: `next` of the page before. Default: from the first. */
  readonly after?: string | undefined
  /** Users at most, 1 to 1,000. Default 100. */
  readonly limit?: number | undefined
  /**
   * The client that asks, as `describeRequest` says: `authorize` is asked whether it may read the topic.
   * Default: the application itself.
   */
  readonly by?: RequestFacts | undefined
}

/** Those who are in a topic: whose streams follow it by its name, on all nodes of the log. */
export interface TopicPresent {
  readonly topic: string
  /** All open sessions, those of nobody in particular too. */
  readonly sessions: number
  /** In the order of their names. */
  readonly users: readonly PresentUser[]
  /** Where users follow: `after` of the next page. */
  readonly next?: string
  /**
   * False in the first moments of a node, and while a node that has died may still be there. Then some may be
   * missing.
   */
  readonly isWhole: boolean
}

/** The presence of a node, as it answers from. */
interface KnownPresence {
  readonly rules: PresenceRules
  /** Whether the sessions of all nodes are known. */
  readonly isWhole: boolean
  /** Waits for that, for a moment. */
  untilWhole(): Promise<void>
  /** Undefined while the node knows nobody. */
  page(topic: Topic, after: string | undefined, limit: number): UsersPage | undefined
}

/** Reads a page. Errors: see {@link Tidemark.presence}. */
export async function readPresence(
  settings: Pick<NodeSettings, 'permit'>,
  presence: KnownPresence,
  { topic: name, query }: { readonly topic: string; readonly query: PresenceQuery },
): Promise<TopicPresent> {
  const { by, ...given } = readMembers(query, ['after', 'limit', 'by'], {
    code: 'OPTION_INVALID',
    what: 'The query of presence',
  })
  const topic = checkTopic(name)
  const after = checkAfter(given.after)
  const limit = checkLimit(given.limit)
  if (by !== undefined) {
    if (settings.permit === undefined) requireUnreserved([topic])
    else requireWhole(await settings.permit.ask(plainRequest(by, 'read', [topic])), topic)
  }
  if (presence.rules.find(topic) === 'off') {
    throw new ServerError(
      'PRESENCE_OFF',
      `Nobody keeps who is in ${quote(topic)}. Add a presence rule whose pattern matches it.`,
    )
  }
  await presence.untilWhole()
  const page = presence.page(topic, after, limit)
  if (page === undefined) {
    throw new ServerError(
      'LOG_UNAVAILABLE',
      'This node could not read yet which other nodes are there. Try again.',
    )
  }
  const { sessions, users, hasMore } = page
  const next = hasMore ? users.at(-1)?.user : undefined
  const { isWhole } = presence
  return { topic, sessions, users, ...(next === undefined ? {} : { next }), isWhole }
}

/** Present users have no tags. A reader of some tags gets none of them, as it gets no event without tags. */
function requireWhole({ where }: Grant, topic: Topic): void {
  if (filterOfWhere(where) === undefined) return
  throw new ServerError(
    'TOPIC_FORBIDDEN',
    `The grant shows events by their tags (where), and who is in ${quote(topic)} has none. Ask with a grant without where.`,
  )
}

function checkTopic(topic: string = ''): Topic {
  try {
    return parseTopic(topic)
  } catch (error) {
    return wrapLogError(error)
  }
}

function checkAfter(after: string | undefined): string | undefined {
  if (after === undefined || typeof after === 'string') return after
  throw new ServerError(
    'QUERY_INVALID',
    `after must be the name of a user, as in "next"; got ${quoteValue(after)}.`,
  )
}

function checkLimit(limit: number = presenceUsersDefault): number {
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= presenceUsersMax) return limit
  throw new ServerError(
    'QUERY_INVALID',
    `limit must be 1 to ${presenceUsersMax}; got ${quoteValue(limit)}.`,
  )
}
