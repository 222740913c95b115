// The things that a client may do, as `authorize` says.

import type { PresenceData } from '../presence/present-session.ts'
import type { Where } from './read-filter.ts'

/**
 * The things that a client may do. Everything else is refused. A pattern that is asked for must lie within
 * one granted name; several that hold it together do not grant it. A name that people choose must not become
 * part of a pattern: `*` would be everybody's.
 */
export interface Grant {
  /**
   * The user who asks. Without it the request is nobody's in particular: what it may not do is
   * `UNAUTHENTICATED`, else `TOPIC_FORBIDDEN`.
   */
  readonly user?: string | undefined
  /** Topics and patterns that may be subscribed to and read, 1,000 at most. Default: none. */
  readonly subscribe?: readonly string[] | undefined
  /** Topics and patterns that may be published to, 1,000 at most. Default: none. */
  readonly publish?: readonly string[] | undefined
  /**
   * When it ends, in milliseconds since 1970. Its stream is told goodbye then (`expired`), and what is asked
   * for later is `UNAUTHENTICATED`. Default: never.
   */
  readonly expiresAt?: number | undefined
  /**
   * Names of what else the user may, such as `admin`: 100 at most, of 1 to 128 characters each. They stay
   * with the session. Default: none.
   */
  readonly permissions?: readonly string[] | undefined
  /**
   * The tags that an event must have, so that the user gets it: `{ region: 'eu' }`, or several values of
   * which each is as good, `{ region: ['eu', 'us'] }`. An event without the tag is not for the user either.
   * That holds for streams, histories and what is sent to a session. Default: every event of the topics.
   */
  readonly where?: Where | undefined
  /**
   * The facts that the grant rests on, such as the id of a token, to find its sessions by later. They stay
   * with the session, and travel to other nodes: texts, numbers and booleans, 1,024 characters as JSON.
   * Default: none.
   */
  readonly claims?: GrantClaims | undefined
  /**
   * Facts about the user, such as a name, for those who ask for the presence of a topic. Texts, numbers and
   * booleans, 512 characters as JSON. They stay with the session. Default: none.
   */
  readonly presence?: PresenceData | undefined
  /**
   * How long the stream stays open before `authorize` is asked for the same request once more, in
   * milliseconds: 1 s to a day. It is asked up to a fifth earlier, so that streams opened together are not
   * asked about together. Default: never.
   */
  readonly recheckAfterMs?: number | undefined
}

/** See {@link Grant.claims}. */
export type GrantClaims = Readonly<Record<string, boolean | number | string>>
