// A secret that both sides know.

import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { KeySource, VerifyKey } from './key-source.ts'

export class SecretKey implements KeySource {
  readonly ready: Promise<void> = Promise.resolve()
  readonly warning: string | undefined = undefined
  readonly description: string = 'the secret'
  readonly #keys: readonly [KeyObject]

  constructor(secret: Uint8Array) {
    this.#keys = [createSecretKey(secret)]
  }

  find(): readonly VerifyKey[] {
    return this.#keys
  }

  close(): void {
    // Nothing is held open.
  }
}

const hashes: ReadonlyMap<string, string> = new Map([
  ['HS256', 'sha256'],
  ['HS384', 'sha384'],
  ['HS512', 'sha512'],
])

/**
 * Whether a secret has signed a token (RFC 7515 §5.2, RFC 7518 §3.2). WebCrypto, which checks the other
 * signatures, hands each one to another thread: for these that costs ten times the check itself.
 */
export function isSignedBySecret(text: string, alg: string, secret: KeyObject): boolean {
  const hash = hashes.get(alg)
  const end = text.lastIndexOf('.')
  if (hash === undefined || end === -1) return false
  const wanted = createHmac(hash, secret).update(text.slice(0, end)).digest('base64url')
  const got = Buffer.from(text.slice(end + 1))
  return got.length === wanted.length && timingSafeEqual(got, Buffer.from(wanted))
}
