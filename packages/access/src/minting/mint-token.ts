// A new token: for a person's first try, for a test, and for an application that logs its users in itself.

import { randomUUID } from 'node:crypto'
import { hasWildcard, parsePattern, parseTopic, systemClock } from '@tidemark/log'
import type { Clock } from '@tidemark/log'
import { hasMethods } from '@tidemark/log/values'
import type { PresenceData } from '@tidemark/server'
import { readPresenceData, readWhere } from '@tidemark/server/hub'
import type { Where } from '@tidemark/server/hub'
import { quoteValue } from '@tidemark/wire/values'
import { SignJWT } from 'jose'
import { AccessError } from '../errors.ts'
import {
  keptClaimCharactersMax,
  mintedNameCharactersMax,
  mintedNamesMax,
  mintedPermissionCharactersMax,
  mintedPermissionsMax,
  mintedTtlMsDefault,
  mintedTtlMsRange,
  tokenCharactersMax,
} from '../limits.ts'
import { readList, readMembers } from '../read-members.ts'
import type { ClaimNames } from '../tokens/token-issuer.ts'
import { readSigningKey } from './signing-key.ts'
import type { SigningKeyOptions } from './signing-key.ts'

/** The claims of a new token, and the key that signs it. */
export interface MintOptions extends SigningKeyOptions {
  /** The user (`sub`): 1 to 256 characters. Default: none, a token of nobody in particular. */
  readonly sub?: string | undefined
  /** Topics and patterns that may be subscribed to and read, 1,000 at most. `{sub}` is the user. */
  readonly subscribe?: readonly string[] | undefined
  /** Topics and patterns that may be published to, likewise. */
  readonly publish?: readonly string[] | undefined
  /** Words such as `admin`, 100 at most, of 1 to 128 characters each. */
  readonly permissions?: readonly string[] | undefined
  /**
   * The tags that events must have, so that the user gets them: `{ region: 'eu' }`, or several values of
   * which each is as good. Default: every event of the topics.
   */
  readonly where?: Where | undefined
  /**
   * Facts about the user, such as a name, for those who ask for the presence of a topic. Texts, numbers and
   * booleans, 512 characters as JSON. Default: none.
   */
  readonly presence?: PresenceData | undefined
  /** How long it is good for, in milliseconds: 1 s to 400 days. Default: one hour. */
  readonly ttlMs?: number | undefined
  /** The issuer (`iss`). Default: none. */
  readonly issuer?: string | undefined
  /** Servers that it is for (`aud`). Default: any. */
  readonly audience?: string | readonly string[] | undefined
  /** The name of the token, by which it can be revoked (`jti`). Default: a random one. */
  readonly id?: string | undefined
  /** Claims of another name that the server reads the user and the grant from. Default: none. */
  readonly claimNames?: Pick<ClaimNames, 'grant' | 'user'> | undefined
  /** Default: the system's. */
  readonly clock?: Clock | undefined
}

const code = 'TOKEN_CLAIMS_INVALID'

const optionNames = [
  'secret',
  'privateKey',
  'algorithms',
  'keyId',
  'sub',
  'subscribe',
  'publish',
  'permissions',
  'where',
  'presence',
  'ttlMs',
  'issuer',
  'audience',
  'id',
  'claimNames',
  'clock',
] as const satisfies readonly (keyof MintOptions)[]

/**
 * Signs a new token. Of topics and permissions it says nothing where none is named: the server then gives
 * what it gives to tokens without the claim `tidemark`. RFC 7519.
 * @throws AccessError `SIGNING_KEY_INVALID`, `TOKEN_CLAIMS_INVALID`
 * @example
 * const token = await mintToken({ secret, sub: 'ada', subscribe: ['orders/*'], ttlMs: 900_000 })
 */
export async function mintToken(options: MintOptions): Promise<string> {
  return mintTyped(options, 'JWT')
}

/**
 * The same of a kind that the token says (RFC 8725 §3.11).
 * @throws AccessError `SIGNING_KEY_INVALID`, `TOKEN_CLAIMS_INVALID`
 */
export async function mintTyped(options: MintOptions, typ: string): Promise<string> {
  const given = readMembers(options, optionNames, { code, what: 'The options of a new token' })
  const { sub, issuer, audience, id = randomUUID(), clock = systemClock } = given
  const { algorithm, key, keyId } = readSigningKey(given)
  const lifeSeconds = Math.ceil(readTtl(given.ttlMs) / 1_000)
  const now = Math.floor(readClock(clock).now() / 1_000)
  const names = readClaimNames(given.claimNames)
  const claims = {
    ...readText(names.user, 'sub', sub),
    ...readGrant(names.grant, given),
    ...readText('iss', 'issuer', issuer),
    ...readText('sub', 'sub', sub),
    ...readAudience(audience),
    ...readText('jti', 'id', id),
    iat: now,
    exp: now + lifeSeconds,
  }
  const header = { alg: algorithm, typ, ...(keyId === undefined ? {} : { kid: keyId }) }
  const token = await new SignJWT(claims).setProtectedHeader(header).sign(key)
  if (token.length <= tokenCharactersMax) return token
  throw invalid(
    `A token has ${tokenCharactersMax} characters at most; this one would have ${token.length}. Name patterns in place of topics, or hand out tokens for single topics`,
  )
}

