// `POST /tickets` and `GET /tickets/redirect`: a credential that a stream cannot send becomes a ticket.

import type { Grant, RequestFacts } from '@tidemark/server'
import { ServerError } from '@tidemark/server'
import type { Check } from '../checked.ts'
import { requireOwnOrigin } from '../cookies/own-origin.ts'
import type { AllowsOrigin } from '../cookies/own-origin.ts'
import { tokenHashClaim } from '../revocations/revocations.ts'
import { splitUrl } from './shown.ts'
import type { IssuedTicket, Tickets } from './tickets.ts'

/** A ticket, and where to use it. */
export interface TicketAnswer extends IssuedTicket {
  /** The URL of the stream: the query of the request, with the ticket in the place of other credentials. */
  readonly url: string
}

/** Says who sends a request by its own means, such as headers of an application; undefined: not known. */
export type TicketHook = (request: RequestFacts) => Grant | Promise<Grant | undefined> | undefined

interface TicketDeskOptions {
  readonly tickets: Tickets
  readonly check: Check
  readonly ticketFor: TicketHook | undefined
  readonly allowsOrigin: AllowsOrigin
}

/** Parameters that stand for a credential: none of them goes into the URL of a stream. */
const credentialNames = ['ticket', 'token']

/** Hands out tickets. */
export class TicketDesk {
  readonly #options: TicketDeskOptions

  constructor(options: TicketDeskOptions) {
    this.#options = options
  }

  /**
   * Trades what the request brings for a ticket.
   * @param streamPath The path of the streams that it opens.
   * @throws AccessError `CROSS_SITE`, `TICKETS_TOO_MANY`, `TICKET_TOO_LARGE`, `ACCESS_STATE_FULL`, and those
   * of a credential that does not hold; ServerError `UNAUTHENTICATED`, `ACCESS_UNAVAILABLE`,
   * `METHOD_NOT_ALLOWED`
   */
  async issue(facts: RequestFacts, streamPath: string): Promise<TicketAnswer> {
    requireTrade(facts)
    const grant = await this.#findGrant(facts)
    const issued = await this.#options.tickets.issue(grant, holderOf(grant))
    const { query } = splitUrl(facts.url)
    for (const name of credentialNames) query.delete(name)
    query.append('ticket', issued.ticket)
    // Written anew: whatever bytes the query had, these are safe in a header.
    return { ...issued, url: `${streamPath}?${query.toString()}` }
  }

  async #findGrant(request: RequestFacts): Promise<Grant> {
    const { check, ticketFor, allowsOrigin } = this.#options
    const { source, grant } = await check(request)
    // A browser adds its cookies to whatever any page asks for.
    const isBorrowed = source !== 'bearer' && source !== 'query'
    if (isBorrowed && request.header('cookie') !== undefined)
      requireOwnOrigin(request, allowsOrigin)
    const known = source === 'none' ? await ticketFor?.(request) : grant
    if (known !== undefined && source !== 'ticket') return known
    throw new ServerError(
      'UNAUTHENTICATED',
      'A ticket is traded for a credential; the request brings none that is accepted. Sign in, and send it along.',
    )
  }
}

/**
 * A framework answers HEAD by the handler of GET. It changes nothing (RFC 9110 §9.2.1), and a ticket is an
 * entry of a ledger that nobody would use.
 */
function requireTrade({ method }: RequestFacts): void {
  if (method !== 'HEAD') return
  throw new ServerError(
    'METHOD_NOT_ALLOWED',
    'A ticket is not handed out for HEAD, which changes nothing. Ask for it by GET.',
    { headers: { Allow: 'GET' } },
  )
}

/** Names the credential, so that each may be traded for so many tickets. */
function holderOf({ user, claims = {} }: Grant): string {
  return JSON.stringify([user, claims['iss'], claims['jti'] ?? claims[tokenHashClaim]])
}
