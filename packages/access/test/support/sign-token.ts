// Signs tokens that a well-meaning library would not make.

import { createHmac, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

interface SignOptions {
  /** Members of the head beside `alg`. */
  readonly head?: Readonly<Record<string, unknown>>
  /** Signs by HMAC with SHA-256, whatever the head says. */
  readonly secret?: string | Uint8Array
  /** Signs with a private key. */
  readonly key?: KeyObject
}

/** A token with any head and any claims. */
export function signToken(claims: unknown, { head = {}, secret, key }: SignOptions): string {
  const alg = secret === undefined ? algorithmOf(key) : 'HS256'
  const text = [{ alg, ...head }, claims].map(encodePart).join('.')
  return `${text}.${signText(text, secret, key)}`
}

function algorithmOf(key: KeyObject | undefined): string {
  const type = key?.asymmetricKeyType
  return type === undefined ? 'none' : type === 'rsa' ? 'RS256' : type === 'ec' ? 'ES256' : 'EdDSA'
}

function encodePart(part: unknown): string {
  return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url')
}

function signText(
  text: string,
  secret: string | Uint8Array | undefined,
  key: KeyObject | undefined,
): string {
  if (secret !== undefined) return createHmac('sha256', secret).update(text).digest('base64url')
  if (key === undefined) return ''
  const hash = key.asymmetricKeyType === 'ed25519' ? null : 'sha256'
  return sign(hash, Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')
}
