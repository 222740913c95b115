// An open stream as the application holds it.

import type { PublishInput } from '../publish/new-event.ts'
import type { PresenceData } from '../presence/present-session.ts'
import type { Grant, GrantClaims } from '../request/grant.ts'

/**
 * An event for one session alone. It is in no log: no cursor leads back to it, and no other device of the
 * user gets it.
 */
export interface SessionEvent extends Omit<PublishInput, 'ttlMs'> {
  /**
   * The topic that the event carries, where the stream says topics. Need not be one that the session follows.
   * Default: none.
   */
  readonly topic?: string | undefined
}

/** Other topics for an open session. */
export interface TopicChange {
  /** Topics and patterns to follow from now on. Those it follows already stay as they are. */
  readonly add?: readonly string[] | undefined
  /** Topics and patterns to follow no more, as they were named. Others are passed over. */
  readonly remove?: readonly string[] | undefined
  /**
   * A cursor: what was added is replayed from there before anything else of the stream goes on. Default: from
   * where the stream stands. A cursor ahead of that place counts as that place. A client that is cut before
   * the replay is over comes back into the midst of it.
   */
  readonly from?: string | undefined
  /**
   * The same in the words of a subscription: `now`, `earliest`, `-10` (the last ten of what was added), `5m`,
   * or a cursor. One of `from` and `since`. Default `now`.
   */
  readonly since?: string | undefined
}

/** Where a topic that a session joins begins. */
export interface JoinOptions {
  /** `now`, `earliest`, `-10` (the last ten), `5m`, or a cursor. Default `now`. */
  readonly since?: string | undefined
}

/** The owner of a session. */
export interface SessionOwner {
  /** The user, as the application knows them: 1 to 256 characters. */
  readonly user?: string | undefined
  /**
   * A name by which the session is found, such as a device or a page: 1 to 256 characters. Where the
   * application names none, the client's own choice (`label=`).
   */
  readonly label?: string | undefined
  /**
   * A name by which the application counts or ends sessions together, such as an address: 1 to 256
   * characters. Never the client's choice.
   */
  readonly group?: string | undefined
  /** When the session ends, in milliseconds since 1970. Default: never. */
  readonly expiresAt?: number | undefined
  /**
   * Facts about the user, such as a name, for those who ask for the presence of a topic. Texts, numbers and
   * booleans, 512 characters as JSON. Default: none.
   */
  readonly presence?: PresenceData | undefined
}

/**
 * An open session. All calls take effect in the order in which they were made, between two flushes.
 * A handle may be dropped: it holds nothing open.
 */
export interface SessionHandle {
  /** `<node>.<random>`, as `tidemark.ready` says it. Cannot be guessed. */
  readonly id: string
  readonly user: string | undefined
  readonly label: string | undefined
  readonly group: string | undefined
  /** When it ends, in milliseconds since 1970. Undefined: never, or it has closed. */
  readonly expiresAt: number | undefined
  /** Of its grant; none where the application has chosen the topics. */
  readonly permissions: readonly string[]
  /** The facts that its grant rests on; none where the application has chosen the topics. */
  readonly claims: GrantClaims
  /** Topics and patterns that it follows now. */
  readonly topics: readonly string[]
  /**
   * Resolves when the session has closed, to the reason: that of its `tidemark.bye`, `disconnected`, or
   * `failed` where its sink threw. Never rejects.
   */
  readonly closed: Promise<string>
  /**
   * Writes an event to this session alone. It carries no id, and stands between the events that the stream
   * has got and those that it has not. Resolves to false, and nothing is kept, where the session is closed,
   * its socket takes nothing, or its rate is used up. Before `tidemark.ready` up to 64 KiB of such events
   * wait for it.
   * @throws ServerError `EVENT_…`, `TOPIC_INVALID`, `TOPIC_RESERVED`
   */
  send(event: SessionEvent): Promise<boolean>
  /**
   * Changes what the session follows: without loss and without doubles where it stands. Resolves when it has
   * changed, to false if the session has closed. One that replays added topics takes no others until it is
   * through with them; 16 changes may wait. The stream is told (`tidemark.topics`). From the id of that event
   * on its client comes back to these topics, at any node of the log.
   * @throws ServerError `TOPIC_INVALID`, `TOPIC_SET_INVALID`, `QUERY_INVALID` (for `from` and `since`),
   * `OPTION_INVALID`, `FULL`, `TOPIC_SETS_FULL`, `LOG_UNAVAILABLE`: nothing has changed then
   */
  changeTopics(change: TopicChange): Promise<boolean>
  /**
   * Follows one more topic or pattern: `changeTopics({ add: [topic], since })`.
   * @throws ServerError as `changeTopics`
   */
  join(topic: string, options?: JoinOptions): Promise<boolean>
  /**
   * Follows a topic or pattern no more, as it was named: `changeTopics({ remove: [topic] })`. One that the
   * session does not follow is passed over; the last one stays (`TOPIC_SET_INVALID`).
   * @throws ServerError as `changeTopics`
   */
  leave(topic: string): Promise<boolean>
  /**
   * Moves the end of the session, such as to that of a fresh token. Resolves to false if the session has
   * closed, or closes because the new end has passed: its client is told `expired`.
   * @param expiresAt Milliseconds since 1970; undefined: it never ends by itself.
   * @throws ServerError `OPTION_INVALID`
   */
  setExpiry(expiresAt: number | undefined): Promise<boolean>
  /**
   * Gives the session another grant of the same user, such as that of a fresh token. Its end, permissions and
   * claims take the place of the old ones. Topics that it does not hold leave: the stream is told
   * `tidemark.topics`. If it holds none of them, the stream ends (`forbidden`). Resolves to whether the
   * session is open afterwards. Nobody can be asked about this grant again, so it ends after its
   * `recheckAfterMs`, if it has one.
   * @throws ServerError `GRANT_MISSING` where `authorize` has not granted this session, `USER_DIFFERS`,
   * `UNAUTHENTICATED` for a grant that has ended, `OPTION_INVALID`: nothing has changed then.
   * `LOG_UNAVAILABLE`, `FULL`: topics could not leave, so the stream has ended.
   */
  renew(grant: Grant): Promise<boolean>
  /**
   * Says goodbye and ends the stream; the client comes back by itself after a while. Resolves when that is
   * said.
   * @param reason 1 to 64 of `a-z 0-9 -`. Default `ended`.
   * @throws ServerError `OPTION_INVALID`
   */
  end(reason?: string): Promise<void>
}
