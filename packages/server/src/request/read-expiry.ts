// When something ends, as an application says it.

import type { Clock } from '@tidemark/log'
import { ServerError } from '../errors.ts'
import { expiresAtRange } from '../limits.ts'
import { quoteValue } from '@tidemark/wire/values'

/**
 * Milliseconds since 1970, or undefined: never. Seconds, as the `exp` of a token has them, would be a day in
 * 1970.
 * @throws ServerError `OPTION_INVALID`
 */
export function readExpiry(expiresAt: number | undefined): number | undefined {
  if (expiresAt === undefined) return undefined
  const { from, to } = expiresAtRange
  if (typeof expiresAt === 'number' && expiresAt >= from && expiresAt <= to) return expiresAt
  throw new ServerError(
    'OPTION_INVALID',
    `expiresAt is in milliseconds since 1970, such as Date.now() + 3600000; got ${quoteValue(expiresAt)}. The exp of a token is in seconds: multiply it by 1000.`,
  )
}

/**
 * Refuses what has ended already: a stream would be told goodbye at once, and its client would come back
 * again and again.
 * @throws ServerError `UNAUTHENTICATED`
 */
export function requireUnexpired(expiresAt: number | undefined, clock: Clock): void {
  if (expiresAt === undefined || expiresAt > clock.now()) return
  throw new ServerError(
    'UNAUTHENTICATED',
    `The credentials of the request ended at ${new Date(expiresAt).toISOString()}. Get new ones, and send them along.`,
  )
}
