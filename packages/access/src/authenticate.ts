// The application's own check: its session cookie, its key, whatever it knows its users by.

import type { Clock } from '@tidemark/log'
import type { Grant, RequestFacts } from '@tidemark/server'
import { quoteValue } from '@tidemark/wire/values'
import type { Check } from './checked.ts'
import { AccessError } from './errors.ts'
import { recheckAfterDefaultMs } from './limits.ts'

/**
 * Says who sends a request: a user, who may then what a token without grants may; a whole grant; or undefined
 * for somebody who is not known.
 */
export type Authenticate = (
  request: RequestFacts,
) => Grant | Promise<Grant | string | undefined> | string | undefined

interface AuthenticateOptions {
  readonly authenticate: Authenticate
  /** After so long an open stream is asked about again. Default 5 min. */
  readonly recheckAfterMs?: number | undefined
  readonly clock: Clock
  /** The grant of a user of whom nothing else is said. */
  readonly grantUser: (user: string) => Grant
}

/**
 * Asks the application where a request brings no credential of another kind. It was asked just now, so what it
 * says is newer than any revocation that is there already.
 */
export function askApplication(check: Check, options: AuthenticateOptions): Check {
  const { authenticate, recheckAfterMs = recheckAfterDefaultMs, clock, grantUser } = options
  return async (request) => {
    const checked = await check(request)
    if (checked.source !== 'none') return checked
    const said: unknown = await authenticate(request)
    // Of a sign-in that has ended many applications keep null.
    if (said === undefined || said === null) return checked
    const grant = readGrant(said, grantUser)
    const claims = { iat: clock.now() / 1000, ...grant.claims }
    return { source: 'application', grant: { recheckAfterMs, ...grant, claims } }
  }
}

function readGrant(said: unknown, grantUser: (user: string) => Grant): Grant {
  if (typeof said === 'string' && said !== '') return grantUser(said)
  if (typeof said === 'object' && said !== null && !Array.isArray(said)) return said
  throw new AccessError(
    'ACCESS_OPTION_INVALID',
    `authenticate gives a user such as "ada", a grant such as { user: "ada", subscribe: ["orders/*"] }, or undefined; got ${quoteValue(said)}.`,
  )
}
