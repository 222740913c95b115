// How many streams a user may have open, on all nodes of a log together.
//
// Each node writes the sessions of its users into a ledger. The order of the log is the order in which they
// opened, the same on every node. So all nodes agree which one is too many, and its own node ends it.

import { openLedger } from '@tidemark/log'
import type { Clock, EventLog, Ledger, LedgerChange, Timer } from '@tidemark/log'
import { AccessError } from '../errors.ts'
import { clearWaitMs, goneWaitMs, nodeExpiryMs, nodeRefreshMs } from '../limits.ts'
import { SessionIndex } from './session-index.ts'

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

/** The sessions of users, as this node's log holds them. */
export class UserSessions {
  readonly #options: UserSessionOptions
  readonly #ledger: Ledger<string>
  readonly #index = new SessionIndex()
  /** Writes of this node's own sessions that are under way, by session. */
  readonly #writes = new Map<string, Promise<unknown>>()
  /** The user of each session that is open here. */
  readonly #own = new Map<string, string>()
  #refresh: Timer | undefined
  #isClosed = false
  #hasTold = false
  #hasBegun = false
  #hasBeenThere = false
  /** Told when something of a user has changed. */
  readonly #waiting = new Map<string, Set<() => void>>()

  private constructor(ledger: Ledger<string>, options: UserSessionOptions) {
    this.#ledger = ledger
    this.#options = options
    for (const { key, value } of ledger.entries()) this.#take(key, value)
    ledger.onChange((change) => this.#hear(change))
  }

  /** Reads what the log holds. Nothing is written before the first user comes. */
  static async open(log: EventLog, options: UserSessionOptions): Promise<UserSessions> {
    const { clock, onError } = options
    const codec = { encode: (user: string) => user, decode: (text: string) => text }
    const ledger = await openLedger(log, 'user-sessions', { codec, clock, onError })
    return new UserSessions(ledger, options)
  }

  /** Sessions of a user on all nodes that are there. */
  count(user: string): number {
    return this.#index.listLive(user).length
  }

  /**
   * Refuses a user who has as many sessions as they may, where none of them makes room. Dead ones go first.
   * @throws AccessError `TOO_MANY_SESSIONS`
   */
  async requireRoom(user: string): Promise<void> {
    const { atLimit, limit, clearDead, node } = this.#options
    if (atLimit === 'replace' || this.count(user) < limit) return
    clearDead(user)
    if (this.#countOthers(user) < limit) return
    // Other nodes look after theirs when they hear of it.
    this.#attempt(this.#ledger.set(`want ${node}`, user, this.#expiresIn(nodeRefreshMs)))
    await this.#untilRoom(user)
    if (this.#countOthers(user) < limit) return
    throw new AccessError(
      'TOO_MANY_SESSIONS',
      `A user may have ${limit} open streams, and this one has them. Close one, or try again later.`,
      { headers: { 'Retry-After': '10' } },
    )
  }

  /** A session of this node has opened. */
  opened(sessionId: string, user: string): void {
    this.#own.set(sessionId, user)
    // In the log it stands before the session.
    if (!this.#hasBegun) this.#begin()
    const write = this.#ledger.set(`open ${sessionId}`, user).catch((error: unknown) => {
      this.#tellOnce(error)
      this.#limitOwn(user)
    })
    this.#writes.set(sessionId, write)
    void write.finally(() => {
      if (this.#writes.get(sessionId) === write) this.#writes.delete(sessionId)
    })
  }

  /** A session of this node has closed. */
  closed(sessionId: string): void {
    if (!this.#own.delete(sessionId) || this.#isClosed) return
    const written = this.#writes.get(sessionId) ?? Promise.resolve()
    this.#attempt(written.then(() => this.#ledger.delete(`open ${sessionId}`)))
  }

  /** Says that this node is gone, and lets go of the log. Sessions must have been ended before. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#refresh?.cancel()
    if (this.#hasBegun) await this.#sayGone()
    this.#ledger.close()
  }

  #begin(): void {
    this.#hasBegun = true
    void this.#sayAlive().then(() => this.#sweep())
  }

  #hear({ key, value }: LedgerChange<string>): void {
    const { node, clearDead } = this.#options
    if (value === undefined) {
      const user = this.#index.drop(key)
      if (user !== undefined) this.#tellChanged(user)
      if (key.startsWith('node ')) this.#onGone(key.slice(5))
      return
    }
    const change = this.#take(key, value)
    if (change === 'opened') this.#enforce(value)
    if (change === 'wanted' && key !== `want ${node}`) clearDead(value)
  }

  #take(key: string, value: string): 'opened' | 'other' | 'wanted' {
    if (key.startsWith('want ')) return 'wanted'
    if (key.startsWith('node ')) this.#index.addNode(key.slice(5))
    else if (key.startsWith('open ')) this.#index.add(key, value)
    return key.startsWith('open ') ? 'opened' : 'other'
  }

  /** Ends those of this node that are too many. Every node sees the same ones. */
  #enforce(user: string): void {
    const { limit, atLimit, end, node } = this.#options
    const ids = this.#index.listLive(user)
    const beyond = atLimit === 'replace' ? ids.slice(0, -limit) : ids.slice(limit)
    for (const id of beyond)
      if (nodeOf(id) === node) end(id, atLimit === 'replace' ? 'replaced' : 'full')
  }

  /** Where the log takes nothing, the limit holds on each node by itself. */
  #limitOwn(user: string): void {
    const { limit, end } = this.#options
    const ids = [...this.#own].flatMap(([id, owner]) => (owner === user ? [id] : []))
    for (const id of ids.slice(0, -limit)) end(id, 'replaced')
  }

  /** Sessions that this node ended a moment ago may still be in the ledger. */
  #countOthers(user: string): number {
    const { node } = this.#options
    const ids = this.#index.listLive(user)
    return ids.filter((id) => nodeOf(id) !== node || this.#own.has(id)).length
  }

  #untilRoom(user: string): Promise<void> {
    const { clock, limit } = this.#options
    return new Promise((resolve) => {
      const listeners = this.#waiting.get(user) ?? new Set()
      const end = (): void => {
        timer.cancel()
        listeners.delete(look)
        if (listeners.size === 0) this.#waiting.delete(user)
        resolve()
      }
      const look = (): void => {
        if (this.#countOthers(user) < limit) end()
      }
      const timer = clock.after(clearWaitMs, end)
      this.#waiting.set(user, listeners.add(look))
    })
  }

  #tellChanged(user: string): void {
    for (const look of this.#waiting.get(user) ?? []) look()
  }

  /** Says now and then that this node is there. Its sessions count only as long as it does. */
  async #sayAlive(): Promise<void> {
    const { clock, node } = this.#options
    const key = `node ${node}`
    const wasThere = this.#ledger.get(key) !== undefined
    try {
      await this.#ledger.set(key, '', this.#expiresIn(nodeExpiryMs))
      // Others have cleared up after this node while it stood still.
      if (!wasThere && this.#hasBeenThere) for (const [id, user] of this.#own) this.opened(id, user)
      this.#hasBeenThere = true
    } catch (error) {
      this.#tellOnce(error)
    }
    if (this.#isClosed) return
    this.#refresh = clock.after(nodeRefreshMs, () => void this.#sayAlive())
  }

  /** A log that hangs must not keep a process from ending: then others find out by themselves. */
  async #sayGone(): Promise<void> {
    const { clock, node } = this.#options
    const gone = this.#ledger.delete(`node ${node}`).then(
      () => undefined,
      () => undefined,
    )
    let timer: Timer | undefined
    const waited = new Promise<void>((resolve) => {
      timer = clock.after(goneWaitMs, resolve, { isAwaited: true })
    })
    await Promise.race([gone, waited])
    timer?.cancel()
  }

  #expiresIn(ms: number): { readonly expiresAt: number } {
    return { expiresAt: this.#options.clock.now() + ms }
  }

  /** A node has gone, or says nothing any more. One of those that are left clears up after it. */
  #onGone(name: string): void {
    if (name === this.#options.node) return
    this.#index.dropNode(name)
    if (!this.#isClosed) this.#sweep()
  }

  /** Deletes what nodes have left that are no more. The first of all nodes by name does it. */
  #sweep(): void {
    if (this.#index.firstNode !== this.#options.node) return
    for (const key of this.#index.listOrphans()) this.#attempt(this.#ledger.delete(key))
  }

  #attempt(write: Promise<unknown>): void {
    write.catch((error: unknown) => this.#tellOnce(error))
  }

  #tellOnce(error: unknown): void {
    if (this.#isClosed || this.#hasTold) return
    this.#hasTold = true
    this.#options.onError(error)
  }
}

function nodeOf(sessionId: string): string {
  return sessionId.split('.', 1)[0] ?? ''
}
