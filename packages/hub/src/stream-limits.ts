// How many streams a user and an address may have open, how often they may open one, and for how long.

import { AccessError } from '@tidemark/access'
import { StreamRate, UserSessions, countingKey, rateLimited } from '@tidemark/access/hub'
import type { HubCounts, IpAddress } from '@tidemark/access/hub'
import type { Clock, EventLog } from '@tidemark/log'
import type { Authorize, NodeObserver, SessionHandle, Tidemark } from '@tidemark/server'
import { CodedError, DueTimes, carrierOf, refuse } from '@tidemark/server/hub'
import type { NodeRequest, NodeResponse } from '@tidemark/server/node'
import type { HubConfig } from './config/hub-config.ts'
import { sessionAgeSpreadShare } from './config/limits.ts'

export interface StreamLimitsOptions {
  readonly limits: HubConfig['limits']
  readonly counts: HubCounts
  readonly clock: Clock
  /** Uniform in [0, 1). */
  readonly random: () => number
}

/** The options that limits add to those of a stream. */
export interface LimitOptions {
  readonly group?: string | undefined
  readonly admit?: ((owner: { readonly user: string | undefined }) => Promise<void>) | undefined
}

interface Asked {
  readonly request: NodeRequest
  readonly response: NodeResponse
  readonly address: IpAddress | undefined
}

/** The limits of one process of a hub. */
export class StreamLimits {
  readonly #options: StreamLimitsOptions
  readonly #rate: StreamRate | undefined
  readonly #ages: DueTimes<SessionHandle>
  #users: UserSessions | undefined

  constructor(options: StreamLimitsOptions) {
    this.#options = options
    const { limits, counts, clock } = options
    const { streamsPerAddress, slowDownAfter } = limits
    if (streamsPerAddress !== undefined || slowDownAfter !== undefined)
      this.#rate = new StreamRate({ counts, slowAfter: slowDownAfter, clock })
    this.#ages = new DueTimes(clock, (session) => void session.end('max-age'))
  }

  /** Told of sessions by the node; undefined where nothing is kept of them. */
  get observer(): NodeObserver | undefined {
    if (this.#options.limits.sessionsPerUser === 'none') return undefined
    return {
      opened: ({ sessionId, user }) => user !== undefined && this.#users?.opened(sessionId, user),
      closed: ({ sessionId }) => this.#users?.closed(sessionId),
    }
  }

  /** Counts what users publish, where that has a limit. */
  limitPublishes(authorize: Authorize | 'everyone'): Authorize | 'everyone' {
    const { limits, counts } = this.#options
    const { publishesPerUser } = limits
    // Where nobody asks who is there, nobody is a user.
    if (publishesPerUser === undefined || authorize === 'everyone') return authorize
    return async (request) => {
      const grant = await authorize(request)
      if (request.action !== 'publish' || grant.user === undefined) return grant
      const state = await counts.take('publishes', grant.user)
      if (state === undefined || state.isAllowed) return grant
      throw rateLimited(`The user has published ${publishesPerUser} times in a row.`, state)
    }
  }

  /** Begins to look after the sessions of users. */
  async follow(tide: Tidemark, log: EventLog, onError: (error: unknown) => void): Promise<void> {
    const { limits, clock } = this.#options
    const { sessionsPerUser: limit, atUserLimit: atLimit } = limits
    if (limit === 'none') return
    this.#users = await UserSessions.open(log, {
      clock,
      node: tide.nodeName,
      limit,
      atLimit,
      end: (id, reason) => void tide.session(id)?.end(reason),
      clearDead: (user) => void tide.endStalled({ user }),
      onError,
    })
  }

  /** Opens a stream within the limits; or answers why not. */
  async open(
    asked: Asked,
    tide: Tidemark,
    subscribe: (options: LimitOptions) => Promise<SessionHandle | undefined>,
  ): Promise<void> {
    const { request, response } = asked
    const users = this.#options.limits.atUserLimit === 'reject' ? this.#users : undefined
    const admit: LimitOptions['admit'] =
      users &&
      (async ({ user }) => {
        if (user !== undefined) await users.requireRoom(user)
      })
    // Only its head is asked for.
    if (request.method === 'HEAD') {
      await subscribe({})
      return
    }
    let group: string | undefined
    try {
      if (this.#rate !== undefined && !(await this.#takeTurn(asked, this.#rate))) return
      if (this.#options.limits.sessionsPerAddress !== undefined) group = await this.#enter(asked)
    } catch (error) {
      // A body that has not been read is read on, and then the refusal is answered.
      const isStream = request.method === 'GET' && error instanceof CodedError
      if (!isStream || response.headersSent) throw error
      refuse(request, response, { error, retryMs: tide.pickRetryMs() })
      return
    }
    let session: SessionHandle | undefined
    try {
      session = await subscribe({ group, admit })
    } finally {
      this.#keep(session, group)
    }
  }

  /** Ends all; sessions must have been ended before. */
  async close(): Promise<void> {
    this.#ages.stop()
    await this.#users?.close()
  }

  /** Waits until the address may open a stream; resolves to false when its client has left. */
  async #takeTurn({ request, response, address }: Asked, rate: StreamRate): Promise<boolean> {
    if (address === undefined) return true
    const carrier = carrierOf(request)
    const headers = await rate.pass(countingKey(address), (listener) => {
      carrier.once('close', listener)
      return () => carrier.off('close', listener)
    })
    if (carrier.destroyed) return false
    for (const [name, value] of Object.entries(headers ?? {})) response.setHeader(name, value)
    return true
  }

  /** Takes a place among the streams of an address; undefined where they are not counted. */
  async #enter({ address }: Asked): Promise<string | undefined> {
    const { limits, counts } = this.#options
    const { sessionsPerAddress } = limits
    if (sessionsPerAddress === undefined || address === undefined) return undefined
    const key = countingKey(address)
    if (await counts.enter(key)) return key
    throw new AccessError(
      'TOO_MANY_SESSIONS',
      `An address may have ${sessionsPerAddress} open streams, and this one has them. Close one, or try again later.`,
      { headers: { 'Retry-After': '10' } },
    )
  }

  #keep(session: SessionHandle | undefined, group: string | undefined): void {
    const { limits, counts, clock, random } = this.#options
    const { maxSessionAge } = limits
    if (session === undefined) {
      if (group !== undefined) counts.leave(group)
      return
    }
    if (group === undefined && maxSessionAge === undefined) return
    if (maxSessionAge !== undefined) {
      const spreadMs = maxSessionAge * sessionAgeSpreadShare * random()
      this.#ages.add(session, clock.now() + maxSessionAge - spreadMs)
    }
    void this.#forget(session, group)
  }

  async #forget(session: SessionHandle, group: string | undefined): Promise<void> {
    await session.closed
    this.#ages.delete(session)
    if (group !== undefined) this.#options.counts.leave(group)
  }
}
