// Checks one token, step by step: form, issuer, algorithm, key, signature, times, audience.

import type { Clock } from '@tidemark/log'
import { quote, quoteValue } from '@tidemark/wire/values'
import { compactVerify, decodeJwt, decodeProtectedHeader, errors } from 'jose'
import type { Steps } from '../explain/steps.ts'
import { tokenCharactersMax } from '../limits.ts'
import { refuseToken } from '../refuse-token.ts'
import type { TokenHead, VerifyKey } from './key-source.ts'
import type { Issuer } from './plan-issuers.ts'

/** The claims of a token whose signature and times are good. */
export interface VerifiedToken {
  readonly issuer: Issuer
  readonly claims: Readonly<Record<string, unknown>>
  /** When it ends, in milliseconds since 1970. */
  readonly expiresAt: number
}

interface VerifyHost {
  readonly issuers: readonly Issuer[]
  readonly clock: Clock
  readonly steps: Steps | undefined
}

/**
 * Checks a token. Nothing that it says of itself decides how it is checked: its `iss` only names a row of the
 * configuration, and its `kid` a key of that row.
 * @throws AccessError `TOKEN_INVALID`, `TOKEN_EXPIRED`; ServerError `ACCESS_UNAVAILABLE` while keys cannot be
 * read
 */
export async function verifyToken(text: string, host: VerifyHost): Promise<VerifiedToken> {
  const { steps, clock } = host
  steps?.begin('size', () => `The token has ${text.length} characters.`)
  requireSize(text)
  steps?.begin('form', () => 'It is a signed token (JWT) of three parts.')
  const head = readHead(text)
  const issuer = chooseIssuer(readIssuer(text), host)
  steps?.begin('algorithm', () => `It is signed with ${head.alg}, which its issuer uses.`)
  requireAlgorithm(head, issuer)
  steps?.begin('key', () => `Its key is among ${issuer.keys.description}.`)
  const keys = await findKeys(head, issuer)
  steps?.begin('signature', () => 'The signature fits the key.')
  const claims = await verifySignature(text, keys, issuer)
  steps?.begin('times', () => 'It has begun, and has not ended.')
  const expiresAt = requireTimes(claims, issuer, clock)
  steps?.begin('audience', () => describeAudience(issuer))
  requireAudience(claims, issuer)
  return { issuer, claims, expiresAt }
}

function requireSize({ length }: string): void {
  if (length <= tokenCharactersMax) return
  throw refuseToken(
    `A token may have ${tokenCharactersMax} characters; got ${length}. Name patterns in it in place of single topics.`,
  )
}

/** Headers that change how a token is read are none that this server knows (RFC 7515 §4.1.11). */
function readHead(text: string): TokenHead {
  let head: Readonly<Record<string, unknown>>
  try {
    head = decodeProtectedHeader(text)
  } catch (cause) {
    throw malformed(cause)
  }
  const { alg, kid, crit, b64 } = head
  if (typeof alg !== 'string') throw malformed()
  if (crit !== undefined || b64 !== undefined) {
    throw refuseToken(
      'The token has header fields that are not known here (crit). Sign it without them.',
    )
  }
  return { alg, kid: typeof kid === 'string' ? kid : undefined }
}

function readIssuer(text: string): unknown {
  try {
    return decodeJwt(text).iss
  } catch (cause) {
    throw malformed(cause)
  }
}

function malformed(cause?: unknown): Error {
  return refuseToken(
    'The token is no signed token (JWT): three parts of base64url with dots in between. Send the token as its issuer gave it.',
    'TOKEN_INVALID',
    cause,
  )
}

function chooseIssuer(iss: unknown, { issuers, steps }: VerifyHost): Issuer {
  steps?.begin('issuer', () =>
    iss === undefined
      ? 'It names no issuer, and need not.'
      : `It is of the issuer ${quoteValue(iss)}.`,
  )
  const found = issuers.find(({ name }) => name === undefined || name === iss)
  if (found !== undefined) return found
  if (issuers.length === 0) {
    throw refuseToken('This server takes no tokens. Leave it out, or configure the issuer.')
  }
  const got = iss === undefined ? 'none' : quoteValue(iss)
  throw refuseToken(
    `The issuer of the token is not known here; got ${got}. Get it from an issuer that is.`,
  )
}

