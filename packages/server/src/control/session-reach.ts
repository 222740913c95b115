// A session by its id alone, wherever on the log it lives.

import type { RequestFacts } from '../request/authorize.ts'
import type { SessionHandle } from '../session/session-handle.ts'

/** How a session is reached. */
export interface ReachOptions {
  /**
   * The client that asks, as `describeRequest` says: topics that it adds are asked about as at the door (`subscribe`), and what it
   * sends as a publish to the topic that the event names. Default: the application itself.
   */
  readonly by?: RequestFacts | undefined
}

/**
 * A session of this node or of another one of its log. Each call resolves to what the session's own handle resolves to, or rejects with
 * its error. A session of this node is reached at once, others by two records of the log: within some milliseconds.
 *
 * Besides its own errors each call rejects with `SESSION_NOT_FOUND` where the session's node has no such session open, with
 * `SESSION_UNREACHABLE` where that node has not answered for 6 s, with `LOG_UNAVAILABLE`, and with `FULL` where too many wait. A node that
 * is gone cannot be told from one that is slow. What was asked for is done at most once, and not after 5 s.
 */
export interface SessionReach extends Pick<
  SessionHandle,
  'id' | 'send' | 'changeTopics' | 'end'
> {}
