// An issuer of tokens, as the configuration names it: keys, algorithms, issuer and audience in one row.

import type { TokenAlgorithm } from './algorithms.ts'

/** Claims of another name. One with dots goes into objects: `app_metadata.role`. */
export interface ClaimNames {
  /** The user: the first of these that a token has. Default `sub`. */
  readonly user?: string | readonly string[] | undefined
  /**
   * Claims that hold words which are permissions, such as `role` or `scope`: a list, or a text with spaces
   * between them. Default: none.
   */
  readonly permissions?: string | readonly string[] | undefined
  /** The grant: `{ subscribe, publish, permissions }`. Default `tidemark`. */
  readonly grant?: string | undefined
}

/**
 * An issuer of tokens. One of `secret`, `publicKey`, `jwksFile` and `jwksUrl` must be given. A token is
 * checked with the keys and algorithms of the row that its `iss` names, and with nothing else.
 */
export interface TokenIssuer {
  /** The `iss` of its tokens (RFC 7519 §4.1.1). Needed where there are several. Default: not looked at. */
  readonly issuer?: string | undefined
  /** One of these must stand in `aud` (§4.1.3). Default: not looked at. */
  readonly audience?: string | readonly string[] | undefined
  /** A secret of 32 bytes or more, that both sides know. */
  readonly secret?: string | Uint8Array | undefined
  /** A public key or a certificate, in PEM. */
  readonly publicKey?: string | undefined
  /** A file of public keys (JWKS, RFC 7517). It is read again when it changes. */
  readonly jwksFile?: string | undefined
  /**
   * Where the issuer publishes its keys: `https:`, or `http:` on this machine. Redirects are not followed.
   */
  readonly jwksUrl?: string | undefined
  /**
   * Whether the start fails where `jwksUrl` cannot be reached. With false its tokens are refused for the
   * moment (`ACCESS_UNAVAILABLE`) until it can. Default true.
   */
  readonly isNeededAtStart?: boolean | undefined
  /** The signatures it uses. Default: those that its key is for. */
  readonly algorithms?: readonly TokenAlgorithm[] | undefined
  /** How far its clock may be from this one's, in milliseconds, 0 to 300,000. Default 5,000. */
  readonly clockToleranceMs?: number | undefined
  readonly claimNames?: ClaimNames | undefined
  /**
   * The permissions that the words of `claimNames.permissions` stand for: `{ editor: ['sse:read'] }`. A word
   * that is not listed stands for none. Default: each word is a permission itself.
   */
  readonly roles?: Readonly<Record<string, readonly string[]>> | undefined
}
