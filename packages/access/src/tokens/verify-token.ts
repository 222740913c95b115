// Checks one token, step by step: form, issuer, algorithm, key, signature, times, audience.

import { KeyObject } from 'node:crypto'
import type { Clock } from '@tidemark/log'
import { quote, quoteValue } from '@tidemark/wire/values'
import { compactVerify } from 'jose'
import type { Steps } from '../explain/steps.ts'
import { keysTriedMax } from '../limits.ts'
import { refuseToken } from '../refuse-token.ts'
import { whenThere } from '../when-there.ts'
import { requireTimes } from './check-times.ts'
import type { CheckTurns } from './check-turns.ts'
import type { TokenHead, VerifyKey } from './key-source.ts'
import type { KnownToken, KnownTokens } from './known-tokens.ts'
import type { Issuer } from './plan-issuers.ts'
import { readToken, requireSize, specialTypeOf } from './read-token.ts'
import type { UnverifiedToken } from './read-token.ts'
import { isSignedBySecret } from './secret-key.ts'

/** The claims of a token whose signature and times are good. */
export interface VerifiedToken {
  readonly issuer: Issuer
  /** Frozen. */
  readonly claims: Readonly<Record<string, unknown>>
  /** When it ends, in milliseconds since 1970. */
  readonly expiresAt: number
  /** The token as it is kept. */
  readonly known: KnownToken
}

export interface VerifyHost {
  readonly issuers: readonly Issuer[]
  readonly clock: Clock
  /** Of all tokens of one access. */
  readonly known: KnownTokens
  /** The same. */
  readonly turns: CheckTurns
  /** The address that the token comes from; undefined where nobody knows. */
  readonly from: string | undefined
  readonly steps?: Steps | undefined
  /** The kind of token that is wanted. Default: an ordinary one. */
  readonly type?: string | undefined
}

/**
 * Checks a token. Nothing that it says of itself decides how it is checked. Its `iss` names a row of the
 * configuration, and its `kid` a key of that row.
 * @throws AccessError `TOKEN_INVALID`, `TOKEN_EXPIRED`; ServerError `ACCESS_UNAVAILABLE` while keys cannot be
 * read. Where nothing has to be waited for, it gives no promise, and throws.
 */
export function verifyToken(
  text: string,
  host: VerifyHost,
): VerifiedToken | Promise<VerifiedToken> {
  const { steps } = host
  steps?.begin('size', () => `The token has ${text.length} characters.`)
  const known = host.known.find(text)
  if (known === undefined) requireSize(text)
  steps?.begin('form', () => 'It is a signed token (JWT) of three parts.')
  const token = known?.token ?? readToken(text)
  const { head, typ, claims } = token
  requireType(typ, host.type)
  const issuer = chooseIssuer(claims['iss'], host)
  steps?.begin('algorithm', () => `It is signed with ${head.alg}, which its issuer uses.`)
  requireAlgorithm(head, issuer)
  steps?.begin('key', () => `It is checked with ${issuer.keys.description}.`)
  return whenThere(findKeys(head, issuer), (keys) => {
    steps?.begin('signature', () => 'The signature fits the key.')
    if (known !== undefined && keys.includes(known.key))
      return requireClaims(known, { issuer, host, isNew: false })
    return whenThere(verifySignature(token, { keys, issuer, host }), (key) =>
      requireClaims({ token, key, grant: undefined }, { issuer, host, isNew: true }),
    )
  })
}

/** The checks of a token whose signature is good. */
function requireClaims(
  known: KnownToken,
  {
    issuer,
    host: { steps, clock, known: others },
    isNew,
  }: { readonly issuer: Issuer; readonly host: VerifyHost; readonly isNew: boolean },
): VerifiedToken {
  const { claims } = known.token
  steps?.begin('times', () => 'It has begun, and has not ended.')
  const expiresAt = requireTimes(claims, issuer.toleranceMs, clock.now())
  steps?.begin('audience', () => describeAudience(issuer))
  requireAudience(claims, issuer)
  // A token for another server is not kept: it would take the place of good ones.
  if (isNew) others.add(known)
  return { issuer, claims, expiresAt, known }
}

