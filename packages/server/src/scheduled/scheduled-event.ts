// An event that is published later, as callers see it and as the ledger keeps it.

import type { EventTags, LedgerCodec, NewEvent } from '@tidemark/log'
import type { PublishInput } from '../publish/new-event.ts'
import type { RequestFacts } from '../request/authorize.ts'

/** An event that the log keeps until it is due. */
export interface ScheduledEvent {
  /** Names it: to look at it and to cancel it. */
  readonly id: string
  /** When it is published, in milliseconds since 1970. */
  readonly at: number
  readonly topic: string
  readonly type: string | undefined
  readonly key?: string
  readonly tags?: EventTags
  /** Only those whose grant has it get the event. */
  readonly permission?: string
  /** Its life, from the time it is published. */
  readonly ttlMs?: number
  readonly data: string
}

/** When an event is published: one of the two. */
export interface ScheduleOptions {
  /** Milliseconds since 1970, up to 366 days ahead. A time that has passed: at once. */
  readonly at?: number | undefined
  /** Milliseconds from now, up to 366 days. */
  readonly delayMs?: number | undefined
  /**
   * A second call with the same key, event and `at` schedules nothing and gets the first one's id. Not with
   * `delayMs`, which names another moment with each call.
   */
  readonly idempotencyKey?: string | undefined
  /**
   * The client that schedules, as `describeRequest` says: `authorize` is asked whether it may publish. It is
   * not asked again when the event is due. Default: the application itself.
   */
  readonly by?: RequestFacts | undefined
}

/** Options of a look at a scheduled event. */
export interface ScheduledOptions {
  /**
   * The client that asks: it must be granted to publish to the topic. An event that a user has scheduled is
   * for that user alone, and for clients with the permission `admin`. Default: the application itself.
   */
  readonly by?: RequestFacts | undefined
}

/** Which of the events that wait, and how many. */
export interface ScheduledQuery extends ScheduledOptions {
  /** The `next` of the page before. Default: from the one that is due first. */
  readonly after?: string | undefined
  /** Events of the page, 1 to 1,000. Default 100. */
  readonly limit?: number | undefined
}

/** An event that waits, without its data: `find` has that. */
export type ListedEvent = Omit<ScheduledEvent, 'data'>

/** Some of the events that wait, those that are due first in front. */
export interface ScheduledPage {
  readonly scheduled: readonly ListedEvent[]
  /** `after` of the next page; absent: there are no more. */
  readonly next?: string
}

/** Events that are published later, of all nodes of the log. */
export interface TideSchedule {
  /**
   * Schedules an event. It is published once, at its time, over restarts and by whichever node is there.
   * @throws ServerError for an event that breaks the rules, `SCHEDULE_INVALID`, `SCHEDULE_FULL`,
   * `LOG_UNAVAILABLE`; with `by` also `UNAUTHENTICATED` and `TOPIC_FORBIDDEN`
   */
  add(topic: string, input: PublishInput, options: ScheduleOptions): Promise<ScheduledEvent>
  /**
   * The event of an id, while it is not yet published.
   * @throws ServerError `SCHEDULED_NOT_FOUND`, `LOG_UNAVAILABLE`; with `by` also `UNAUTHENTICATED`,
   * `TOPIC_FORBIDDEN` and `USER_DIFFERS`
   */
  find(id: string, options?: ScheduledOptions): Promise<ScheduledEvent>
  /**
   * The events that wait, by when they are due. With `by` those of its user, and all for clients with the
   * permission `admin`.
   * @throws ServerError `QUERY_INVALID`, `LOG_UNAVAILABLE`; with `by` also `UNAUTHENTICATED`
   *
   * @example
   * ```ts
   * const { scheduled } = await tide.schedule.list()
   * ```
   */
  list(query?: ScheduledQuery): Promise<ScheduledPage>
  /**
   * Sees to it that an event is not published. Resolves when that is sure.
   * @throws ServerError as `find`: `SCHEDULED_NOT_FOUND` also where it was published meanwhile
   */
  cancel(id: string, options?: ScheduledOptions): Promise<void>
}

/** The entry of an event in the ledger. */
export interface Entry {
  readonly at: number
  /** The user who scheduled it; undefined: the application, or a client without a name. */
  readonly user: string | undefined
  readonly event: NewEvent
}

/** An entry as one text. A version that finds more in it than it knows leaves the rest alone. */
export const entryCodec: LedgerCodec<Entry> = {
  encode: ({ at, user, event }) => JSON.stringify({ at, user, event }),
  decode(text) {
    const { at, user, event } = JSON.parse(text) as Entry
    if (typeof at === 'number' && typeof event?.topic === 'string') return { at, user, event }
    throw new Error(`not an event to publish later: ${text.slice(0, 100)}`)
  },
}

export function describeEntry(id: string, { at, event }: Entry): ScheduledEvent {
  const { topic, type, key, tags, permission, ttlMs, data } = event
  return {
    id,
    at,
    topic,
    type,
    ...(key === undefined ? {} : { key }),
    ...(tags === undefined ? {} : { tags }),
    ...(permission === undefined ? {} : { permission }),
    ...(ttlMs === undefined ? {} : { ttlMs }),
    data,
  }
}
