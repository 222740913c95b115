// The settings of what a token is traded for, one row each: cookies and tickets, and how long a revocation is
// kept.

import { sharedLifeRangeMs } from './limits.ts'
import type { SettingName } from './hub-config.ts'
import { duration, flag, noneOr, texts } from './kinds.ts'
import type { SettingRow } from './setting.ts'

type SessionName = Extract<SettingName, `${'cookie' | 'revocation'}.${string}`>

const life = duration(sharedLifeRangeMs)

/** By name, as in `settings.ts`. */
export const sessionRows: Readonly<Record<SessionName, SettingRow>> = {
  'cookie.secure': {
    kind: flag,
    default: true,
    example: false,
    help: 'Mark the cookie of POST /session as Secure.',
    more: 'Over plain HTTP to a loopback name it is never marked.',
  },
  'cookie.sameSite': {
    kind: { kind: 'choice', of: ['Lax', 'Strict', 'None'] },
    default: 'Lax',
    example: 'None',
    help: 'Which requests of pages of other sites carry the cookie.',
    more: 'Pages of another site that are in `cors.origins` need `None`; browsers may still refuse it.',
  },
  'cookie.domain': {
    kind: { kind: 'text', names: 'a host name', isOptional: true },
    default: '',
    example: 'example.org',
    help: 'Give the cookie to this host and all below it. By default to the host alone that set it.',
  },
  'cookie.path': {
    kind: { kind: 'text', names: 'a path' },
    default: '/',
    example: '/hub',
    help: 'The paths that get the cookie.',
  },
  'cookie.maxAge': {
    kind: noneOr(life),
    default: 'none',
    example: '1h',
    help: 'The longest that a browser keeps the cookie. It never outlives its token.',
  },
  'revocation.claims': {
    kind: texts(4, { kind: 'text', names: 'a claim' }),
    default: [],
    example: ['tenant'],
    value: '<claim,…>',
    help: 'Claims by which tokens can be revoked, beside the user, iss, jti and iat.',
  },
  'revocation.tokenLife': {
    kind: life,
    default: '24h',
    example: '7d',
    help: 'The longest life of a token: so long the revocation of a user is kept.',
  },
  'revocation.ticketLife': {
    kind: life,
    default: '24h',
    example: '1h',
    help: 'The longest that a ticket lets its stream come back. It never outlives its token.',
  },
}
