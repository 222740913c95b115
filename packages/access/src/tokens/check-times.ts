// Whether a token holds now: `exp`, `nbf` and `iat` (RFC 7519 §4.1.4 to 4.1.6).

import { quoteValue } from '@tidemark/wire/values'
import { secondsLookMax } from '../limits.ts'
import { refuseToken } from '../refuse-token.ts'

/**
 * The end of a token in milliseconds since 1970. A token without an end would outlive every mistake. One that
 * has ended within the tolerance is good for the rest of the tolerance.
 * @throws AccessError `TOKEN_INVALID`, `TOKEN_EXPIRED`
 */
export function requireTimes(
  claims: Readonly<Record<string, unknown>>,
  toleranceMs: number,
  now: number,
): number {
  const exp = readTime('exp', claims['exp'])
  const nbf = readTime('nbf', claims['nbf'])
  const iat = readTime('iat', claims['iat'])
  if (exp === undefined) {
    throw refuseToken('The token has no end (exp). Issue tokens that end, in minutes or hours.')
  }
  if (exp + toleranceMs <= now) {
    throw refuseToken(
      `The token has ended ${Math.ceil((now - exp) / 1_000)} s ago (exp). Get a new one.`,
      'TOKEN_EXPIRED',
    )
  }
  // A token of the future would outlive every revocation of what was issued until now.
  const begin = Math.max(nbf ?? -Infinity, iat ?? -Infinity)
  if (begin - toleranceMs > now) {
    throw refuseToken(
      `The token begins in ${Math.ceil((begin - now) / 1_000)} s (nbf, iat). Wait, or set the clocks of issuer and server.`,
    )
  }
  return exp > now ? exp : exp + toleranceMs
}

function readTime(name: string, seconds: unknown): number | undefined {
  if (seconds === undefined) return undefined
  const isNumber = typeof seconds === 'number' && Number.isFinite(seconds)
  if (isNumber && Math.abs(seconds) < secondsLookMax) return seconds * 1_000
  const hint = isNumber ? 'It looks like milliseconds: divide it by 1000.' : 'Mend its issuer.'
  throw refuseToken(
    `${name} of the token must be a number of seconds since 1970; got ${quoteValue(seconds)}. ${hint}`,
  )
}
