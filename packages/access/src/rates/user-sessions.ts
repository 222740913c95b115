// How many streams a user may have open, on all nodes of a log together.
//
// Each node tells the others of its sessions through a ledger, many in one record, and when each has opened.
// So all nodes agree on their order, and which one is too many, and its own node ends it. A node that is
// alone tells nobody, and writes only that it is there.

import type { Clock, EventLog } from '@tidemark/log'
import { SharedSessions, openNodes } from '@tidemark/server/hub'
import type { HeldNodes, SessionChange } from '@tidemark/server/hub'
import { AccessError } from '../errors.ts'
import { clearWaitMs, toldLateMsMax, wantedMs } from '../limits.ts'
import { SessionIndex } from './session-index.ts'
import { toldSessions } from './told-session.ts'
import type { ToldSession } from './told-session.ts'
import { UserWaiters } from './user-waiters.ts'

export interface UserSessionOptions {
  readonly clock: Clock
  /** The name that session ids of this node begin with. */
  readonly node: string
  /** Sessions of one user. */
  readonly limit: number
  /** At the limit: the oldest session makes room, or the new one is refused. */
  readonly atLimit: 'reject' | 'replace'
  /** Ends a session of this node; nothing happens where it has closed. */
  readonly end: (sessionId: string, reason: 'full' | 'replaced') => void
  /** Ends those sessions of this node and user whose clients take nothing any more. */
  readonly clearDead: (user: string) => void
  readonly onError: (error: unknown) => void
}

/** The sessions of users, as this node and its log know them. */
export class UserSessions {
  readonly #options: UserSessionOptions
  readonly #shared: SharedSessions<ToldSession>
  /** Ids of this node's, the oldest first. */
  readonly #own = new Set<string>()
  /** Of this node, those whose place others know, or could have known. */
  readonly #known = new Set<string>()
  /** All, in their order. */
  readonly #index = new SessionIndex()
  readonly #waiters: UserWaiters
  #isClosed = false
  #hasTold = false

  private constructor(held: HeldNodes, options: UserSessionOptions) {
    const { clock, atLimit, clearDead } = options
    this.#options = options
    this.#waiters = new UserWaiters(clock)
    this.#shared = new SharedSessions(held, {
      clock,
      kind: 'users',
      others: ['want'],
      isFast: false,
      codec: toldSessions,
      list: () =>
        [...this.#own]
          .flatMap((id) => this.#index.get(id) ?? [])
          .map((session) => ({ ...session, isKnown: this.#known.has(session.id) })),
      heardOwn: (change, time) => this.#hearOwn(change, time),
      heardOther: (node, change, time) => this.#hearOther(node, change, time),
      lostNode: (node) => this.#lookAt(this.#index.dropSessionsOf(node)),
      heardRecord: (_kind, node, user) => node !== options.node && clearDead(user),
      onError: (error) => this.#tellOnce(error),
    })
    // It has to know of the others' before it may let in a user.
    if (atLimit === 'reject') this.#shared.begin()
  }

  /** Reads which nodes are there. With `replace` nothing is written before the first user comes. */
  static async open(log: EventLog, options: UserSessionOptions): Promise<UserSessions> {
    return new UserSessions(await openNodes(log, options), options)
  }

  /** Sessions of a user on all nodes that are there. */
  count(user: string): number {
    return this.#index.count(user)
  }

  /**
   * Refuses a user who has as many sessions as they may, where none of them makes room. Dead ones go first.
   * @throws AccessError `TOO_MANY_SESSIONS`
   */
  async requireRoom(user: string): Promise<void> {
    const { atLimit, limit, clearDead } = this.#options
    if (atLimit === 'replace' || this.count(user) < limit) return
    clearDead(user)
    const hasRoom = (): boolean => this.count(user) < limit
    if (hasRoom()) return
    if (!this.#shared.nodes.isAlone) {
      // Other nodes look after theirs when they hear of it.
      if (!this.#waiters.has(user)) this.#askToClear(user)
      await this.#waiters.until(user, hasRoom, clearWaitMs)
      if (hasRoom()) return
    }
    throw new AccessError(
      'TOO_MANY_SESSIONS',
      `A user may have ${limit} open streams, and this one has them. Close one, or try again later.`,
      { headers: { 'Retry-After': '10' } },
    )
  }

  /** A session of this node has opened. */
  opened(id: string, user: string): void {
    this.#shared.begin()
    // Whatever a clock says, it is the newest.
    const openedAt = Math.max(this.#options.clock.now(), this.#index.newestOf(user) + 1)
    const session = { id, user, openedAt }
    this.#own.add(id)
    this.#index.put(session)
    if (this.#shared.nodes.isAlone) this.#known.add(id)
    this.#shared.opened({ ...session, isKnown: false })
    this.#enforce(user)
  }

  /** A session of this node has closed. */
  closed(id: string): void {
    if (!this.#own.delete(id) || this.#isClosed) return
    const user = this.#index.drop(id)
    this.#known.delete(id)
    this.#shared.closed(id)
    if (user !== undefined) this.#waiters.look(user)
  }

  /** Says that this node is gone, and lets go of the log. Sessions must have been ended before. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#shared.close()
  }

  /** From now on all agree which places these have. */
  #hearOwn({ opened }: SessionChange<ToldSession>, time: number): void {
    const open = opened.filter(({ id }) => this.#own.has(id))
    for (const { id } of open) this.#known.add(id)
    this.#place(open, time)
    this.#enforceAll(open)
  }

  #hearOther(node: string, change: SessionChange<ToldSession>, time: number): void {
    const { isAnew, opened, closed } = change
    const gone = isAnew ? this.#index.dropSessionsOf(node) : []
    this.#place(opened, time)
    const left = closed.flatMap((id) => this.#index.drop(id) ?? [])
    this.#lookAt([...gone, ...left])
    this.#enforceAll(opened)
  }

  #lookAt(users: readonly string[]): void {
    for (const user of users) this.#waiters.look(user)
  }

  /** A clock that is wrong does not make a new session an old one: then it has opened when it was told. */
  #place(sessions: readonly ToldSession[], toldAt: number): void {
    for (const { id, user, openedAt, isKnown } of sessions) {
      const isPlausible = openedAt <= toldAt && (isKnown || openedAt >= toldAt - toldLateMsMax)
      this.#index.put({ id, user, openedAt: isPlausible ? openedAt : toldAt })
    }
  }

  #enforceAll(sessions: readonly { readonly user: string }[]): void {
    for (const user of new Set(sessions.map((session) => session.user))) this.#enforce(user)
  }

  /** Ends those of this node that are too many. Every node sees the same ones. */
  #enforce(user: string): void {
    const { limit, atLimit, end } = this.#options
    if (this.#index.count(user) <= limit) return
    const ids = this.#index.list(user)
    const beyond = atLimit === 'replace' ? ids.slice(0, -limit) : ids.slice(limit)
    for (const id of beyond)
      if (this.#own.has(id)) end(id, atLimit === 'replace' ? 'replaced' : 'full')
  }

  #askToClear(user: string): void {
    const asked = this.#shared.nodes.write('want', user, wantedMs)
    asked.catch((error: unknown) => this.#tellOnce(error))
  }

  #tellOnce(error: unknown): void {
    if (this.#isClosed || this.#hasTold) return
    this.#hasTold = true
    this.#options.onError(error)
  }
}
