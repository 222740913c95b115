// Every refusal and error of this room, by code.

import { CodedError } from '@tidemark/server/hub'
import type { CodeHeaders, ErrorRow } from '@tidemark/server/hub'

/** One row per code; `docs/reference/errors.md` is generated from them. */
export const accessErrors = {
  TOKEN_INVALID: {
    title: 'The token is malformed, signed by nobody known here, or not for this server.',
    status: 401,
    headers: { 'WWW-Authenticate': 'varies' },
  },
  TOKEN_EXPIRED: {
    title: 'The token has ended, or has been revoked. Get a new one.',
    status: 401,
    headers: { 'WWW-Authenticate': 'varies' },
  },
  ADDRESS_DENIED: {
    title:
      'Requests of this address are refused: an operator has said so, or it was refused too often.',
    status: 403,
  },
  REQUEST_SUSPICIOUS: {
    title:
      'The request lacks a header that clients send, or names itself a bot, a crawler or a script.',
    status: 403,
  },
  RATE_LIMITED: {
    title:
      'The address has opened, or the user has published, as often as it may for now. Try again later.',
    status: 429,
    headers: {
      'Retry-After': 'varies',
      'RateLimit-Limit': 'varies',
      'RateLimit-Remaining': 'varies',
      'RateLimit-Reset': 'varies',
    },
  },
  TOO_MANY_SESSIONS: {
    title:
      'The user, or the address, has as many open streams as it may. Close one, or try again later.',
    status: 429,
    headers: { 'Retry-After': 'varies' },
  },
  ADDRESS_INVALID: {
    title: 'An address to deny is none, is the own one of the asker, or its reason is too long.',
    status: 400,
  },
  ADDRESS_UNKNOWN: { title: 'This address is neither denied at run time nor banned.', status: 404 },
  ADDRESSES_FULL: {
    title: 'As many addresses are denied at run time as may be. Deny a network, or delete some.',
    status: 409,
  },
  TOPIC_TOKEN_INVALID: {
    title:
      'A token for single topics has ended, is of another user, or is none. Ask the application for a new one.',
    status: 403,
  },
  TICKET_INVALID: {
    title:
      'The ticket is unknown, was not used in time, or was used by somebody else. Get a new one.',
    status: 401,
    headers: { 'WWW-Authenticate': 'varies' },
  },
  TICKETS_TOO_MANY: {
    title: 'The credential has been traded for as many tickets as it may be for now. Use those.',
    status: 429,
    headers: { 'Retry-After': 'varies' },
  },
  TICKET_TOO_LARGE: {
    title: 'The grant is too large to be kept for a ticket. Grant patterns in place of topics.',
    status: 413,
  },
  COOKIE_TOO_LARGE: {
    title: 'The token does not fit into a cookie. Hand out shorter tokens, or send it as a header.',
    status: 413,
  },
  CROSS_SITE: {
    title:
      'A web page of another origin may not do this here, nor with the cookies of its visitor, who did not ask for it.',
    status: 403,
  },
  REVOCATION_INVALID: {
    title: 'A revocation names nothing, or several things, or a claim that sessions do not keep.',
    status: 400,
  },
  ACCESS_STATE_FULL: {
    title:
      'As many revocations or tickets are kept as may be. Nothing was stored; try again later.',
    status: 503,
    headers: { 'Retry-After': 'varies' },
  },
  ACCESS_OPTION_INVALID: {
    title:
      'An option of createAccess is of the wrong type, out of its range, or contradicts another.',
  },
  SIGNING_KEY_INVALID: {
    title:
      'The key cannot sign tokens: it is too short, damaged, not private, or not for the algorithm.',
  },
  TOKEN_CLAIMS_INVALID: {
    title: 'A new token cannot say this: a topic, the time it is good for, or a name is not one.',
  },
} as const

export type AccessErrorCode = keyof typeof accessErrors

/** An error of this room; `code` is stable, the message says what, got and what to do. */
export class AccessError extends CodedError {
  override readonly name = 'AccessError'
  readonly code: AccessErrorCode
  /** The entry of an option that is at fault: of `tokens` the first is 0. Undefined where it is no entry. */
  readonly entry: { readonly option: string; readonly index: number } | undefined

  constructor(
    code: AccessErrorCode,
    message: string,
    options?: ErrorOptions & {
      readonly headers?: CodeHeaders
      readonly entry?: AccessError['entry']
    },
  ) {
    super(message, options)
    this.code = code
    this.entry = options?.entry
  }

  override get row(): ErrorRow {
    return accessErrors[this.code]
  }
}
