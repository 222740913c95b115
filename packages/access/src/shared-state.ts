// What all nodes of a log share about credentials: revocations and tickets, and what trades in them.

import { createHash } from 'node:crypto'
import type { Clock, EventLog } from '@tidemark/log'
import type { Grant, PlainRequest, RequestFacts } from '@tidemark/server'
import type { Check, Checked } from './checked.ts'
import type { CookieSettings } from './cookies/cookie-options.ts'
import { CookieSessions } from './cookies/cookie-sessions.ts'
import { requireOwnOrigin } from './cookies/own-origin.ts'
import type { AllowsOrigin } from './cookies/own-origin.ts'
import { AccessError } from './errors.ts'
import { EndSessions } from './revocations/end-sessions.ts'
import type { FollowedNode } from './revocations/end-sessions.ts'
import { Revocations, tokenHashClaim } from './revocations/revocations.ts'
import { splitUrl } from './tickets/shown.ts'
import { TicketDesk } from './tickets/ticket-desk.ts'
import type { TicketHook } from './tickets/ticket-desk.ts'
import { Tickets } from './tickets/tickets.ts'

export interface SharedStateOptions {
  readonly log: EventLog
  readonly clock: Clock
  readonly cookie: CookieSettings
  readonly allowsOrigin: AllowsOrigin
  /** Claims that open sessions keep. */
  readonly claimNames: readonly string[]
  readonly tokenLifeMs: number
  readonly ticketLifeMs: number
  readonly ticketHook: TicketHook | undefined
  readonly randomBytes?: ((count: number) => Uint8Array) | undefined
  readonly onWarning: (text: string) => void
  /** Says who a request comes from by a token, or by the application's own means. */
  readonly checkOther: Check
}

/** One for each `createAccess` with a log. */
export class SharedState {
  readonly revocations: Revocations
  readonly tickets: Tickets
  readonly cookies: CookieSessions
  readonly desk: TicketDesk
  readonly ready: Promise<void>
  readonly #options: SharedStateOptions
  readonly #followers: EndSessions[] = []

  constructor(options: SharedStateOptions) {
    this.#options = options
    const { allowsOrigin, cookie: settings, clock, ticketHook: hook } = options
    this.revocations = new Revocations(options)
    this.tickets = new Tickets(options)
    const check: Check = (request) => this.check(request)
    const { revocations, tickets } = this
    this.cookies = new CookieSessions({ settings, check, allowsOrigin, revocations, clock })
    this.desk = new TicketDesk({ tickets, check, hook, allowsOrigin })
    this.ready = Promise.all([revocations.ready, tickets.ready]).then(() => undefined)
  }

  /** Says who a request comes from: by its ticket, else by its token or the application. */
  async check(request: PlainRequest): Promise<Checked> {
    const ticket = readTicket(request)
    const checked: Checked =
      ticket === undefined
        ? await this.#options.checkOther(request)
        : { source: 'ticket', grant: await this.tickets.use(ticket, request) }
    if (checked.source === 'none') return checked
    await this.revocations.requireValid(checked.grant)
    this.revocations.noteLife(checked.grant)
    return checked
  }

  /**
   * The same for a request that does something: one that rests on cookies has to come from an own page.
   * @throws AccessError `CROSS_SITE`, and those of `check`
   */
  async authorize(request: PlainRequest): Promise<Grant> {
    const { source, grant } = await this.check(request)
    const isBorrowed = source === 'cookie' || source === 'application'
    if (isBorrowed && request.header('cookie') !== undefined)
      requireOwnOrigin(request, this.#options.allowsOrigin)
    return grant
  }

  /** Ends the sessions of a node whose credential is revoked, on whichever node that was said. */
  follow(node: FollowedNode): void {
    const { revocations, tickets } = this
    const { clock, onWarning } = this.#options
    const onError = (error: unknown): void =>
      onWarning(`A session could not be ended: ${error instanceof Error ? error.message : String(error)}`)
    this.#followers.push(new EndSessions(node, { revocations, tickets, clock, onError }))
  }

  close(): void {
    for (const follower of this.#followers) follower.stop()
    this.revocations.close()
    this.tickets.close()
  }
}

/** @throws AccessError `TICKET_INVALID` for several */
function readTicket({ url }: RequestFacts): string | undefined {
  if (!url.includes('ticket=')) return undefined
  const [first, ...others] = splitUrl(url).query.getAll('ticket')
  if (others.length === 0) return first
  throw new AccessError('TICKET_INVALID', 'A URL has one ticket; got several. Leave one.')
}

/** The grant of a token, with what a revocation of this token alone goes by: its `jti`, or else its hash. */
export function nameToken(grant: Grant, token: string): Grant {
  const claims = grant.claims ?? {}
  if (claims['jti'] !== undefined) return grant
  const hash = createHash('sha256').update(token).digest('base64url').slice(0, 22)
  return { ...grant, claims: { ...claims, [tokenHashClaim]: hash } }
}