function requireAlgorithm({ alg }: TokenHead, { algorithms }: Issuer): void {
  const isKnown = algorithms.includes(alg) || (alg === 'Ed25519' && algorithms.includes('EdDSA'))
  if (isKnown) return
  throw refuseToken(
    `The issuer of the token signs with ${algorithms.join(', ')}; got ${quote(alg)}. Sign it with one of these.`,
  )
}

async function findKeys(head: TokenHead, { keys }: Issuer): Promise<readonly VerifyKey[]> {
  const normal = head.alg === 'Ed25519' ? { ...head, alg: 'EdDSA' } : head
  const found = await keys.find(normal)
  if (found.length > 0) return found
  const name = head.kid === undefined ? 'without a name (kid)' : `with the name ${quote(head.kid)}`
  throw refuseToken(
    `Its issuer has no key ${name} for ${head.alg}. Get a new token: the key may have been withdrawn.`,
  )
}

/** A set may hold several keys that could have signed a token without `kid`. */
async function verifySignature(
  text: string,
  keys: readonly VerifyKey[],
  { algorithms }: Issuer,
): Promise<Readonly<Record<string, unknown>>> {
  const accepted = algorithms.includes('EdDSA') ? [...algorithms, 'Ed25519'] : [...algorithms]
  for (const key of keys) {
    try {
      const { payload } = await compactVerify(text, key, { algorithms: accepted })
      return readClaims(payload)
    } catch (error) {
      // Any other error means that this key cannot have signed it.
      if (error instanceof errors.JWTInvalid) throw malformed(error)
    }
  }
  throw refuseToken(
    'The signature of the token does not fit the key of its issuer. Sign it with the key that is configured here, or configure the key that signs.',
  )
}

function readClaims(payload: Uint8Array): Readonly<Record<string, unknown>> {
  let claims: unknown
  try {
    claims = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  } catch (cause) {
    throw new errors.JWTInvalid('The claims are not JSON.', { cause })
  }
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims))
    throw new errors.JWTInvalid('The claims are no object.')
  return claims as Readonly<Record<string, unknown>>
}

/** RFC 7519 §4.1.4 to 4.1.6. A token without an end would outlive every mistake. */
function requireTimes(
  claims: Readonly<Record<string, unknown>>,
  { toleranceMs }: Issuer,
  clock: Clock,
): number {
  const now = clock.now()
  const [exp, nbf, iat] = ['exp', 'nbf', 'iat'].map((name) => readTime(name, claims[name]))
  if (exp === undefined) {
    throw refuseToken('The token has no end (exp). Issue tokens that end, in minutes or hours.')
  }
  if (exp + toleranceMs <= now) {
    throw refuseToken(
      `The token has ended ${Math.ceil((now - exp) / 1_000)} s ago. Get a new one.`,
      'TOKEN_EXPIRED',
    )
  }
  const begin = Math.max(nbf ?? -Infinity, iat ?? -Infinity)
  if (begin - toleranceMs > now) {
    throw refuseToken(
      `The token begins in ${Math.ceil((begin - now) / 1_000)} s (nbf, iat). Wait, or set the clocks of issuer and server.`,
    )
  }
  return exp
}

function readTime(name: string, seconds: unknown): number | undefined {
  if (seconds === undefined) return undefined
  if (typeof seconds === 'number' && Number.isFinite(seconds)) return seconds * 1_000
  throw refuseToken(
    `${name} of the token must be a number of seconds; got ${quoteValue(seconds)}. Mend its issuer.`,
  )
}

function describeAudience({ audience }: Issuer): string {
  return audience.length === 0 ? 'Its audience is not looked at.' : 'It is for this server (aud).'
}

function requireAudience({ aud }: Readonly<Record<string, unknown>>, { audience }: Issuer): void {
  if (audience.length === 0) return
  const given: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (audience.some((name) => given.includes(name))) return
  const got = aud === undefined ? 'none' : quoteValue(aud)
  throw refuseToken(
    `The token is for another server: its audience (aud) must hold ${audience.map(quote).join(' or ')}; got ${got}. Ask its issuer for one that is for this server.`,
  )
}
