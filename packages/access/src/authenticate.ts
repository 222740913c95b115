// The application's own check: its session cookie, its key, whatever it knows its users by.

import type { Clock } from '@tidemark/log'
import type { Grant, RequestFacts } from '@tidemark/server'
import { quoteValue } from '@tidemark/wire/values'
import { AccessError } from './errors.ts'
import type { GrantNames } from './grants/claims-grant.ts'
import { fillNames } from './grants/fill-names.ts'

/**
 * Says who sends a request. A user may then do what a token without grants may. Undefined stands for somebody
 * who is not known.
 */
export type Authenticate = (
  request: RequestFacts,
) => Grant | Promise<Grant | string | undefined> | string | undefined

interface AuthenticateOptions {
  readonly authenticate: Authenticate | undefined
  readonly recheckAfterMs: number
  readonly clock: Clock
  /** The rights of a user of whom nothing else is said. */
  readonly withoutClaim: GrantNames
}

/**
 * Asks the application who sends a request; undefined: it does not know. It was asked just now, so its answer
 * is newer than any revocation that is there already.
 */
export async function askApplication(
  request: RequestFacts,
  { authenticate, recheckAfterMs, clock, withoutClaim }: AuthenticateOptions,
): Promise<Grant | undefined> {
  const said: unknown = await authenticate?.(request)
  // Of a sign-in that has ended many applications keep null.
  if (said === undefined || said === null) return undefined
  const grant = readGrant(said, withoutClaim)
  return { recheckAfterMs, ...grant, claims: { iat: clock.now() / 1000, ...grant.claims } }
}

function readGrant(said: unknown, withoutClaim: GrantNames): Grant {
  if (typeof said === 'string' && said !== '') {
    const { subscribe = [], publish = [], permissions, where } = withoutClaim
    return {
      user: said,
      subscribe: fillNames(subscribe, said),
      publish: fillNames(publish, said),
      permissions,
      where,
    }
  }
  if (typeof said === 'object' && said !== null && !Array.isArray(said)) return said
  throw new AccessError(
    'ACCESS_OPTION_INVALID',
    `authenticate gives a user such as "ada", a grant such as { user: "ada", subscribe: ["orders/*"] }, or undefined; got ${quoteValue(said)}.`,
  )
}
