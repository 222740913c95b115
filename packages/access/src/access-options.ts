// How an access is made: every option, its default and its range.

import { parseTopicSet, systemClock } from '@tidemark/log'
import type { Clock } from '@tidemark/log'
import { hasMethods } from '@tidemark/log/values'
import { readWhere } from '@tidemark/server/hub'
import { quoteValue } from '@tidemark/wire/values'
import type { CredentialSource } from './credentials/find-credential.ts'
import type { GrantNames } from './grants/claims-grant.ts'
import { userPlace } from './grants/fill-names.ts'
import { permissionCharactersMax, permissionsMax, revocableClaimsMax } from './limits.ts'
import { readList } from './read-members.ts'
import { invalidOption, readOptions } from './read-options.ts'
import { checkSharedOptions, sharedNames } from './shared-options.ts'
import type { SharedOptions, SharedSettings } from './shared-options.ts'
import type { Fetch } from './tokens/fetch-text.ts'
import type { TokenIssuer } from './tokens/token-issuer.ts'

/** How an access is made. */
export interface AccessOptions extends SharedOptions {
  /** The issuers whose tokens are taken. Default: none. */
  readonly tokens?: readonly TokenIssuer[] | undefined
  /**
   * The issuers of tokens for single topics, such as the application itself. Default: those of `tokens`.
   */
  readonly topicTokens?: readonly TokenIssuer[] | undefined
  /** The rights of a visitor without a token. Default: none. */
  readonly anonymous?: GrantNames | undefined
  /**
   * The rights of a token without the claim `tidemark`; `{sub}` is its user. Default: to subscribe to
   * `users/{sub}/**`.
   */
  readonly withoutClaim?: GrantNames | undefined
  /**
   * Where a token is looked for, in this order: the header `Authorization: Bearer`, a cookie, `?token=`. The
   * first place that has one decides. Default: all three, in this order.
   */
  readonly sources?: readonly CredentialSource[] | undefined
  /**
   * The cookie that a token may be in. Default `tidemark`. With `cookie` that name stands behind the
   * strongest prefix that its attributes allow, such as `__Host-tidemark`.
   */
  readonly cookieName?: string | undefined
  /**
   * The URL that clients know this server by. Each 401 then names the metadata where a client learns whose
   * tokens are taken (RFC 9728): answer them with `access.metadata`. Default: none.
   */
  readonly resource?: string | undefined
  /** Claims beside `sub`, `jti`, `iss` and `iat` by which tokens can be revoked, 4 at most. Default: none. */
  readonly revocableClaims?: readonly string[] | undefined
  /**
   * Told one line for the operator when keys at a URL can no longer be fetched, and one when they can again.
   * Default: nobody is told; {@link Access.warnings} says what is amiss now.
   */
  readonly onLine?: ((line: string) => void) | undefined
  /** Fetches keys. Default: the platform's. */
  readonly fetch?: Fetch | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
}

/** The options, checked, with every default. */
export type AccessSettings = OwnSettings & SharedSettings & Pick<AccessOptions, 'resource'>

type OwnSettings = Required<{
  readonly [Name in Exclude<keyof AccessOptions, 'resource' | keyof SharedOptions>]: Exclude<
    AccessOptions[Name],
    undefined
  >
}>

const code = 'ACCESS_OPTION_INVALID'
const optionNames = [
  'tokens',
  'topicTokens',
  'anonymous',
  'withoutClaim',
  'sources',
  'cookieName',
  'resource',
  'revocableClaims',
  'onLine',
  'fetch',
  'clock',
  ...sharedNames,
] as const satisfies readonly (keyof AccessOptions)[]
const withoutClaimDefault: GrantNames = { subscribe: [`users/${userPlace}/**`] }
const allSources = ['bearer', 'cookie', 'query'] as const

/** @throws AccessError `ACCESS_OPTION_INVALID` */
export function checkOptions(options: AccessOptions): AccessSettings {
  const given: Partial<AccessOptions> = readOptions(options, optionNames, 'createAccess')
  const { fetch = globalThis.fetch, clock = systemClock } = given
  const { cookieName = 'tidemark', tokens = [] } = given
  if (typeof fetch !== 'function')
    throw invalidOption(`fetch must be a function; got ${quoteValue(fetch)}`)
  if (given.onLine !== undefined && typeof given.onLine !== 'function')
    throw invalidOption(`onLine must be a function; got ${quoteValue(given.onLine)}`)
  if (!hasMethods(clock, ['now', 'elapsed', 'after']))
    throw invalidOption('clock must have the functions now, elapsed and after')
  if (typeof cookieName !== 'string' || !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(cookieName))
    throw invalidOption(`cookieName must be the name of a cookie; got ${quoteValue(cookieName)}`)
  const sources = checkSources(given.sources)
  const shared = checkSharedOptions(given, given.cookieName)
  if (shared.cookie !== undefined && !sources.includes('cookie'))
    throw invalidOption(
      'sources must name cookie where the option cookie says which. Leave one of them out',
    )
  return {
    ...shared,
    tokens,
    topicTokens: given.topicTokens === undefined ? tokens : given.topicTokens,
    anonymous: checkNames('anonymous', given.anonymous),
    withoutClaim: checkNames(
      'withoutClaim',
      given.withoutClaim === undefined ? withoutClaimDefault : given.withoutClaim,
      'user',
    ),
    sources,
    cookieName,
    resource: given.resource,
    revocableClaims: checkClaims(given.revocableClaims),
    onLine: tellSafely(given.onLine),
    fetch,
    clock,
  }
}

