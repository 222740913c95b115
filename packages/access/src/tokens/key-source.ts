// Where the keys of an issuer come from.

import type { CryptoKey, KeyObject } from 'jose'

/** The head of a token, as far as it may choose among the keys of its issuer. */
export interface TokenHead {
  readonly alg: string
  readonly kid?: string | undefined
  /**
   * The token's own word for when it was made, in milliseconds since 1970. It decides no more than whether
   * its key may be newer than those that are known here.
   */
  readonly issuedAt?: number | undefined
}

export type VerifyKey = CryptoKey | KeyObject | Uint8Array

/** The keys of one issuer. The configuration alone says where they are. */
export interface KeySource {
  /** Resolves when there are keys. Rejects with an AccessError where there are none at the start. */
  readonly ready: Promise<void>
  /** One line for the operator while the keys cannot be read anew; undefined while all is well. */
  readonly warning: string | undefined
  /** For messages: `a secret`, `the keys of https://…`. */
  readonly description: string
  /**
   * The keys that a token may be signed with: mostly one, none for a name that is not known.
   * @throws ServerError `ACCESS_UNAVAILABLE` while there are no keys at all
   */
  find(head: TokenHead): readonly VerifyKey[] | Promise<readonly VerifyKey[]>
  close(): void
}

/** A key that never changes. */
export function fixedKey(key: VerifyKey, description: string): KeySource {
  const keys = [key]
  return {
    ready: Promise.resolve(),
    warning: undefined,
    description,
    find: () => keys,
    close: () => undefined,
  }
}
