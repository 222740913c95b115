// The topics of a stream as its application chooses them.

import { ServerError } from '../errors.ts'
import { quoteValue } from '@tidemark/wire/values'
import { readList } from '../read-members.ts'
import type { SessionOwner } from '../session/session-handle.ts'
import { readOwner } from './session-owner.ts'

/** What an application may say of a stream that it opens for a client. */
export interface TopicChoice {
  /**
   * Topics and patterns, 1 to 1,000. The client has no say in them: `authorize` is not asked, `topic` and `topics` in the URL are the
   * application's own parameters, and the body of a POST is not read. The client still says where it resumes and how events look
   * (`Last-Event-ID`, `since`, `framing`, `fields`, `event`, `eventsPerSecondMax`). Default: the client chooses, as far as
   * `authorize` lets it. Put ids into them, never names that people choose: `*` would be everybody's.
   */
  readonly topics?: readonly string[] | undefined
  /** Who is behind the stream, where the application chooses the topics; else the grant of `authorize` says so. Default: nobody in particular. */
  readonly user?: string | undefined
  /** What else the session is found by, such as a device: 1 to 256 characters. Default: nothing. */
  readonly label?: string | undefined
  /** When the stream ends, as `Date.now()` counts; the client is told `expired`. Only with `topics`. Default: never. */
  readonly expiresAt?: number | undefined
  /**
   * Where a client begins that brings no cursor and no `since` of its own: `now`, `earliest`, `-10` (the last ten), `5m`. Only with
   * `topics`. Default `now`.
   */
  readonly since?: string | undefined
}

/** A choice that was made. */
export interface ChosenTopics {
  readonly topics: readonly string[]
  readonly owner: SessionOwner
  readonly since: string | undefined
}

/**
 * Reads the choice of an application; undefined: it leaves the topics to the client.
 * @throws ServerError `OPTION_INVALID`
 */
export function readChoice({
  topics,
  user,
  expiresAt,
  since,
}: TopicChoice): ChosenTopics | undefined {
  requireText('since', since)
  if (topics !== undefined) {
    const names = readList(topics, { code: 'OPTION_INVALID', what: 'topics of a stream' })
    if (names.every((name) => typeof name === 'string'))
      return { topics: names, owner: readOwner({ user, expiresAt }), since }
    throw new ServerError(
      'OPTION_INVALID',
      `topics must be an array of topics and patterns; got ${quoteValue(topics)}.`,
    )
  }
  const isAlone = [user, expiresAt, since].every((value) => value === undefined)
  if (isAlone) return undefined
  throw new ServerError(
    'OPTION_INVALID',
    'user, expiresAt and since go with topics. Where the client chooses the topics, the grant of authorize names the user.',
  )
}

function requireText(name: string, value: string | undefined): void {
  if (value === undefined || (typeof value === 'string' && value !== '')) return
  throw new ServerError(
    'OPTION_INVALID',
    `${name} must be a text that is not empty; got ${quoteValue(value)}.`,
  )
}
