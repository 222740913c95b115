// The keys of one row of the configuration, of whichever kind they are.

import { createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { types } from 'node:util'
import type { Clock } from '@tidemark/log'
import { quoteValue } from '@tidemark/wire/values'
import { invalidOption, readText } from '../read-options.ts'
import {
  algorithmsOfKey,
  algorithmsOfSecret,
  publicAlgorithms,
  secretBytesOf,
} from './algorithms.ts'
import type { TokenAlgorithm } from './algorithms.ts'
import type { Fetch } from './fetch-text.ts'
import { isLoopbackHost } from './loopback-host.ts'
import { KeyFile } from './key-file.ts'
import { fixedKey } from './key-source.ts'
import type { KeySource } from './key-source.ts'
import { KeyUrl } from './key-url.ts'
import { SecretKey } from './secret-key.ts'
import type { TokenIssuer } from './token-issuer.ts'

/** The options that name keys. */
export const keyNames = ['secret', 'publicKey', 'jwksFile', 'jwksUrl'] as const

type KeyKind = (typeof keyNames)[number]

/** The surroundings that keys need. */
export interface KeyHost {
  readonly clock: Clock
  readonly fetch: Fetch
  /** Told of changes that the operator should know of. */
  readonly onLine: (line: string) => void
}

/** Keys, and the algorithms that they can be for. */
export interface PlannedKeys {
  readonly kind: KeyKind
  readonly possible: readonly TokenAlgorithm[]
  /** Begins to read them. */
  open(): KeySource
}

type Planner = (issuer: TokenIssuer, host: KeyHost) => Omit<PlannedKeys, 'kind'>

/**
 * Checks the keys of a row. Nothing is read or fetched before they are opened.
 * @throws AccessError `ACCESS_OPTION_INVALID`
 */
export function planKeys(issuer: TokenIssuer, host: KeyHost): PlannedKeys {
  const named = keyNames.filter((name) => issuer[name] !== undefined)
  const [kind] = named
  if (kind === undefined || named.length > 1) {
    const got = kind === undefined ? 'none' : named.join(' and ')
    throw invalidOption(`An issuer has one of ${keyNames.join(', ')}; got ${got}. Give one`)
  }
  if (issuer.isNeededAtStart !== undefined && kind !== 'jwksUrl')
    throw invalidOption(`isNeededAtStart goes with jwksUrl; got ${kind}. Leave it out`)
  return { kind, ...planners[kind](issuer, host) }
}

const planners: Readonly<Record<KeyKind, Planner>> = {
  secret({ secret }) {
    const key = readSecret(secret)
    return { open: () => new SecretKey(key), possible: algorithmsOfSecret(key.length) }
  },
  publicKey({ publicKey }) {
    const key = readPublicKey(publicKey)
    return { open: () => fixedKey(key, 'the public key'), possible: algorithmsOfKey(key) }
  },
  jwksFile({ jwksFile }, { clock }) {
    const path = readText('jwksFile', jwksFile) ?? ''
    if (/^https?:/i.test(path))
      throw invalidOption(`jwksFile is a path; got ${quoteValue(path)}. For a URL use jwksUrl`)
    return { open: () => new KeyFile(path, clock), possible: publicAlgorithms }
  },
  jwksUrl({ jwksUrl, isNeededAtStart = true }, host) {
    const url = readKeysUrl(jwksUrl)
    if (typeof isNeededAtStart !== 'boolean')
      throw invalidOption(`isNeededAtStart is true or false; got ${quoteValue(isNeededAtStart)}`)
    return { open: () => new KeyUrl({ url, isNeededAtStart, ...host }), possible: publicAlgorithms }
  },
}

/** No message holds a part of it. */
function readSecret(secret: unknown): Uint8Array {
  if (typeof secret === 'string' && secret.includes('-----BEGIN ')) {
    throw invalidOption(
      'secret got a key in PEM. A public key is known to everybody, so that everybody could sign with it: give it as publicKey',
    )
  }
  const key = typeof secret === 'string' ? new TextEncoder().encode(secret) : secret
  if (!types.isUint8Array(key))
    throw invalidOption(`secret must be a text or bytes; got a ${typeof secret}`)
  const least = secretBytesOf('HS256')
  if (key.length >= least) return key
  throw invalidOption(
    `secret must have ${least} bytes or more; got ${key.length}. Make one with: openssl rand -base64 ${least}`,
  )
}

function readPublicKey(pem: unknown): KeyObject {
  if (typeof pem !== 'string' || !pem.includes('-----BEGIN ')) {
    throw invalidOption(
      'publicKey must be a key in PEM, which begins with -----BEGIN PUBLIC KEY-----',
    )
  }
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) {
    throw invalidOption(
      'publicKey got a private key, which belongs to the signer alone. Give the public one: openssl pkey -in key.pem -pubout',
    )
  }
  let key: KeyObject
  try {
    key = createPublicKey(pem)
  } catch (cause) {
    throw invalidOption('publicKey cannot be read: its PEM is damaged. Export it anew', cause)
  }
  if (algorithmsOfKey(key).length > 0) return key
  throw invalidOption(
    `publicKey must be RSA with 2,048 bits or more, EC on P-256, P-384 or P-521, or Ed25519; got ${key.asymmetricKeyType ?? 'another kind'}. Give a key of one of these`,
  )
}

function readKeysUrl(text: unknown): URL {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined
  const isHere = url !== undefined && isLoopbackHost(url.hostname)
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isHere)) {
    if (url.username === '' && url.password === '') return url
    throw invalidOption(
      'jwksUrl must hold no user and no password. Keys are public: leave them out',
    )
  }
  throw invalidOption(
    `jwksUrl must be an https: URL, or http: on this machine; got ${quoteValue(text)}. For a file use jwksFile`,
  )
}