/** A token that was signed for something else must not open a stream, though its signature is good. */
function requireType(typ: string | undefined, wanted: string | undefined): void {
  const got = specialTypeOf(typ)
  if (got === wanted) return
  throw refuseToken(
    wanted === undefined
      ? `The token is one for another use (typ ${quote(got ?? '')}). Send the token that says who you are.`
      : `The token is none for single topics (typ ${quote(wanted)}). Make it with mintTopicToken.`,
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
    `The issuer of the token is not known here; got ${got}. Get it from an issuer that is, or configure this one letter by letter, with its last slash if it has one.`,
  )
}

function requireAlgorithm({ alg }: TokenHead, { algorithms }: Issuer): void {
  const isKnown = algorithms.includes(alg) || (alg === 'Ed25519' && algorithms.includes('EdDSA'))
  if (isKnown) return
  throw refuseToken(
    `The issuer of the token signs with ${algorithms.join(', ')}; got ${quote(alg)}. Sign it with one of these.`,
  )
}

function findKeys(
  head: TokenHead,
  { keys }: Issuer,
): readonly VerifyKey[] | Promise<readonly VerifyKey[]> {
  const normal = head.alg === 'Ed25519' ? { ...head, alg: 'EdDSA' } : head
  return whenThere(keys.find(normal), (found) => requireKeys(found, head))
}

function requireKeys(found: readonly VerifyKey[], head: TokenHead): readonly VerifyKey[] {
  if (found.length > keysTriedMax) {
    throw refuseToken(
      `Its issuer has ${found.length} keys for ${head.alg}, and the token does not say which (kid). Let the issuer name its key in each token.`,
    )
  }
  if (found.length > 0) return found
  const name = head.kid === undefined ? 'without a name (kid)' : `with the name ${quote(head.kid)}`
  throw refuseToken(
    `Its issuer has no key ${name} for ${head.alg}. Get a new token: the key may have been withdrawn.`,
  )
}

interface SignatureHost {
  readonly keys: readonly VerifyKey[]
  readonly issuer: Issuer
  readonly host: VerifyHost
}

/** The key that has signed it: a set may hold several that could have signed a token without `kid`. */
function verifySignature(
  token: UnverifiedToken,
  signed: SignatureHost,
): VerifyKey | Promise<VerifyKey> {
  const [only] = signed.keys
  if (only === undefined || signed.keys.length > 1 || !isSecret(only)) return tryKeys(token, signed)
  if (isSignedBySecret(token.text, token.head.alg, only)) return only
  throw refuseSignature(undefined)
}

async function tryKeys(
  { text, head }: UnverifiedToken,
  { keys, issuer: { algorithms }, host: { turns, from = '' } }: SignatureHost,
): Promise<VerifyKey> {
  const accepted = algorithms.includes('EdDSA') ? [...algorithms, 'Ed25519'] : [...algorithms]
  let failure: unknown
  for (const key of keys) {
    try {
      if (!isSecret(key))
        await turns.take(from, () => compactVerify(text, key, { algorithms: accepted }))
      else if (!isSignedBySecret(text, head.alg, key)) continue
      return key
    } catch (error) {
      // Another key of the set may still fit.
      failure = error
    }
  }
  throw refuseSignature(failure)
}

function refuseSignature(failure: unknown): Error {
  return refuseToken(
    'The signature of the token does not fit the key of its issuer. Sign it with the key that is configured here, or configure the key that signs.',
    'TOKEN_INVALID',
    failure,
  )
}

function isSecret(key: VerifyKey): key is KeyObject {
  return key instanceof KeyObject && key.type === 'secret'
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
