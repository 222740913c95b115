// A secret that both sides know, made ready for each algorithm once: for each token it would cost as much as
// checking it.

import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { KeySource, TokenHead, VerifyKey } from './key-source.ts'

export class SecretKey implements KeySource {
  readonly ready: Promise<void> = Promise.resolve()
  readonly warning: string | undefined = undefined
  readonly description: string = 'the secret'
  readonly #secret: Uint8Array<ArrayBuffer>
  readonly #hashKey: KeyObject
  readonly #keys = new Map<string, Promise<VerifyKey>>()

  constructor(secret: Uint8Array) {
    // A copy: the caller may clear its own.
    this.#secret = Uint8Array.from(secret)
    this.#hashKey = createSecretKey(this.#secret)
  }

  /** `alg` is one that the issuer uses: `HS256`, `HS384` or `HS512`. */
  async find({ alg }: TokenHead): Promise<readonly VerifyKey[]> {
    const key = this.#keys.get(alg) ?? this.#import(alg)
    this.#keys.set(alg, key)
    return [await key]
  }

  /**
   * A flood of bad tokens shall cost little. This takes 5 µs, and the check by WebCrypto 170 µs with its job
   * for another thread and its error: `npm run bench -- bad-tokens`.
   */
  isForged(text: string, { alg }: TokenHead): boolean {
    const end = text.lastIndexOf('.')
    const right = createHmac(`sha${alg.slice(2)}`, this.#hashKey)
      .update(text.slice(0, end))
      .digest()
    const given = Buffer.from(text.slice(end + 1), 'base64url')
    return given.length !== right.length || !timingSafeEqual(given, right)
  }

  close(): void {
    // Nothing is held open.
  }

  #import(alg: string): Promise<VerifyKey> {
    const algorithm = { name: 'HMAC', hash: `SHA-${alg.slice(2)}` }
    return crypto.subtle.importKey('raw', this.#secret, algorithm, false, ['verify'])
  }
}
