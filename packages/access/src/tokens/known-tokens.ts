// Tokens whose signature was found good. A client that comes back brings the same token. To decode it and to
// check its signature costs more than all the rest of its check.

import { knownTokenCharactersEach, knownTokenCharactersMax } from '../limits.ts'
import type { VerifyKey } from './key-source.ts'
import type { UnverifiedToken } from './read-token.ts'

interface KnownToken {
  readonly token: UnverifiedToken
  /** The key that it was checked with. */
  readonly key: VerifyKey
}

/**
 * Whole tokens, each with the key that it was checked with. A key that was read anew is another object, so
 * that its tokens are checked again. Issuer, times, audience and revocations are looked at each time.
 */
export class KnownTokens {
  /** The one that was used longest ago first. */
  readonly #tokens = new Map<string, KnownToken>()
  #characters = 0

  /** As it was read; undefined for one that is not known. Its key may no longer be one of its issuer. */
  find(text: string): KnownToken | undefined {
    const known = this.#tokens.get(text)
    if (known === undefined) return undefined
    this.#tokens.delete(text)
    this.#tokens.set(text, known)
    return known
  }

  add(token: UnverifiedToken, key: VerifyKey): void {
    const { text } = token
    if (!this.#tokens.delete(text)) this.#characters += weigh(text)
    this.#tokens.set(text, { token, key })
    for (const oldest of this.#tokens.keys()) {
      if (this.#characters <= knownTokenCharactersMax) return
      this.#tokens.delete(oldest)
      this.#characters -= weigh(oldest)
    }
  }
}

function weigh({ length }: string): number {
  return length + knownTokenCharactersEach
}
