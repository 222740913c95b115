// From the claims of a token to a grant.

import type { Grant, GrantClaims, PresenceData } from '@tidemark/server'
import { readPresenceData, readWhere } from '@tidemark/server/hub'
import type { Where } from '@tidemark/server/hub'
import { nearestName, quote, quoteValue } from '@tidemark/wire/values'
import {
  keptClaimCharactersMax,
  keptClaimsCharactersMax,
  permissionCharactersMax,
  permissionsMax,
  userCharactersMax,
} from '../limits.ts'
import { refuseToken } from '../refuse-token.ts'
import type { VerifiedToken } from '../tokens/verify-token.ts'
import { readClaim } from './claim-names.ts'
import type { ReadClaimNames } from './claim-names.ts'
import { fillNames } from './fill-names.ts'
import { parsedList } from './parsed-list.ts'

/** Topics, patterns and permissions, with `{sub}` where a user belongs. */
export interface GrantNames {
  /** Topics and patterns that may be subscribed to and read. Default: none. */
  readonly subscribe?: readonly string[] | undefined
  /** Topics and patterns that may be published to. Default: none. */
  readonly publish?: readonly string[] | undefined
  /** Words such as `admin`. Default: none. */
  readonly permissions?: readonly string[] | undefined
  /** The tags that events must have: `{ region: 'eu' }`. Default: every event of the topics. */
  readonly where?: Where | undefined
}

export interface GrantRules {
  /** The grant of a token that says nothing of topics. */
  readonly withoutClaim: GrantNames
  /** Claims that are kept with the session, beside those of {@link alwaysKept}: revocations go by them. */
  readonly keptClaims: readonly string[]
}

/** The user is a member of the grant itself. */
export const alwaysKept: readonly string[] = ['iss', 'jti', 'iat']
const grantNames = ['subscribe', 'publish', 'permissions', 'where', 'presence'] as const

type Claims = Readonly<Record<string, unknown>>

/**
 * The grant of a token.
 * @throws AccessError `TOKEN_INVALID` for claims that are of the wrong form
 */
export function grantOf({ issuer, claims, expiresAt }: VerifiedToken, rules: GrantRules): Grant {
  const { claimNames } = issuer
  const user = readUser(claims, claimNames)
  const name = claimNames.grant
  const said = readClaim(claims, name)
  const names = said === undefined ? rules.withoutClaim : readGrant(name, said)
  const permissions = requirePermissions([
    ...new Set([...(names.permissions ?? []), ...readPermissions(claims, claimNames)]),
  ])
  return {
    user,
    subscribe: readNames(`${name}.subscribe`, names.subscribe, { user, permissions }),
    publish: readNames(`${name}.publish`, names.publish, { user, permissions }),
    permissions,
    where: names.where,
    presence: readPresence(name, said),
    expiresAt,
    claims: keepClaims(claims, rules.keptClaims),
  }
}

/** The user of a token: the first of the configured claims that it has. */
function readUser(claims: Claims, { user: names }: ReadClaimNames): string | undefined {
  for (const name of names) {
    const given = readClaim(claims, name)
    if (given === undefined || given === null) continue
    // Some issuers count their users.
    const user = typeof given === 'number' && Number.isSafeInteger(given) ? `${given}` : given
    if (isUser(user)) return user
    throw refuseToken(
      `${name} of the token must be a text of 1 to ${userCharactersMax} characters without control characters; got ${quoteValue(given)}. Mend its issuer.`,
    )
  }
  return undefined
}

function isUser(given: unknown): given is string {
  const isText = typeof given === 'string' && given !== '' && given.length <= userCharactersMax
  return isText && given.isWellFormed() && !/\p{Cc}/u.test(given)
}

