// The consumers of one user, for those who look after them: listed, set back, deleted.

import { formatCursor, parseCursor, parseTopicSet } from '@tidemark/log'
import type { Clock, EventLog, Position } from '@tidemark/log'
import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { readMembers } from '../read-members.ts'
import { wrapLogError } from '../refusal/log-faults.ts'
import { plainRequest } from '../request/authorize.ts'
import type { Permit, RequestFacts } from '../request/authorize.ts'
import { parseSince } from '../request/start-at.ts'
import { consumerKey } from './consumer-entry.ts'
import type { ConsumerEntry } from './consumer-entry.ts'
import { requireConsumerName } from './consumer-name.ts'

/** Whose consumers are meant. */
export interface ConsumersOf {
  /** Default: the user of `by`. */
  readonly user?: string | undefined
  /**
   * The request of a client that asks. `authorize` says of which user it is. Consumers of another user take
   * the permission `admin`. Default: the application asks, and may everything.
   */
  readonly by?: RequestFacts | undefined
}

/** A consumer as it is kept. */
export interface ConsumerState {
  readonly name: string
  /** Known to have been read up to here; its next stream goes on behind it. */
  readonly cursor: string
  /** When its place was written last, in milliseconds since 1970. */
  readonly seenAt: number
}

/** A new place for a consumer: one of both. */
export interface ConsumerPlace {
  /** A cursor of this log. */
  readonly cursor?: string | undefined
  /** `now`, `earliest`, or a duration back from now such as `7d`. */
  readonly since?: string | undefined
}

/** The consumers of one user, on all nodes of a log. */
export interface UserConsumers {
  /**
   * All of them, the one that was written longest ago first.
   * @throws ServerError `UNAUTHENTICATED`, `USER_DIFFERS`, `LOG_UNAVAILABLE`, `OPTION_INVALID`
   */
  list(): Promise<readonly ConsumerState[]>
  /**
   * Sets a consumer back, or ahead. A stream that is open as this consumer ends (`replaced`).
   * @throws as `list`, and `CONSUMER_INVALID`, `CONSUMERS_FULL`
   *
   * @example
   * ```ts
   * await tide.consumers({ user: 'ada' }).reset('phone', { since: '7d' })
   * ```
   */
  reset(name: string, place: ConsumerPlace): Promise<ConsumerState>
  /**
   * Deletes a consumer. A stream that is open as this consumer goes on, and its place is kept no more.
   * @throws as `list`, and `CONSUMER_INVALID`, `CONSUMER_UNKNOWN`
   */
  delete(name: string): Promise<void>
}

/** The parts of a node that consumers are looked after with. */
interface Settings {
  readonly log: EventLog
  /** Undefined: everybody may everything. */
  readonly permit: Permit | undefined
  readonly clock: Pick<Clock, 'now'>
}

/** The consumers of all users, as the log holds them now. */
export interface ConsumerTable {
  list(user: string): Promise<readonly ConsumerEntry[]>
  find(user: string, name: string): Promise<ConsumerEntry | undefined>
  write(key: string, entry: ConsumerEntry): Promise<void>
  /** Resolves to whether there was one. */
  delete(key: string): Promise<boolean>
}

/**
 * The consumers of a user at a node.
 * @throws ServerError `OPTION_INVALID`
 */
export function consumersOf(
  consumers: ConsumerTable,
  settings: Settings,
  given: ConsumersOf,
): UserConsumers {
  const wanted = { code: 'OPTION_INVALID', what: 'Whose consumers are meant' } as const
  const { user, by } = readMembers(given, ['user', 'by'], wanted)
  if (user !== undefined ? typeof user !== 'string' || user === '' : by === undefined) {
    throw new ServerError(
      // A client may have asked.
      by === undefined ? 'OPTION_INVALID' : 'CONSUMER_INVALID',
      `Consumers are those of a user, such as tide.consumers({ user: 'ada' }); got ${quoteValue(user)}.`,
    )
  }
  const findUser = (): Promise<string> => findOwner({ user, by }, settings.permit)
  const describe = ({ name, position, seenAt }: ConsumerEntry): ConsumerState => ({
    name,
    cursor: formatCursor(position),
    seenAt,
  })
  return {
    async list() {
      const owner = await findUser()
      const entries = await consumers.list(owner)
      return entries.map((entry) => describe(entry))
    },
    async reset(name, place) {
      requireConsumerName(name)
      const owner = await findUser()
      const position = await findPlace(place, settings.log)
      const before = await consumers.find(owner, name)
      const entry: ConsumerEntry = {
        user: owner,
        name,
        position,
        session: undefined,
        turn: (before?.turn ?? 0) + 1,
        seenAt: settings.clock.now(),
      }
      await consumers.write(await consumerKey(owner, name), entry)
      return describe(entry)
    },
    async delete(name) {
      requireConsumerName(name)
      const owner = await findUser()
      if (await consumers.delete(await consumerKey(owner, name))) return
      throw new ServerError(
        'CONSUMER_UNKNOWN',
        `There is no consumer ${quoteValue(name)} of this user. List those that there are.`,
      )
    },
  }
}

/** The user whose consumers a request may see and change. */
async function findOwner({ user, by }: ConsumersOf, permit: Permit | undefined): Promise<string> {
  if (by === undefined) return user ?? ''
  const grant = await permit?.review(plainRequest(by, 'subscribe', []))
  const isAdmin = permit === undefined || grant?.permissions?.includes('admin') === true
  const own = grant?.user
  if (user === undefined || user === own) {
    if (own !== undefined) return own
  } else if (isAdmin) return user
  if (own === undefined) {
    throw new ServerError(
      'UNAUTHENTICATED',
      'Consumers belong to users, and the request is of nobody in particular. Sign in, and send the credentials along.',
    )
  }
  throw new ServerError(
    'USER_DIFFERS',
    'These are consumers of another user than that of the request. Leave `user` out, or ask with the permission "admin".',
  )
}

async function findPlace(given: ConsumerPlace, log: EventLog): Promise<Position> {
  const wanted = { code: 'CONSUMER_INVALID', what: 'The new place of a consumer' } as const
  const { cursor, since } = readMembers(given, ['cursor', 'since'], wanted)
  if ((cursor === undefined) === (since === undefined))
    throw invalid('either { cursor } or { since }', given)
  if (cursor !== undefined) {
    const parsed = typeof cursor === 'string' ? parseCursor(cursor) : undefined
    if (parsed === undefined || parsed.parts.size > 0) throw invalid('a cursor of this log', cursor)
    return parsed.position
  }
  const place = readSince(since)
  // A consumer has no topics of its own, so there are no last ten events of it.
  if (place === undefined || place.kind === 'last')
    throw invalid('now, earliest or a duration such as 7d', since)
  if (place.kind === 'now') return (await log.bounds().catch(wrapLogError)).head
  const topics = parseTopicSet(['**'])
  return log.locate({ topics, since: place }).catch(wrapLogError)
}

function readSince(since: unknown): ReturnType<typeof parseSince> | undefined {
  try {
    return typeof since === 'string' ? parseSince(since) : undefined
  } catch {
    return undefined
  }
}

function invalid(wanted: string, got: unknown): ServerError {
  return new ServerError(
    'CONSUMER_INVALID',
    `The new place of a consumer is ${wanted}; got ${quoteValue(got)}.`,
  )
}
