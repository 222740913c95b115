// Tokens whose signature was found good. A client that comes back brings the same token. To decode it and to
// check its signature costs more than all the rest of its check.

import type { Grant } from '@tidemark/server'
import { knownTokenCharactersEach, knownTokenCharactersMax } from '../limits.ts'
import type { VerifyKey } from './key-source.ts'
import type { Issuer } from './plan-issuers.ts'
import type { UnverifiedToken } from './read-token.ts'
import { TwoHalves } from './two-halves.ts'

/** A token whose signature is good, as it is kept. */
export interface KnownToken {
  readonly token: UnverifiedToken
  /** The key that it was checked with. */
  readonly key: VerifyKey
  /** The grant that was made of it last. */
  grant: KnownGrant | undefined
}

/**
 * A grant depends on the claims, on the row of their issuer, and on the end. The end is later for a token
 * that lives on what clocks are given.
 */
interface KnownGrant {
  readonly issuer: Issuer
  readonly grant: Grant
}

/**
 * Whole tokens, each with the key that it was checked with. A key that was read anew is another object, so
 * that its tokens are checked again. Issuer, times, audience and revocations are looked at each time.
 */
export class KnownTokens {
  readonly #tokens = new TwoHalves<KnownToken>(
    knownTokenCharactersMax,
    ({ length }) => length + knownTokenCharactersEach,
  )

  /** As it was read; undefined for one that is not known. Its key may no longer be one of its issuer. */
  find(text: string): KnownToken | undefined {
    return this.#tokens.get(text)
  }

  add(known: KnownToken): void {
    this.#tokens.set(known.token.text, known)
  }
}
