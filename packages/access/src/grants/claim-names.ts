// Names of claims as the configuration says them, and claims by such a name.

import { quoteValue } from '@tidemark/wire/values'
import { issuerNamesMax, permissionsMax } from '../limits.ts'
import { readList } from '../read-members.ts'
import { invalidOption, readOptions, readText, readTexts } from '../read-options.ts'
import type { ClaimNames, TokenIssuer } from '../tokens/token-issuer.ts'

/** Claim names with their defaults. */
export interface ReadClaimNames {
  readonly user: readonly string[]
  readonly permissions: readonly string[]
  readonly grant: string
  /** Undefined: each word of `permissions` is a permission. */
  readonly roles: ReadonlyMap<string, readonly string[]> | undefined
}

type Claims = Readonly<Record<string, unknown>>

/**
 * Reads `claimNames` and `roles` of an issuer.
 * @throws AccessError `ACCESS_OPTION_INVALID`
 */
export function readClaimNames({
  claimNames = {},
  roles,
}: Pick<TokenIssuer, 'claimNames' | 'roles'>): ReadClaimNames {
  const given: Partial<ClaimNames> = readOptions(
    claimNames,
    ['user', 'permissions', 'grant'],
    'claimNames',
  )
  const permissions = readTexts('claimNames.permissions', given.permissions, issuerNamesMax)
  if (roles !== undefined && permissions === undefined) {
    throw invalidOption(
      'roles says what the words of claimNames.permissions stand for. Name the claim there as well',
    )
  }
  return {
    user: readTexts('claimNames.user', given.user, issuerNamesMax) ?? ['sub'],
    permissions: permissions ?? [],
    grant: readText('claimNames.grant', given.grant) ?? 'tidemark',
    roles: roles === undefined ? undefined : readRoles(roles),
  }
}

/**
 * A claim by its name. The name as it stands goes first, because some issuers name claims by a URL with dots.
 * Else each part goes into an object: `app_metadata.role`.
 */
export function readClaim(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name]
  let value: unknown = claims
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Claims)[part]
  }
  return value
}

function readRoles(given: unknown): ReadonlyMap<string, readonly string[]> {
  const roles = new Map<string, readonly string[]>()
  for (const [word, list] of readEntries(given)) {
    const what = `roles.${word}`
    const permissions = readList(list as readonly string[], { code: 'ACCESS_OPTION_INVALID', what })
    roles.set(word, permissions.length === 0 ? [] : (readTexts(what, list, permissionsMax) ?? []))
  }
  return roles
}

function readEntries(given: unknown): readonly (readonly [string, unknown])[] {
  const wanted = "roles are lists of permissions by word, such as { editor: ['sse:read'] }"
  try {
    if (typeof given === 'object' && given !== null && !Array.isArray(given))
      return Object.entries(given)
  } catch (cause) {
    throw invalidOption(`${wanted}; these cannot be read`, cause)
  }
  throw invalidOption(`${wanted}; got ${quoteValue(given)}`)
}
