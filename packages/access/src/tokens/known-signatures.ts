// Signatures that were found good: a client that comes back brings the same token, and checking a signature
// costs more than all the rest of opening a stream.

import { knownTokenCharactersMax } from '../limits.ts'
import type { VerifyKey } from './key-source.ts'

/**
 * Whole tokens, each with the key that it was checked with: a key that was withdrawn or read anew is another
 * object, and the token is checked again. Times and revocations are looked at each time.
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
