// An issuer of tokens, as the configuration names it: keys, algorithms, issuer and audience in one row.

import type { TokenAlgorithm } from './algorithms.ts'

/** Claims of another name. */
export interface ClaimNames {
  /** The user. Default `sub`. */
  readonly user?: string | undefined
  /** Words, or a list of them, that are permissions: such as `role`. Default: none. */
  readonly permissions?: string | undefined
  /** The grant: `{ subscribe, publish, permissions }`. Default `tidemark`. */
  readonly grant?: string | undefined
}

/**
 * An issuer of tokens. One of `secret`, `publicKey`, `jwksFile` and `jwksUrl` must be given. A token is checked
 * with the keys and algorithms of the row that its `iss` names, and with nothing else.
 */
export interface TokenIssuer {
  /** What its tokens say in `iss` (RFC 7519 §4.1.1). Needed where there are several. Default: not looked at. */
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
  /** The signatures it uses. Default: those that its key is for. */
  readonly algorithms?: readonly TokenAlgorithm[] | undefined
  /** How far its clock may be from this one's, in milliseconds, 0 to 300,000. Default 5,000. */
  readonly clockToleranceMs?: number | undefined
  readonly claimNames?: ClaimNames | undefined
}
