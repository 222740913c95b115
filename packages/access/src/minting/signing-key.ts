// The key that a new token is signed with: a secret, or a private key in PEM.

import { createPrivateKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { quote, quoteValue } from '@tidemark/wire/values'
import { AccessError } from '../errors.ts'
import { readList } from '../read-members.ts'

/** One of `secret` and `privateKey`. */
export interface SigningKeyOptions {
  /** The secret that the server has as well: 32 bytes of UTF-8 at least, 48 for HS384, 64 for HS512. */
  readonly secret?: string | undefined
  /** A private key in PEM without a passphrase: RSA, EC on P-256, P-384 or P-521, or Ed25519. */
  readonly privateKey?: string | undefined
  /**
   * Those that the server accepts: the first of them that the key is for signs. Default: HS256 of a secret;
   * of a private key the one that it is for, of RSA RS256.
   */
  readonly algorithms?: readonly string[] | undefined
  /** The name of the key in a set of keys (`kid`). Default: none. */
  readonly keyId?: string | undefined
}

/** A key and the algorithm that it signs with. */
export interface SigningKey {
  readonly algorithm: string
  readonly key: KeyObject | Uint8Array
  readonly keyId: string | undefined
}

/** RFC 7518 §3.2: a secret is as long as the hash at least. */
const secretBytesMin: ReadonlyMap<string, number> = new Map([
  ['HS256', 32],
  ['HS384', 48],
  ['HS512', 64],
])

const rsaAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']

/** RFC 7518 §3.4. By the names that OpenSSL gives to curves. */
const curveAlgorithms: ReadonlyMap<string, string> = new Map([
  ['prime256v1', 'ES256'],
  ['secp384r1', 'ES384'],
  ['secp521r1', 'ES512'],
])

/** RFC 7518 §3.3. */
const rsaBitsMin = 2_048

/**
 * Reads the key. Messages never repeat any part of it.
 * @throws AccessError `SIGNING_KEY_INVALID`
 */
export function readSigningKey(options: SigningKeyOptions): SigningKey {
  const { secret, privateKey, algorithms, keyId } = options
  requireTexts(options)
  const accepted = readAlgorithms(algorithms)
  if (secret !== undefined && privateKey === undefined) {
    return { ...readSecret(secret, accepted), keyId }
  }
  if (privateKey !== undefined && secret === undefined) {
    return { ...readPrivateKey(privateKey, accepted), keyId }
  }
  const got = secret === undefined ? 'neither' : 'both'
  throw invalid(`A token is signed with a secret or with a private key; got ${got}. Give one`)
}

/** None of them is quoted: it could be the key in the wrong place. */
function requireTexts(options: SigningKeyOptions): void {
  for (const name of ['secret', 'privateKey', 'keyId'] as const) {
    const value: unknown = options[name]
    if (value === undefined || (typeof value === 'string' && value !== '')) continue
    const got = value === '' ? 'an empty one' : `a value of type ${typeof value}`
    throw invalid(`${name} must be a text; got ${got}. Give its text, or leave it out`)
  }
}

/** None: any. */
function readAlgorithms(given: readonly string[] = []): readonly string[] {
  const names = readList(given, { code: 'SIGNING_KEY_INVALID', what: 'algorithms' })
  const odd = names.find((name) => typeof name !== 'string')
  if (odd === undefined) return names
  throw invalid(`algorithms must be texts such as HS256; got ${quoteValue(odd)}. Leave them out`)
}

function readSecret(secret: string, accepted: readonly string[]): Omit<SigningKey, 'keyId'> {
  const algorithm = choose([...secretBytesMin.keys()], accepted, 'A secret')
  if (secret.includes('-----BEGIN')) {
    throw invalid('The secret is a key in PEM; a secret is a text. Give the key as a private key')
  }
  const key = new TextEncoder().encode(secret)
  const wanted = secretBytesMin.get(algorithm) ?? 0
  if (key.length < wanted) {
    throw invalid(
      `A secret for ${algorithm} has ${wanted} bytes at least; got ${key.length}. Make one with: openssl rand -base64 ${wanted}`,
    )
  }
  return { algorithm, key }
}

function readPrivateKey(pem: string, accepted: readonly string[]): Omit<SigningKey, 'keyId'> {
  const key = parsePem(pem)
  const possible = listAlgorithms(key)
  if (possible.length === 0) {
    throw invalid(
      `The private key must be RSA, EC on P-256, P-384 or P-521, or Ed25519; got ${describeKey(key)}. Make one with: openssl genpkey -algorithm ed25519`,
    )
  }
  const { modulusLength } = key.asymmetricKeyDetails ?? {}
  if (modulusLength !== undefined && modulusLength < rsaBitsMin) {
    throw invalid(
      `An RSA key that signs tokens has ${rsaBitsMin} bits at least; got ${modulusLength}. Make one with: openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048`,
    )
  }
  return { algorithm: choose(possible, accepted, 'The private key'), key }
}

/** The first that is accepted, of those that a key is for. */
function choose(possible: readonly string[], accepted: readonly string[], what: string): string {
  const [usual = ''] = possible
  if (accepted.length === 0) return usual
  const found = accepted.find((name) => possible.includes(name))
  if (found !== undefined) return found
  const [odd = '', ...more] = accepted
  const got = more.length === 0 ? quote(odd) : `${quote(odd)} and others`
  throw invalid(
    `${what} is for ${possible.join(', ')}; got the algorithm ${got}. Leave it out, or give a key of its kind`,
  )
}

function parsePem(pem: string): KeyObject {
  const [, label] = /-----BEGIN ([A-Z0-9 ]{1,40})-----/.exec(pem) ?? []
  if (label === undefined) {
    throw invalid('The private key is not PEM: there is no line -----BEGIN PRIVATE KEY-----')
  }
  if (!label.endsWith('PRIVATE KEY')) {
    throw invalid(`The file must hold a private key; got PEM of ${quote(label)}. Give that key`)
  }
  if (label.startsWith('ENCRYPTED') || pem.includes('Proc-Type: 4,ENCRYPTED')) {
    throw invalid(
      'The private key has a passphrase. Take it off, in a file that nobody else can read, with: openssl pkey -in key.pem -out plain.pem',
    )
  }
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    throw invalid('The private key cannot be read: its PEM is damaged. Make it anew', cause)
  }
}

/** The algorithms that a key can sign with, the usual one first. */
function listAlgorithms({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): readonly string[] {
  if (asymmetricKeyType === 'rsa') return rsaAlgorithms
  if (asymmetricKeyType === 'ed25519') return ['EdDSA']
  const ofCurve = curveAlgorithms.get(asymmetricKeyDetails?.namedCurve ?? '')
  return asymmetricKeyType === 'ec' && ofCurve !== undefined ? [ofCurve] : []
}

function describeKey({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  const { namedCurve } = asymmetricKeyDetails ?? {}
  const type = asymmetricKeyType ?? 'another'
  return namedCurve === undefined ? type : `${type} on ${namedCurve}`
}

function invalid(message: string, cause?: unknown): AccessError {
  return new AccessError('SIGNING_KEY_INVALID', `${message}.`, { cause })
}
