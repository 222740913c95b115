// Checks the issuers of a configuration, and makes of each what its tokens are checked with.

import { createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { Clock } from '@tidemark/log'
import { quote, quoteValue } from '@tidemark/wire/values'
import { AccessError } from '../errors.ts'
import { clockToleranceMsDefault, clockToleranceMsMax, issuersMax } from '../limits.ts'
import { readList, readMembers } from '../read-members.ts'
import {
  algorithmsOfKey,
  algorithmsOfSecret,
  isSymmetric,
  publicAlgorithms,
  secretBytesOf,
  tokenAlgorithms,
} from './algorithms.ts'
import type { TokenAlgorithm } from './algorithms.ts'
import type { Fetch } from './fetch-text.ts'
import { KeyFile } from './key-file.ts'
import { fixedKey } from './key-source.ts'
import type { KeySource } from './key-source.ts'
import { KeyUrl } from './key-url.ts'
import type { ClaimNames, TokenIssuer } from './token-issuer.ts'

/** What the tokens of one issuer are checked with. */
export interface Issuer {
  readonly name: string | undefined
  readonly audience: readonly string[]
  readonly keys: KeySource
  readonly algorithms: readonly string[]
  readonly toleranceMs: number
  readonly claimNames: Required<{ [Use in keyof ClaimNames]: string | undefined }>
}

interface KeyHost {
  readonly clock: Clock
  readonly fetch: Fetch
}

const code = 'ACCESS_OPTION_INVALID'
const keyNames = ['secret', 'publicKey', 'jwksFile', 'jwksUrl'] as const
const memberNames = [
  ...keyNames,
  'issuer',
  'audience',
  'algorithms',
  'clockToleranceMs',
  'claimNames',
] as const satisfies readonly (keyof TokenIssuer)[]

/**
 * Makes the issuers of a list; none for an empty one.
 * @throws AccessError `ACCESS_OPTION_INVALID`
 */
export function planIssuers(given: readonly TokenIssuer[], host: KeyHost): readonly Issuer[] {
  const rows = readList(given, { code, what: 'tokens' })
  if (rows.length > issuersMax)
    throw invalid(`tokens may name ${issuersMax} issuers; got ${rows.length}`)
  const issuers = rows.map((row) => planIssuer(row, host))
  const names = issuers.map(({ name }) => name)
  if (issuers.length > 1 && names.includes(undefined)) {
    throw invalid(
      'Of several issuers each must have its own `issuer`, or a token could choose whose key it is checked with. Name it in each entry of tokens',
    )
  }
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined)
    throw invalid(`tokens name the issuer ${quote(twice)} twice. Leave one entry`)
  return issuers
}

function planIssuer(row: TokenIssuer, host: KeyHost): Issuer {
  const given = readMembers(row, memberNames, { code, what: 'An entry of tokens' })
  const named = keyNames.filter((name) => given[name] !== undefined)
  const [kind] = named
  if (kind === undefined || named.length > 1) {
    const got = named.length === 0 ? 'none' : named.join(' and ')
    throw invalid(`An issuer has one of ${keyNames.join(', ')}; got ${got}. Give one`)
  }
  const { keys, possible } = planners[kind](given, host)
  return {
    name: readText('issuer', given.issuer),
    audience: readAudience(given.audience),
    keys,
    algorithms: chooseAlgorithms(kind, possible, given.algorithms),
    toleranceMs: readTolerance(given.clockToleranceMs),
    claimNames: readClaimNames(given.claimNames),
  }
}

interface PlannedKeys {
  readonly keys: KeySource
  readonly possible: readonly TokenAlgorithm[]
}

const planners: Readonly<
  Record<(typeof keyNames)[number], (issuer: TokenIssuer, host: KeyHost) => PlannedKeys>
> = {
  secret: ({ secret }) => {
    const key = typeof secret === 'string' ? new TextEncoder().encode(secret) : secret
    if (!(key instanceof Uint8Array))
      throw invalid(`secret must be a text or bytes; got a ${typeof secret}`)
    const possible = algorithmsOfSecret(key.length)
    if (possible.length === 0) {
      throw invalid(
        `secret must have ${secretBytesOf('HS256')} bytes or more; got ${key.length}. Make one with: openssl rand -base64 32`,
      )
    }
    return { keys: fixedKey(key, 'the secret'), possible }
  },
  publicKey: ({ publicKey }) => {
    const key = readPublicKey(publicKey)
    return { keys: fixedKey(key, 'the public key'), possible: algorithmsOfKey(key) }
  },
  jwksFile: ({ jwksFile }, { clock }) => ({
    keys: new KeyFile(readText('jwksFile', jwksFile) ?? '', clock),
    possible: publicAlgorithms,
  }),
  jwksUrl: ({ jwksUrl }, host) => ({
    keys: new KeyUrl({ url: readKeysUrl(jwksUrl), ...host }),
    possible: publicAlgorithms,
  }),
}

