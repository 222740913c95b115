// How many streams a user may have open, on all nodes of a log together.
//
// Each node tells the others of its sessions through a ledger, many in one record, and when each has opened.
// So all nodes agree on their order, and which one is too many, and its own node ends it. A node that is
// alone tells nobody, and writes only that it is there.

import { openLedger } from '@tidemark/log'
import type { Clock, EventLog, Ledger, LedgerChange } from '@tidemark/log'
import { AccessError } from '../errors.ts'
import { clearWaitMs, nodeExpiryMs, toldLateMsMax, wantedMs } from '../limits.ts'
import { NodePresence } from './node-presence.ts'
import { decodeChange, encodeChange } from './session-change.ts'
import type { SessionChange, ToldSession } from './session-change.ts'
import { SessionIndex } from './session-index.ts'
import { SessionTeller } from './session-teller.ts'
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
  readonly #ledger: Ledger<string>
  readonly #presence: NodePresence
  readonly #teller: SessionTeller
  /** Ids of this node's, the oldest first. */
  readonly #own = new Set<string>()
  /** Of this node, those whose place others know, or could have known. */
  readonly #known = new Set<string>()
  /** All, in their order. */
  readonly #index = new SessionIndex()
  /** The number of the newest record of each other node whose sessions are known. */
  readonly #heard = new Map<string, number>()
  /** Other nodes whose sessions are not known as a whole. */
  readonly #missed = new Set<string>()
  /** Other nodes that were there, by name: not more than processes that have ended. */
  readonly #gone = new Set<string>()
  readonly #waiters: UserWaiters
  #isClosed = false
  #hasTold = false

  private constructor(ledger: Ledger<string>, options: UserSessionOptions) {
    const { clock, node, atLimit } = options
    this.#ledger = ledger
    this.#options = options
    const onError = (error: unknown): void => this.#tellOnce(error)
    this.#teller = new SessionTeller({
      clock,
      list: () =>
        [...this.#own]
          .flatMap((id) => this.#index.get(id) ?? [])
          .map((session) => ({ ...session, isKnown: this.#known.has(session.id) })),
      write: (change) => this.#write(`changes ${node}`, encodeChange(change), nodeExpiryMs.alone),
      onError,
    })
    this.#presence = new NodePresence({
      ledger,
      clock,
      node,
      isAlone: () => this.#isAlone,
      isAskDue: () => this.#missed.size > 0,
      onForgotten: () => this.#teller.tellAll(),
      onError,
    })
    this.#waiters = new UserWaiters(clock)
    for (const { key } of ledger.entries())
      if (key.startsWith('node ')) this.#index.addNode(key.slice(5))
    ledger.onChange((change) => this.#hear(change))
    // It has to know of the others' before it may let in a user.
    if (atLimit === 'reject') this.#presence.begin()
  }

  /** Reads which nodes are there. With `replace` nothing is written before the first user comes. */
  static async open(log: EventLog, options: UserSessionOptions): Promise<UserSessions> {
    const { clock, onError } = options
    const codec = { encode: (text: string) => text, decode: (text: string) => text }
    const ledger = await openLedger(log, 'user-sessions', { codec, clock, onError })
    return new UserSessions(ledger, options)
  }

  /** Sessions of a user on all nodes that are there. */
  count(user: string): number {
    return this.#list(user).length
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
    if (!this.#isAlone) {
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
    this.#presence.begin()
    // Whatever a clock says, it is the newest.
    const openedAt = Math.max(this.#options.clock.now(), this.#index.newestOf(user) + 1)
    const session = { id, user, openedAt }
    this.#own.add(id)
    this.#index.put(session)
    if (this.#isAlone) this.#known.add(id)
    else this.#teller.opened({ ...session, isKnown: false })
    this.#enforce(user)
  }

  /** A session of this node has closed. */
  closed(id: string): void {
    if (!this.#own.delete(id) || this.#isClosed) return
    const user = this.#index.drop(id)
    this.#known.delete(id)
    if (!this.#isAlone) this.#teller.closed(id)
    if (user !== undefined) this.#waiters.look(user)
  }

  /** Says that this node is gone, and lets go of the log. Sessions must have been ended before. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#teller.stop()
    await this.#presence.close()
    this.#ledger.close()
  }

  /** Whether no other node has users. */
  get #isAlone(): boolean {
    const { nodes } = this.#index
    return nodes.size === (nodes.has(this.#options.node) ? 1 : 0)
  }

  /** Ids, the oldest first. */
  #list(user: string): readonly string[] {
    return this.#index.listLive(user, this.#options.node)
  }

  #hear({ key, value, before, time }: LedgerChange<string>): void {
    const { node: own, clearDead } = this.#options
    const [kind, node] = split(key)
    if (kind === 'node') {
      if (value === undefined) this.#dropNode(node)
      else this.#hearNode(node, value !== before)
    } else if (kind === 'want' && value !== undefined && node !== own) {
      clearDead(value)
    } else if (kind === 'changes' && value !== undefined) {
      const change = decodeChange(value)
      if (change !== undefined && node === own) this.#hearOwn(change, time)
      else if (change !== undefined) this.#hearOther(node, change, time)
    }
  }

  #hearNode(node: string, isAsking: boolean): void {
    const wasAlone = this.#isAlone
    this.#index.addNode(node)
    if (node === this.#options.node || !this.#presence.hasBegun) return
    if (isAsking) this.#teller.tellAll()
    if (wasAlone) this.#presence.hurry()
    // It stood still, and does not know that its sessions were dropped here.
    if (!this.#gone.delete(node)) return
    this.#missed.add(node)
    this.#presence.ask()
  }

  #dropNode(node: string): void {
    // This one is there, whatever others have made of its silence.
    if (node === this.#options.node) return
    this.#heard.delete(node)
    this.#missed.delete(node)
    this.#gone.add(node)
    for (const user of this.#index.dropNode(node)) this.#waiters.look(user)
  }

  /** From now on all agree which places these have. */
  #hearOwn({ opened }: SessionChange, time: number): void {
    const open = opened.filter(({ id }) => this.#own.has(id))
    for (const { id } of open) this.#known.add(id)
    this.#place(open, time)
    this.#enforceAll(open)
  }

  #hearOther(node: string, change: SessionChange, time: number): void {
    const { number, isAnew, opened, closed } = change
    const heard = this.#heard.get(node)
    if (isAnew) this.#missed.delete(node)
    else if (heard === undefined || heard + 1 !== number) {
      this.#missed.add(node)
      this.#presence.ask()
    }
    this.#heard.set(node, number)
    const gone = isAnew ? this.#index.dropSessionsOf(node) : []
    this.#place(opened, time)
    const left = closed.flatMap((id) => this.#index.drop(id) ?? [])
    for (const user of [...gone, ...left]) this.#waiters.look(user)
    this.#enforceAll(opened)
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
    const ids = this.#list(user)
    const beyond = atLimit === 'replace' ? ids.slice(0, -limit) : ids.slice(limit)
    for (const id of beyond)
      if (this.#own.has(id)) end(id, atLimit === 'replace' ? 'replaced' : 'full')
  }

  #askToClear(user: string): void {
    const key = `want ${this.#options.node}`
    this.#write(key, user, wantedMs).catch((error: unknown) => this.#tellOnce(error))
  }

  #write(key: string, value: string, keptMs: number): Promise<unknown> {
    return this.#ledger.set(key, value, { expiresAt: this.#options.clock.now() + keptMs })
  }

  #tellOnce(error: unknown): void {
    if (this.#isClosed || this.#hasTold) return
    this.#hasTold = true
    this.#options.onError(error)
  }
}

function split(key: string): readonly [kind: string, node: string] {
  const end = key.indexOf(' ')
  return [key.slice(0, end), key.slice(end + 1)]
}
