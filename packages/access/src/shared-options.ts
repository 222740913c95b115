// The options about what all nodes of a log share: revocations, cookies and tickets.

import type { EventLog } from '@tidemark/log'
import { hasMethods } from '@tidemark/log/values'
import { quoteValue } from '@tidemark/wire/values'
import type { Authenticate } from './authenticate.ts'
import { checkCookieOptions } from './cookies/cookie-options.ts'
import type { CookieOptions, CookieSettings } from './cookies/cookie-options.ts'
import type { AllowsOrigin } from './cookies/own-origin.ts'
import { AccessError } from './errors.ts'
import {
  recheckAfterDefaultMs,
  recheckAfterRangeMs,
  ticketLifeDefaultMs,
  tokenLifeDefaultMs,
  tokenLifeMaxMs,
} from './limits.ts'
import { readList, readMembers } from './read-members.ts'
import type { TicketHook } from './tickets/ticket-desk.ts'

/** The options that need each other. */
export interface SharedOptions {
  /**
   * The log of the node. In its ledgers stand revocations and tickets, so that all nodes agree on them.
   * Default: none, and then nothing can be revoked, and no cookie and no ticket be traded.
   */
  readonly log?: EventLog | undefined
  /** The cookie that a token may be traded for. Needs `log`. Default: none. */
  readonly cookie?: CookieOptions | undefined
  /**
   * The origins of other pages that may act with the cookies of their visitors, such as
   * `https://app.example.org`; or a function that says so of one. Default: none but the own.
   */
  readonly origins?: AllowsOrigin | readonly string[] | undefined
  /** The application's own check, asked where a request brings no token and no ticket. Default: none. */
  readonly authenticate?: Authenticate | undefined
  /**
   * An open stream that `authenticate` has let in is asked about again so often, in milliseconds: 1,000 to
   * 86,400,000. Default 300,000.
   */
  readonly recheckAfterMs?: number | undefined
  /** Says who asks for a ticket by headers of the application's own. Needs `log`. Default: nobody. */
  readonly ticketFor?: TicketHook | undefined
  /** The longest that a ticket lets its stream come back, in milliseconds. Default 86,400,000. */
  readonly ticketLifeMs?: number | undefined
  /**
   * The longest life of a token, in milliseconds: so long a revocation of a user is kept. Default 86,400,000.
   */
  readonly tokenLifeMs?: number | undefined
}

/** The options, checked, with every default. */
export interface SharedSettings {
  readonly log: EventLog | undefined
  readonly cookie: CookieSettings | undefined
  readonly allowsOrigin: AllowsOrigin
  readonly authenticate: Authenticate | undefined
  readonly recheckAfterMs: number
  readonly ticketFor: TicketHook | undefined
  readonly ticketLifeMs: number
  readonly tokenLifeMs: number
}

export const sharedNames: readonly (keyof SharedOptions)[] = [
  'log',
  'cookie',
  'origins',
  'authenticate',
  'recheckAfterMs',
  'ticketFor',
  'ticketLifeMs',
  'tokenLifeMs',
]

const code = 'ACCESS_OPTION_INVALID'

/** @throws AccessError `ACCESS_OPTION_INVALID` */
export function checkSharedOptions(
  options: SharedOptions,
  cookieName: string | undefined,
): SharedSettings {
  const given = readMembers(options, sharedNames, { code, what: 'The options of createAccess' })
  const {
    log,
    cookie,
    ticketFor,
    authenticate,
    recheckAfterMs = recheckAfterDefaultMs,
    ticketLifeMs = ticketLifeDefaultMs,
    tokenLifeMs = tokenLifeDefaultMs,
  } = given
  if (log !== undefined && !hasMethods(log, ['append', 'read', 'tail', 'locate', 'bounds']))
    throw invalid(`log must be an event log; got ${quoteValue(log)}`)
  for (const [name, option] of Object.entries({ cookie, ticketFor })) {
    if (option !== undefined && log === undefined)
      throw invalid(`${name} needs log, the log of the node, so that all nodes agree. Give it`)
  }
  for (const [name, option] of Object.entries({ authenticate, ticketFor })) {
    if (option !== undefined && typeof option !== 'function')
      throw invalid(`${name} must be a function; got ${quoteValue(option)}`)
  }
  const lifeMs = { from: 1_000, to: tokenLifeMaxMs }
  return {
    log,
    cookie: cookie === undefined ? undefined : checkCookieOptions(cookie, cookieName),
    allowsOrigin: checkOrigins(given.origins),
    authenticate,
    recheckAfterMs: checkMs('recheckAfterMs', recheckAfterMs, recheckAfterRangeMs),
    ticketFor,
    ticketLifeMs: checkMs('ticketLifeMs', ticketLifeMs, lifeMs),
    tokenLifeMs: checkMs('tokenLifeMs', tokenLifeMs, lifeMs),
  }
}

function checkOrigins(given: AllowsOrigin | readonly string[] = []): AllowsOrigin {
  if (typeof given === 'function') return given
  const origins: readonly unknown[] = readList(given, { code, what: 'origins' })
  const odd = origins.find((origin) => !isOrigin(origin))
  if (odd !== undefined) {
    throw invalid(
      `origins are such as https://app.example.org, without a path; got ${quoteValue(odd)}. Say them one by one`,
    )
  }
  const known = new Set(origins)
  return (origin) => known.has(origin)
}

function isOrigin(text: unknown): boolean {
  return typeof text === 'string' && URL.canParse(text) && new URL(text).origin === text
}

function checkMs(
  name: string,
  given: unknown,
  { from, to }: { readonly from: number; readonly to: number },
): number {
  if (typeof given === 'number' && given >= from && given <= to) return given
  throw invalid(`${name} is ${from} to ${to} milliseconds; got ${quoteValue(given)}`)
}

function invalid(text: string): AccessError {
  return new AccessError(code, `${text}.`)
}
