// From the claims of a token to a grant.

import { parseTopicSet } from '@tidemark/log'
import type { Grant } from '@tidemark/server'
import { quote, quoteValue } from '@tidemark/wire/values'
import { keptClaimCharactersMax, userCharactersMax } from '../limits.ts'
import { refuseToken } from '../refuse-token.ts'
import type { VerifiedToken } from '../tokens/verify-token.ts'
import { fillNames } from './fill-names.ts'

/** Topics, patterns and permissions, with `{sub}` where a user belongs. */
export interface GrantNames {
  /** Topics and patterns that may be subscribed to and read. Default: none. */
  readonly subscribe?: readonly string[] | undefined
  /** Topics and patterns that may be published to. Default: none. */
  readonly publish?: readonly string[] | undefined
  /** Words such as `admin`. Default: none. */
  readonly permissions?: readonly string[] | undefined
}

export interface GrantRules {
  /** The grant of a token that says nothing of topics. */
  readonly withoutClaim: GrantNames
  /** Claims that are kept with the session, beside those of {@link alwaysKept}: revocations go by them. */
  readonly keptClaims: readonly string[]
}

/** The user is a member of the grant itself. */
const alwaysKept = ['iss', 'jti', 'iat'] as const
const grantNames = ['subscribe', 'publish', 'permissions', 'presence'] as const

type Claims = Readonly<Record<string, unknown>>

/**
 * The grant of a token.
 * @throws AccessError `TOKEN_INVALID` for claims that are of the wrong form
 */
export function grantOf({ issuer, claims, expiresAt }: VerifiedToken, rules: GrantRules): Grant {
  const { claimNames } = issuer
  const user = readUser(claimNames.user ?? 'sub', claims)
  const name = claimNames.grant ?? 'tidemark'
  const said = claims[name]
  const names = said === undefined ? rules.withoutClaim : readGrant(name, said)
  const { permissions: claim } = claimNames
  const permissions = claim === undefined ? [] : readWords(claim, claims[claim])
  return {
    user,
    subscribe: readNames(`${name}.subscribe`, names.subscribe, user),
    publish: readNames(`${name}.publish`, names.publish, user),
    permissions: [...new Set([...(names.permissions ?? []), ...permissions])],
    expiresAt,
    claims: keep(claims, rules.keptClaims),
  }
}

/** A number is taken too: some issuers count their users. */
function readUser(name: string, claims: Claims): string | undefined {
  const given = claims[name]
  if (given === undefined || given === null) return undefined
  const user = Number.isSafeInteger(given) ? String(given) : given
  if (typeof user === 'string' && user !== '' && user.length <= userCharactersMax) return user
  throw refuseToken(
    `${name} of the token must be a text of 1 to ${userCharactersMax} characters; got ${quoteValue(given)}. Mend its issuer.`,
  )
}

/** A member that is not known may be a restriction, so that it is not passed over. */
function readGrant(name: string, said: unknown): GrantNames {
  if (typeof said !== 'object' || said === null || Array.isArray(said)) {
    throw refuseToken(
      `${name} of the token must be an object such as {"subscribe":["orders/*"]}; got ${quoteValue(said)}. Mend its issuer.`,
    )
  }
  const unknown = Object.keys(said).find((member) => !grantNames.some((known) => known === member))
  if (unknown !== undefined) {
    throw refuseToken(
      `${name} of the token has ${grantNames.join(', ')}; got ${quote(unknown)} as well. Leave it out.`,
    )
  }
  const { subscribe, publish, permissions } = said as Claims
  return {
    subscribe: readWords(`${name}.subscribe`, subscribe),
    publish: readWords(`${name}.publish`, publish),
    permissions: readWords(`${name}.permissions`, permissions),
  }
}

/** A word, or a list of words. */
function readWords(name: string, given: unknown): readonly string[] {
  if (given === undefined || given === null) return []
  const words: readonly unknown[] = Array.isArray(given) ? given : [given]
  if (words.every((word) => typeof word === 'string')) return words
  throw refuseToken(
    `${name} of the token must be a list of texts; got ${quoteValue(given)}. Mend its issuer.`,
  )
}

function readNames(
  name: string,
  given: readonly string[] | undefined,
  user: string | undefined,
): readonly string[] {
  const names = fillNames(given ?? [], user)
  if (names.length === 0) return []
  try {
    parseTopicSet(names)
    return names
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw refuseToken(
      `${name} of the token names topics and patterns. ${reason}`,
      'TOKEN_INVALID',
      cause,
    )
  }
}

/** A claim that is too long to keep would be out of reach of revocations. */
function keep(
  claims: Claims,
  names: readonly string[],
): Readonly<Record<string, boolean | number | string>> {
  const kept: Record<string, boolean | number | string> = {}
  for (const name of [...alwaysKept, ...names]) {
    const value = claims[name]
    if (typeof value === 'string' && value.length > keptClaimCharactersMax) {
      throw refuseToken(
        `${name} of the token may have ${keptClaimCharactersMax} characters; got ${value.length}. Make it shorter.`,
      )
    }
    const isPlain =
      typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string'
    if (isPlain) kept[name] = value
  }
  return kept
}
