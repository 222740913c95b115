// Ends open sessions whose credential no longer holds, or which came back and are open twice.

import type { Clock, Timer } from '@tidemark/log'
import type { GrantClaims } from '@tidemark/server'
import { revokedLookMs } from '../limits.ts'
import type { Tickets } from '../tickets/tickets.ts'
import { ticketClaim } from './revocations.ts'
import type { Revocations } from './revocations.ts'

/** The part of a `SessionHandle` that ending takes. */
export interface FollowedSession {
  readonly id: string
  readonly user: string | undefined
  readonly claims: GrantClaims
  readonly expiresAt: number | undefined
  readonly closed: Promise<string>
  end(reason?: string): Promise<void>
}

/** The part of a node that ending takes; a `Tidemark` has it. */
export interface FollowedNode {
  sessions(): readonly FollowedSession[]
  /**
   * Calls `listener` with each session that has opened or got another grant. The function that is returned
   * ends it.
   */
  onGranted(listener: (session: FollowedSession) => void): () => void
}

interface EndSessionsOptions {
  readonly revocations: Revocations
  readonly tickets: Tickets
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

/** A session that came by a ticket. */
interface OpenedSession {
  readonly session: FollowedSession
  readonly opening: GrantClaims
}

/**
 * Follows the sessions of one node. A session is looked at when it opens, because a revocation may come after
 * its token was checked; later whenever something was revoked.
 */
export class EndSessions {
  readonly #node: FollowedNode
  readonly #options: EndSessionsOptions
  /**
   * The open sessions of each ticket, by their ids, with the claims that they opened with: a fresh token
   * brings others. More than one only while one replaces another.
   */
  readonly #byTicket = new Map<string, Map<string, OpenedSession>>()
  readonly #stops: (() => void)[]
  #timer: Timer | undefined

  constructor(node: FollowedNode, options: EndSessionsOptions) {
    this.#node = node
    this.#options = options
    const { revocations, tickets } = options
    this.#stops = [
      node.onGranted((session) => this.#take(session)),
      revocations.onRevoked(() => this.#lookSoon()),
      tickets.onUsed((ticket) => this.#endReplaced(ticket)),
    ]
    for (const session of node.sessions()) this.#take(session)
  }

  stop(): void {
    for (const stop of this.#stops) stop()
    this.#timer?.cancel()
  }

  #take(session: FollowedSession): void {
    this.#endRevoked(session)
    const ticket = session.claims[ticketClaim]
    if (typeof ticket !== 'string') return
    const same = this.#byTicket.get(ticket) ?? new Map<string, OpenedSession>()
    this.#byTicket.set(ticket, same.set(session.id, { session, opening: session.claims }))
    void session.closed.then(() => this.#forget(ticket, session))
    this.#endReplaced(ticket)
  }

  #forget(ticket: string, { id }: FollowedSession): void {
    const same = this.#byTicket.get(ticket)
    same?.delete(id)
    if (same?.size === 0) this.#byTicket.delete(ticket)
  }

  #lookSoon(): void {
    this.#timer ??= this.#options.clock.after(revokedLookMs, () => {
      this.#timer = undefined
      for (const session of this.#node.sessions()) this.#endRevoked(session)
    })
  }

  #endRevoked(session: FollowedSession): void {
    const { revocations } = this.#options
    // Without claims nobody says since when it rests on its user's word: the application ends it itself.
    const isGranted = Object.keys(session.claims).length > 0
    if (!(isGranted ? revocations.ends(session) : revocations.hasSession(session.id))) return
    this.#end(session, 'revoked')
    // A client whose session was ended comes back with the same credential.
    if (!revocations.hasSession(session.id)) return
    const { claims, expiresAt } = session
    revocations.revokeCredential({ claims, expiresAt }).catch(this.#options.onError)
  }

  #endReplaced(ticket: string): void {
    const { tickets } = this.#options
    for (const { session, opening } of this.#byTicket.get(ticket)?.values() ?? []) {
      if (tickets.isReplaced(opening)) this.#end(session, 'replaced')
    }
  }

  #end(session: FollowedSession, reason: string): void {
    session.end(reason).catch(this.#options.onError)
  }
}
