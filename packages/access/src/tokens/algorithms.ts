// The signatures that are accepted, and which key is for which (RFC 7518 §3.1, RFC 8037).

import type { KeyObject } from 'node:crypto'
import { rsaBitsMin } from '../limits.ts'

/** Names of RFC 7518. `none` is not among them. */
export const tokenAlgorithms = [
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const

export type TokenAlgorithm = (typeof tokenAlgorithms)[number]

/** Bytes that a secret must have: as many as the hash gives (RFC 7518 §3.2). */
const secretBytesMin: Readonly<Partial<Record<TokenAlgorithm, number>>> = {
  HS256: 32,
  HS384: 48,
  HS512: 64,
}

const ofRsa: readonly TokenAlgorithm[] = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']

const ofCurve: ReadonlyMap<string, TokenAlgorithm> = new Map([
  ['prime256v1', 'ES256'],
  ['secp384r1', 'ES384'],
  ['secp521r1', 'ES512'],
])

/** All but those of a secret: a set of public keys may serve any of them. */
export const publicAlgorithms: readonly TokenAlgorithm[] = [
  ...ofRsa,
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
]

/** Whether an algorithm signs and checks with the same secret. */
export function isSymmetric(algorithm: TokenAlgorithm): boolean {
  return secretBytesMin[algorithm] !== undefined
}

/** The algorithms that a secret is long enough for. */
export function algorithmsOfSecret(bytes: number): readonly TokenAlgorithm[] {
  return tokenAlgorithms.filter((name) => bytes >= (secretBytesMin[name] ?? Infinity))
}

/** The bytes that an algorithm asks of a secret. */
export function secretBytesOf(algorithm: TokenAlgorithm): number {
  return secretBytesMin[algorithm] ?? 0
}

/** The algorithms that a public key is for; none for a key that signs no tokens, or is too short. */
export function algorithmsOfKey({
  asymmetricKeyType,
  asymmetricKeyDetails,
}: KeyObject): readonly TokenAlgorithm[] {
  const { modulusLength = 0, namedCurve = '' } = asymmetricKeyDetails ?? {}
  if (asymmetricKeyType === 'rsa') return modulusLength < rsaBitsMin ? [] : ofRsa
  if (asymmetricKeyType === 'ed25519') return ['EdDSA']
  const algorithm = asymmetricKeyType === 'ec' ? ofCurve.get(namedCurve) : undefined
  return algorithm === undefined ? [] : [algorithm]
}
