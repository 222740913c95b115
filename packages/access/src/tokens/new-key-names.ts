// Names of keys that an issuer may have published since its keys were fetched.

import { createHash } from 'node:crypto'
import { keySetKeysMax } from '../limits.ts'

/**
 * A token that names such a key is refused for the moment. The next fetch decides: a name that it did not
 * bring is refused for good until the one after. An issuer has no more new keys than its set may hold, so
 * more names than that are made up.
 */
export class NewKeyNames {
  #asked = new Set<string>()
  #missing: ReadonlySet<string> = new Set()

  /** Whether a key of this name may be a new one. A token without a name counts as one name. */
  mayBeNew(name: string = ''): boolean {
    // A name has as many characters as a token may have: its hash has 43.
    const hash = createHash('sha256').update(name).digest('base64url')
    if (!this.#asked.has(hash) && this.#asked.size >= keySetKeysMax) return false
    this.#asked.add(hash)
    return !this.#missing.has(hash)
  }

  /** The keys were fetched: names that were asked for before and are asked for again are not among them. */
  settle(): void {
    this.#missing = this.#asked
    this.#asked = new Set()
  }
}