/** A log of the application that fails is no reason to fetch no keys any more. */
function tellSafely(onLine: (line: string) => void = () => undefined): (line: string) => void {
  return (line) => {
    try {
      onLine(line)
    } catch {
      // There is nobody left to tell.
    }
  }
}

/** @param user Whom `{sub}` stands for; undefined where there is none. */
function checkNames(
  option: 'anonymous' | 'withoutClaim',
  given: GrantNames = {},
  user?: string,
): GrantNames {
  const names = ['subscribe', 'publish', 'permissions'] as const
  const members: GrantNames = readOptions(given, [...names, 'where'], option)
  const { subscribe = [], publish = [], permissions = [] } = members
  const checked = { subscribe, publish, permissions }
  for (const name of names) {
    const what = `${option}.${name}`
    const texts: readonly unknown[] = readList(checked[name], { code, what })
    const odd = texts.find((text) => typeof text !== 'string' || text === '')
    if (odd !== undefined) throw invalidOption(`${what} holds texts; got ${quoteValue(odd)}`)
  }
  requirePermissions(`${option}.permissions`, checked.permissions)
  const isAdmin = checked.permissions.includes('admin')
  for (const name of ['subscribe', 'publish'] as const) {
    requireNames(`${option}.${name}`, checked[name], user)
    // Of tokens without the claim those of an admin may have them.
    if (option === 'anonymous' && !isAdmin) requireUnreserved(`${option}.${name}`, checked[name])
  }
  return { ...members, where: checkWhere(`${option}.where`, members.where) }
}

function checkWhere(what: string, given: GrantNames['where']): GrantNames['where'] {
  try {
    return readWhere(given)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw invalidOption(`${what} says which tags events must have. ${reason}`, cause)
  }
}

function requireNames(what: string, names: readonly string[], user: string | undefined): void {
  if (user === undefined && names.some((name) => name.includes(userPlace))) {
    throw invalidOption(
      `${what} has ${userPlace}, but a visitor without a token is no user. Leave it out`,
    )
  }
  // Any user will do, to see whether the rest is well formed.
  const filled = names.map((name) => name.replaceAll(userPlace, user ?? ''))
  try {
    if (filled.length > 0) parseTopicSet(filled)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw invalidOption(`${what} names topics and patterns. ${reason}`, cause)
  }
}

/** As in a token: the ledgers of a hub name its users, and are for those who run it. */
function requireUnreserved(what: string, names: readonly string[]): void {
  const reserved = names.find((name) => name.startsWith('$'))
  if (reserved === undefined) return
  throw invalidOption(
    `${what} has ${quoteValue(reserved)}, and names that begin with $ need the permission admin. Leave it out`,
  )
}

function requirePermissions(what: string, words: readonly string[]): void {
  const isWhole = words.every(({ length }) => length <= permissionCharactersMax)
  if (isWhole && words.length <= permissionsMax) return
  throw invalidOption(
    `${what} holds up to ${permissionsMax} words of up to ${permissionCharactersMax} characters; got ${words.length}`,
  )
}

function checkSources(
  given: readonly CredentialSource[] = allSources,
): readonly CredentialSource[] {
  const sources: readonly unknown[] = readList(given, { code, what: 'sources' })
  const odd = sources.find((source) => !allSources.some((known) => known === source))
  const isOnce = new Set(sources).size === sources.length
  if (odd === undefined && sources.length > 0 && isOnce) return given
  throw invalidOption(
    `sources are some of ${allSources.join(', ')}, each once; got ${quoteValue(given)}`,
  )
}

function checkClaims(given: readonly string[] = []): readonly string[] {
  const names: readonly unknown[] = readList(given, { code, what: 'revocableClaims' })
  if (
    names.length <= revocableClaimsMax &&
    names.every((name) => typeof name === 'string' && /^[^$]/.test(name))
  )
    return given
  throw invalidOption(
    `revocableClaims are up to ${revocableClaimsMax} names of claims, none of which begins with $; got ${quoteValue(given)}`,
  )
}
