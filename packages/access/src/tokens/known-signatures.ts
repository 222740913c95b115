// Signatures that were found good. A client that comes back brings the same token, and to check a signature
// costs more than all the rest of its check.

import { knownTokenCharactersMax } from '../limits.ts'
import type { VerifyKey } from './key-source.ts'

/**
 * Whole tokens, each with the key that it was checked with. A key that was read anew is another object, so
 * that its tokens are checked again. Times and revocations are looked at each time.
 */
export class KnownSignatures {
  /** The one that was used longest ago first. */
  readonly #keys = new Map<string, VerifyKey>()
  #characters = 0

  has(token: string, keys: readonly VerifyKey[]): boolean {
    const key = this.#keys.get(token)
    if (key === undefined || !keys.includes(key)) return false
    this.#keys.delete(token)
    this.#keys.set(token, key)
    return true
  }

  add(token: string, key: VerifyKey): void {
    if (!this.#keys.delete(token)) this.#characters += token.length
    this.#keys.set(token, key)
    for (const oldest of this.#keys.keys()) {
      if (this.#characters <= knownTokenCharactersMax) return
      this.#keys.delete(oldest)
      this.#characters -= oldest.length
    }
  }
}
