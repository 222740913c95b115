// The topics of a stream as its application chooses them.

import { parseTopicSet } from '@tidemark/log'
import type { TopicSet } from '@tidemark/log'
import { ServerError } from '../errors.ts'
import { quoteValue } from '@tidemark/wire/values'
import type { PresenceData } from '../presence/present-session.ts'
import { readList } from '../read-members.ts'
import type { SessionOwner } from '../session/session-handle.ts'
import { readOwner } from './session-owner.ts'
import { parseSince } from './start-at.ts'
import type { SinceOrNow } from './start-at.ts'

/** The options of an application for a stream that it opens for a client. */
export interface TopicChoice {
  /**
   * Topics and patterns, 1 to 1,000. The client has no say in them: `authorize` is not asked, and the body of
   * a POST is not read. `topic` and `topics` in the URL are the application's own parameters. The client
   * still says where it resumes, how events look and which it wants (`Last-Event-ID`, `since`, `framing`,
   * `fields`, `event`, `eventsPerSecondMax`, `types`, `keys`, `where`). Default: the client chooses, as far
   * as `authorize` lets it. Put ids into them, never names that people choose: `*` would be everybody's.
   */
  readonly topics?: readonly string[] | undefined
  /**
   * The user behind the stream, where the application chooses the topics. Else the grant of `authorize` names
   * the user. Default: nobody in particular.
   */
  readonly user?: string | undefined
  /**
   * Another name by which the session is found, such as a device: 1 to 256 characters. Default: the `label=`
   * of a client that chooses its topics.
   */
  readonly label?: string | undefined
  /**
   * A name by which the application counts or ends sessions together, such as an address: 1 to 256
   * characters. Default: nothing.
   */
  readonly group?: string | undefined
  /**
   * When the stream ends, as `Date.now()` counts; the client is told `expired`. Only with `topics`. Default:
   * never.
   */
  readonly expiresAt?: number | undefined
  /**
   * Facts about the user, such as a name, for those who ask for the presence of a topic. Texts, numbers and
   * booleans, 512 characters as JSON. Only with `topics`. Default: none.
   */
  readonly presence?: PresenceData | undefined
  /**
   * Where a client begins that brings no cursor and no `since` of its own: `now`, `earliest`, `-10` (the last
   * ten), `5m`. Only with `topics`. Default `now`.
   */
  readonly since?: string | undefined
  /**
   * Called when it is known whom the stream is for, before it opens, such as to count the streams of a user.
   * To refuse it, throw a `ServerError`. Default: nothing.
   */
  readonly admit?: ((owner: { readonly user: string | undefined }) => unknown) | undefined
}

/** The options of every door. */
export const choiceNames = [
  'topics',
  'user',
  'label',
  'group',
  'expiresAt',
  'presence',
  'since',
  'unknownParameters',
  'admit',
] as const

/** A choice that was made. */
export interface ChosenTopics {
  readonly topics: TopicSet
  readonly owner: SessionOwner
  readonly since: SinceOrNow | undefined
}

/**
 * Reads the choice of an application; undefined: it leaves the topics to the client. A mistake in it is the
 * application's, whatever the client has sent.
 * @throws ServerError `OPTION_INVALID`
 */
export function readChoice({
  topics,
  user,
  expiresAt,
  presence,
  since,
  admit,
}: TopicChoice): ChosenTopics | undefined {
  if (admit !== undefined && typeof admit !== 'function')
    throw invalid('admit of a stream is a function', admit)
  if (topics !== undefined)
    return {
      topics: readTopics(topics),
      owner: readOwner({ user, expiresAt, presence }),
      since: readSince(since),
    }
  const isAlone = [user, expiresAt, since, presence].every((value) => value === undefined)
  if (isAlone) return undefined
  throw new ServerError(
    'OPTION_INVALID',
    'user, expiresAt, presence and since go with topics. Where the client chooses the topics, the grant of authorize names the user.',
  )
}

function readTopics(topics: readonly string[]): TopicSet {
  const names = readList(topics, { code: 'OPTION_INVALID', what: 'topics of a stream' })
  try {
    return parseTopicSet(names)
  } catch (cause) {
    throw invalid(`topics of a stream are 1 to 1,000 topics and patterns`, topics, cause)
  }
}

function readSince(since: string | undefined): SinceOrNow | undefined {
  if (since === undefined) return undefined
  const wanted = 'since of a stream is now, earliest, -10 (the last ten) or a duration such as 5m'
  if (typeof since !== 'string') throw invalid(wanted, since)
  try {
    return parseSince(since)
  } catch (cause) {
    throw invalid(wanted, since, cause)
  }
}

function invalid(wanted: string, got: unknown, cause?: unknown): ServerError {
  const why = cause instanceof Error ? ` ${cause.message}` : ''
  return new ServerError('OPTION_INVALID', `${wanted}; got ${quoteValue(got)}.${why}`, { cause })
}