/** A member that is not known may be a restriction, so that it is not passed over. */
export function readGrant(name: string, said: unknown): GrantNames {
  if (typeof said !== 'object' || said === null || Array.isArray(said)) {
    throw refuseToken(
      `${name} of the token must be an object such as {"subscribe":["orders/*"]}; got ${quoteValue(said)}. Mend its issuer.`,
    )
  }
  const unknown = Object.keys(said).find((member) => !grantNames.some((known) => known === member))
  if (unknown !== undefined) {
    const nearest = nearestName(unknown, grantNames)
    const hint = nearest === undefined ? 'Leave it out.' : `Did you mean ${nearest}?`
    throw refuseToken(
      `${name} of the token has ${grantNames.join(', ')}; got ${quote(unknown)} as well. ${hint}`,
    )
  }
  const { subscribe, publish, permissions, where } = said as Claims
  return {
    subscribe: readWords(`${name}.subscribe`, subscribe),
    publish: readWords(`${name}.publish`, publish),
    permissions: readWords(`${name}.permissions`, permissions),
    where: readTags(`${name}.where`, where),
  }
}

/** A filter that cannot be read must not let everything through. */
function readTags(name: string, given: unknown): Where | undefined {
  try {
    return readWhere(given ?? undefined)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw refuseToken(
      `${name} of the token says which tags events must have. ${reason} Mend its issuer.`,
      'TOKEN_INVALID',
      cause,
    )
  }
}

/** The facts about the user that the token shows to others. */
function readPresence(name: string, said: unknown): PresenceData | undefined {
  if (said === undefined) return undefined
  try {
    return readPresenceData(`${name}.presence of the token`, (said as Claims)['presence'])
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw refuseToken(`${reason} Mend its issuer.`, 'TOKEN_INVALID', cause)
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

/** A text holds words with spaces between them, as `scope` does (RFC 8693 §4.2). */
function readPermissions(
  claims: Claims,
  { permissions, roles }: ReadClaimNames,
): readonly string[] {
  const words = permissions.flatMap((name) => {
    const given = readClaim(claims, name)
    if (typeof given === 'string') return given.split(' ').filter((word) => word !== '')
    return readWords(name, given)
  })
  return roles === undefined ? words : words.flatMap((word) => roles.get(word) ?? [])
}

/** The engine takes no more, and must not find a fault of the application in a token. */
function requirePermissions(words: readonly string[]): readonly string[] {
  const isWhole = words.every(({ length }) => length > 0 && length <= permissionCharactersMax)
  if (isWhole && words.length <= permissionsMax) return words
  throw refuseToken(
    `A token gives up to ${permissionsMax} permissions of 1 to ${permissionCharactersMax} characters; got ${words.length}. Leave some out, or map words to fewer with roles.`,
  )
}

/** Topics of the hub itself are for those who run it, whatever else a token names. */
export function readNames(
  name: string,
  given: readonly string[] | undefined,
  { user, permissions }: Pick<Grant, 'permissions' | 'user'>,
): readonly string[] {
  const isAdmin = permissions?.includes('admin') === true
  const names = fillNames(given ?? [], user).filter((text) => isAdmin || !text.startsWith('$'))
  if (names.length === 0) return []
  try {
    return parsedList(names)
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
export function keepClaims(claims: Claims, names: readonly string[]): GrantClaims {
  const kept: Record<string, boolean | number | string> = {}
  for (const name of [...alwaysKept, ...names]) {
    const value = readClaim(claims, name)
    if (typeof value === 'string' && value.length > keptClaimCharactersMax) {
      throw refuseToken(
        `${name} of the token may have ${keptClaimCharactersMax} characters; got ${value.length}. Make it shorter.`,
      )
    }
    if (typeof value === 'string' || typeof value === 'boolean' || isFinite(value))
      kept[name] = value
  }
  // Control characters take six each.
  const { length } = JSON.stringify(kept)
  if (length <= keptClaimsCharactersMax) return kept
  throw refuseToken(
    `The claims by which the token can be revoked may have ${keptClaimsCharactersMax} characters as JSON; got ${length}. Make them shorter.`,
  )
}

function isFinite(value: unknown): value is number {
  return Number.isFinite(value)
}