function readClock(clock: Clock): Clock {
  if (hasMethods(clock, ['now'])) return clock
  throw invalid(`clock must have now(); got ${quoteValue(clock)}. Leave it out`)
}

function readClaimNames(
  given: MintOptions['claimNames'] = {},
): Readonly<Record<'grant' | 'user', string>> {
  const { grant = 'tidemark', user = 'sub' } = readMembers(given, ['grant', 'user'], {
    code,
    what: 'claimNames',
  })
  return {
    grant: requireText('claimNames.grant', grant),
    user: requireText('claimNames.user', user),
  }
}

function readTtl(ttlMs: number = mintedTtlMsDefault): number {
  const { from, to } = mintedTtlMsRange
  if (Number.isFinite(ttlMs) && ttlMs >= from && ttlMs <= to) return ttlMs
  throw invalid(
    `A token is good for 1 second to ${to / 86_400_000} days; got ${describeTtl(ttlMs)}. Name a time in between, such as 1 hour`,
  )
}

function describeTtl(ttlMs: unknown): string {
  return typeof ttlMs === 'number' ? `${ttlMs} ms` : quoteValue(ttlMs)
}

/** A claim that is a text. */
function readText(claim: string, option: string, text: unknown): Readonly<Record<string, string>> {
  if (text === undefined) return {}
  const isKept = claim === 'iss' || claim === 'jti'
  const most = isKept ? keptClaimCharactersMax : mintedNameCharactersMax
  return { [claim]: requireText(option, text, most) }
}

function requireText(
  option: string,
  text: unknown,
  most: number = mintedNameCharactersMax,
): string {
  const isText = typeof text === 'string' && text !== '' && text.length <= most
  // A name with a control character in it comes from a broken script, and would end in logs.
  if (isText && !/\p{Cc}/u.test(text) && text.isWellFormed()) return text
  throw invalid(
    `${option} must be a text of 1 to ${most} characters without control characters; got ${quoteValue(text)}. Correct it, or leave it out`,
  )
}

function readAudience(
  audience: MintOptions['audience'],
): Readonly<Record<string, string | readonly string[]>> {
  if (audience === undefined) return {}
  const given = typeof audience === 'string' ? [audience] : readNames('audience', audience)
  const names = given.map((name) => requireText('audience', name))
  const [first, ...more] = names
  if (first === undefined) return {}
  return { aud: more.length === 0 ? first : names }
}

function readGrant(
  claim: string,
  options: MintOptions,
): Readonly<Record<string, Readonly<Record<string, PresenceData | Where | readonly string[]>>>> {
  const parts = [
    ['subscribe', readNames('subscribe', options.subscribe).map(requireTopic('subscribe'))],
    ['publish', readNames('publish', options.publish).map(requireTopic('publish'))],
    ['permissions', readPermissions(options.permissions)],
  ] as const
  const named = Object.fromEntries(parts.filter(([, names]) => names.length > 0))
  const where = readTags(options.where)
  const presence = readPresence(options.presence)
  const grant = {
    ...named,
    ...(where === undefined ? {} : { where }),
    ...(presence === undefined ? {} : { presence }),
  }
  return Object.keys(grant).length === 0 ? {} : { [claim]: grant }
}

function readTags(given: MintOptions['where']): Where | undefined {
  try {
    return readWhere(given)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw invalid(`where says which tags events must have. ${reason.replace(/\.$/, '')}`, cause)
  }
}

function readPresence(given: MintOptions['presence']): PresenceData | undefined {
  try {
    return readPresenceData('presence', given)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw invalid(reason.replace(/\.$/, ''), cause)
  }
}

function readPermissions(given: readonly string[] | undefined): readonly string[] {
  const names = readNames('permissions', given).map((name) => requireText('permissions', name))
  const isFit =
    names.length <= mintedPermissionsMax &&
    names.every(({ length }) => length <= mintedPermissionCharactersMax)
  if (isFit) return names
  throw invalid(
    `permissions are ${mintedPermissionsMax} at most, of 1 to ${mintedPermissionCharactersMax} characters each; got ${quoteValue(names)}. Name fewer, or shorter ones`,
  )
}

function readNames(option: string, given: readonly unknown[] = []): readonly unknown[] {
  const names = readList(given, { code, what: option })
  if (names.length <= mintedNamesMax) return names
  throw invalid(
    `${option} must be a list of ${mintedNamesMax} names at most; got ${quoteValue(given)}. Use patterns, such as orders/*`,
  )
}

function requireTopic(option: string): (name: unknown) => string {
  return (name) => {
    const wanted = `${option} takes topics and patterns such as orders/*; got ${quoteValue(name)}`
    if (typeof name !== 'string') throw invalid(wanted)
    try {
      return hasWildcard(name) ? parsePattern(name) : parseTopic(name)
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw invalid(`${wanted}. ${reason.replace(/\.$/, '')}`, cause)
    }
  }
}

function invalid(message: string, cause?: unknown): AccessError {
  return new AccessError(code, `${message}.`, { cause })
}
