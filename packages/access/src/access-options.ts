// How an access is made: every option, its default and its range.

import { parseTopicSet, systemClock } from '@tidemark/log'
import type { Clock } from '@tidemark/log'
import { hasMethods } from '@tidemark/log/values'
import { quote, quoteValue } from '@tidemark/wire/values'
import type { CredentialSource } from './credentials/find-credential.ts'
import { AccessError } from './errors.ts'
import type { GrantNames } from './grants/claims-grant.ts'
import { fillNames } from './grants/fill-names.ts'
import { revocableClaimsMax } from './limits.ts'
import { readList, readMembers } from './read-members.ts'
import type { Fetch } from './tokens/fetch-text.ts'
import type { TokenIssuer } from './tokens/token-issuer.ts'

/** How an access is made. */
export interface AccessOptions {
  /** The issuers whose tokens are taken. Default: none. */
  readonly tokens?: readonly TokenIssuer[] | undefined
  /** What a visitor without a token may do. Default: nothing. */
  readonly anonymous?: GrantNames | undefined
  /**
   * What a token without the claim `tidemark` grants; `{sub}` is its user. Default: to subscribe to
   * `users/{sub}/**`.
   */
  readonly withoutClaim?: GrantNames | undefined
  /**
   * Where a token is looked for, in this order: the header `Authorization: Bearer`, a cookie, `?token=`. The
   * first place that has one decides. Default: all three, in this order.
   */
  readonly sources?: readonly CredentialSource[] | undefined
  /** The cookie that a token may be in. Default `tidemark`. */
  readonly cookieName?: string | undefined
  /** Claims beside `sub`, `jti`, `iss` and `iat` by which tokens can be revoked, 4 at most. Default: none. */
  readonly revocableClaims?: readonly string[] | undefined
  /** Fetches keys. Default: the platform's. */
  readonly fetch?: Fetch | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
}

/** The options, checked, with every default. */
export type AccessSettings = Required<{
  readonly [Name in keyof AccessOptions]: Exclude<AccessOptions[Name], undefined>
}>

const code = 'ACCESS_OPTION_INVALID'
const optionNames = [
  'tokens',
  'anonymous',
  'withoutClaim',
  'sources',
  'cookieName',
  'revocableClaims',
  'fetch',
  'clock',
] as const satisfies readonly (keyof AccessOptions)[]
const allSources = ['bearer', 'cookie', 'query'] as const

/** @throws AccessError `ACCESS_OPTION_INVALID` */
export function checkOptions(options: AccessOptions): AccessSettings {
  const given = readMembers(options, optionNames, { code, what: 'The options of createAccess' })
  const unknown = Object.keys(options).find((name) => !optionNames.some((known) => known === name))
  if (unknown !== undefined) {
    throw invalid(`createAccess has ${optionNames.join(', ')}; got ${quote(unknown)}. Leave it out`)
  }
  const { fetch = globalThis.fetch, clock = systemClock, cookieName = 'tidemark' } = given
  if (typeof fetch !== 'function')
    throw invalid(`fetch must be a function; got ${quoteValue(fetch)}`)
  if (!hasMethods(clock, ['now', 'elapsed', 'after']))
    throw invalid('clock must have the functions now, elapsed and after')
  if (typeof cookieName !== 'string' || !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(cookieName))
    throw invalid(`cookieName must be the name of a cookie; got ${quoteValue(cookieName)}`)
  return {
    tokens: given.tokens ?? [],
    anonymous: checkNames('anonymous', given.anonymous),
    withoutClaim: checkNames(
      'withoutClaim',
      given.withoutClaim ?? { subscribe: ['users/{sub}/**'] },
    ),
    sources: checkSources(given.sources),
    cookieName,
    revocableClaims: checkClaims(given.revocableClaims),
    fetch,
    clock,
  }
}

function checkNames(option: string, given: GrantNames = {}): GrantNames {
  const names = ['subscribe', 'publish', 'permissions'] as const
  const members = readMembers(given, names, { code, what: option })
  for (const name of names) {
    const texts: readonly unknown[] = readList(members[name] ?? [], {
      code,
      what: `${option}.${name}`,
    })
    const odd = texts.find((text) => typeof text !== 'string')
    if (odd !== undefined) throw invalid(`${option}.${name} holds texts; got ${quoteValue(odd)}`)
  }
  // Any user will do, to see whether the rest is well formed.
  for (const name of ['subscribe', 'publish'] as const) {
    const filled = fillNames(members[name] ?? [], 'user')
    try {
      if (filled.length > 0) parseTopicSet(filled)
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw invalid(`${option}.${name} names topics and patterns. ${reason}`, cause)
    }
  }
  return members
}

function checkSources(
  given: readonly CredentialSource[] = allSources,
): readonly CredentialSource[] {
  const sources: readonly unknown[] = readList(given, { code, what: 'sources' })
  const odd = sources.find((source) => !allSources.some((known) => known === source))
  if (odd === undefined && sources.length > 0) return given
  throw invalid(`sources are some of ${allSources.join(', ')}; got ${quoteValue(given)}`)
}

function checkClaims(given: readonly string[] = []): readonly string[] {
  const names: readonly unknown[] = readList(given, { code, what: 'revocableClaims' })
  if (
    names.length <= revocableClaimsMax &&
    names.every((name) => typeof name === 'string' && name !== '')
  )
    return given
  throw invalid(
    `revocableClaims are up to ${revocableClaimsMax} names of claims; got ${quoteValue(given)}`,
  )
}

function invalid(message: string, cause?: unknown): AccessError {
  const text = message.endsWith('.') ? message : `${message}.`
  return new AccessError(code, text, { cause })
}
