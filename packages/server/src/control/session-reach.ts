// A session by its id alone, wherever on the log it lives.

import type { RequestFacts } from '../request/authorize.ts'
import type { SessionHandle } from '../session/session-handle.ts'

/** How a session is reached. */
export interface ReachOptions {
  /**
   * The client that asks, as `describeRequest` says. `authorize` is asked about topics that it adds
   * (`subscribe`), and about the topic that an event of it names (`publish`). Of an event without a topic it
   * is asked about none. The session of a user obeys requests of that user, and those with the permission
   * `admin`. Default: the application.
   */
  readonly by?: RequestFacts | undefined
}

/**
 * A session of this node or of another one of its log. Each call resolves to what the session's own handle
 * resolves to, or rejects with its error. A session of another node is reached by two records of the log.
 *
 * A call is done at most once, and not later than 5 s after it was made. Calls reject with:
 *
 * - `SESSION_NOT_FOUND`: the session's node has no such session open.
 * - `USER_DIFFERS`, `UNAUTHENTICATED`: with `by`, where the session is of another user than the request.
 * - `SESSION_UNREACHABLE`: that node has not answered for 6 s. It is gone or slow, and these two look the
 *   same. The call may have been done.
 * - `LOG_UNAVAILABLE`, and `FULL` where too many calls wait.
 *
 * The deadline is by the clocks of the machines, which must agree to about a second.
 */
export interface SessionReach extends Pick<
  SessionHandle,
  'id' | 'send' | 'changeTopics' | 'join' | 'leave' | 'end'
> {
  /**
   * Gives the session the grant of another request of its user, such as one with a fresh token: see `renew`
   * of {@link SessionHandle}. `authorize` is asked here for that request, with the action `subscribe` and no
   * topics. The grant travels to the session's node, and nothing of the request does.
   * @throws ServerError as `renew` of a handle, and what `authorize` throws
   */
  renew(options: RenewOptions): Promise<boolean>
}

/** How a session is given another grant. */
export interface RenewOptions {
  /** The request that brings it, as `describeRequest` says. */
  readonly by: RequestFacts
}
