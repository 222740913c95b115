// The facts about credentials that all nodes of a log share: revocations and tickets.

import { hash } from 'node:crypto'
import type { Clock, EventLog } from '@tidemark/log'
import type { Grant } from '@tidemark/server'
import type { Check } from './checked.ts'
import { CookieSessions } from './cookies/cookie-sessions.ts'
import { EndSessions } from './revocations/end-sessions.ts'
import type { FollowedNode } from './revocations/end-sessions.ts'
import { Revocations, isNamed, tokenHashClaim } from './revocations/revocations.ts'
import type { SharedSettings } from './shared-options.ts'
import { TicketDesk } from './tickets/ticket-desk.ts'
import { Tickets } from './tickets/tickets.ts'
import { Warnings } from './warnings.ts'

interface SharedStateOptions extends SharedSettings {
  readonly log: EventLog
  readonly clock: Clock
  /** Claims that open sessions keep. */
  readonly claimNames: readonly string[]
  readonly check: Check
}

/** One for each access with a log. */
export class SharedState {
  readonly revocations: Revocations
  readonly tickets: Tickets
  /** Undefined where no cookie is traded. */
  readonly cookies: CookieSessions | undefined
  readonly desk: TicketDesk
  readonly ready: Promise<void>
  readonly warnings: Warnings = new Warnings()
  readonly #clock: Clock
  readonly #followers: EndSessions[] = []

  constructor(options: SharedStateOptions) {
    const { warnings } = this
    const { clock, cookie: settings } = options
    this.#clock = clock
    this.revocations = new Revocations({ ...options, warnings })
    this.tickets = new Tickets({ ...options, warnings })
    const { revocations, tickets } = this
    this.cookies =
      settings === undefined ? undefined : new CookieSessions({ ...options, settings, revocations })
    this.desk = new TicketDesk({ ...options, tickets })
    this.ready = Promise.all([revocations.ready, tickets.ready]).then(() => undefined)
  }

  /** Ends the sessions of a node whose credential is revoked, on whichever node that was said. */
  follow(node: FollowedNode): void {
    const { revocations, tickets, warnings } = this
    this.#followers.push(
      new EndSessions(node, {
        revocations,
        tickets,
        clock: this.#clock,
        onError: (error) => warnings.set('A session could not be ended', error),
      }),
    )
  }

  close(): void {
    for (const follower of this.#followers) follower.stop()
    this.revocations.close()
    this.tickets.close()
  }
}

/**
 * The grant of a token, with the name by which this token alone is revoked: its `jti`, or else a hash. Of its
 * signature nothing is hashed, because others may hold as well: of ES256 anybody can make a second one.
 */
export function nameToken(grant: Grant, token: string): Grant {
  const claims = grant.claims ?? {}
  if (isNamed(claims)) return grant
  const signed = token.slice(0, token.lastIndexOf('.'))
  const name = hash('sha256', signed, 'base64url').slice(0, 22)
  return { ...grant, claims: { ...claims, [tokenHashClaim]: name } }
}