function readPublicKey(pem: unknown): KeyObject {
  if (typeof pem !== 'string' || !pem.includes('-----BEGIN ')) {
    throw invalid('publicKey must be a key in PEM, which begins with -----BEGIN PUBLIC KEY-----')
  }
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) {
    throw invalid(
      'publicKey got a private key, which belongs to whoever signs. Give the public one: openssl pkey -in key.pem -pubout',
    )
  }
  let key: KeyObject
  try {
    key = createPublicKey(pem)
  } catch (cause) {
    throw invalid('publicKey cannot be read: its PEM is damaged. Export it anew', cause)
  }
  if (algorithmsOfKey(key).length > 0) return key
  throw invalid(
    `publicKey must be RSA with 2,048 bits or more, EC on P-256, P-384 or P-521, or Ed25519; got ${key.asymmetricKeyType ?? 'another kind'}. Give a key of one of these`,
  )
}

function readKeysUrl(text: unknown): URL {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined
  const isHere = url !== undefined && isLoopback(url.hostname)
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isHere)) {
    if (url.username === '' && url.password === '') return url
    throw invalid('jwksUrl must hold no user and no password. Keys are public: leave them out')
  }
  throw invalid(
    `jwksUrl must be an https: URL, or http: on this machine; got ${quoteValue(text)}. For a file use jwksFile`,
  )
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

function chooseAlgorithms(
  kind: string,
  possible: readonly TokenAlgorithm[],
  given: readonly TokenAlgorithm[] | undefined,
): readonly TokenAlgorithm[] {
  if (given === undefined) return possible
  const wanted: readonly unknown[] = readList(given, { code, what: 'algorithms' })
  const odd = wanted.find((name) => !tokenAlgorithms.some((known) => known === name))
  if (odd !== undefined || wanted.length === 0) {
    const got = wanted.length === 0 ? 'an empty list' : quoteValue(odd)
    throw invalid(
      `algorithms may be ${tokenAlgorithms.join(', ')}; got ${got}. Leave it out, or name some`,
    )
  }
  const unfit = given.find((name) => !possible.includes(name))
  if (unfit === undefined) return given
  const why =
    kind === 'secret' && isSymmetric(unfit)
      ? `it needs a secret of ${secretBytesOf(unfit)} bytes`
      : `the ${kind} is for ${possible.join(', ')}`
  throw invalid(
    `algorithms names ${unfit}, which does not fit: ${why}. Leave it out, or give another key`,
  )
}

function readTolerance(given: number = clockToleranceMsDefault): number {
  if (Number.isFinite(given) && given >= 0 && given <= clockToleranceMsMax) return given
  throw invalid(
    `clockToleranceMs must be 0 to ${clockToleranceMsMax} milliseconds; got ${quoteValue(given)}`,
  )
}

function readAudience(given: TokenIssuer['audience']): readonly string[] {
  if (given === undefined) return []
  const names: readonly unknown[] =
    typeof given === 'string' ? [given] : readList(given, { code, what: 'audience' })
  return names.map((name) => readText('audience', name) ?? '')
}

function readClaimNames(given: ClaimNames = {}): Issuer['claimNames'] {
  const what = { code, what: 'claimNames' } as const
  const unknown = Object.keys(given).find(
    (name) => !['user', 'permissions', 'grant'].includes(name),
  )
  if (unknown !== undefined) {
    throw invalid(`claimNames has user, permissions and grant; got ${quote(unknown)}. Leave it out`)
  }
  const { user, permissions, grant } = readMembers(given, ['user', 'permissions', 'grant'], what)
  return {
    user: readText('claimNames.user', user) ?? 'sub',
    permissions: readText('claimNames.permissions', permissions),
    grant: readText('claimNames.grant', grant) ?? 'tidemark',
  }
}

function readText(name: string, text: unknown): string | undefined {
  if (text === undefined) return undefined
  if (typeof text === 'string' && text !== '') return text
  throw invalid(
    `${name} must be a text that is not empty; got ${quoteValue(text)}. Leave it out, or fill it in`,
  )
}

function invalid(message: string, cause?: unknown): AccessError {
  return new AccessError(code, `${message}.`, { cause })
}
