// Limits of this room, each with its arithmetic.

/** Characters of a token: cookies and most servers take 8 KiB of headers. */
export const tokenCharactersMax: number = 8_192

/**
 * Milliseconds that a new token is good for. An `exp` is in whole seconds. A revocation is kept until the
 * tokens it is about have ended, and cookies end after 400 days (RFC 6265bis, §5.5).
 */
export const mintedTtlMsRange: { readonly from: number; readonly to: number } = {
  from: 1_000,
  to: 400 * 86_400_000,
}

/** An hour: a first try should outlive a cup of tea, and a lost token should not outlive the day. */
export const mintedTtlMsDefault: number = 3_600_000

/** Names of each list of a new token: as many as a grant takes. */
export const mintedNamesMax: number = 1_000

/** Permissions of a new token: as many as a grant takes. */
export const mintedPermissionsMax: number = 100

/** Characters of each: as in a grant. */
export const mintedPermissionCharactersMax: number = 128

/** Characters of a user, an issuer, a permission and the like in a new token: as of a session's user. */
export const mintedNameCharactersMax: number = 256

/** Bits of an RSA key that checks tokens (RFC 7518 §3.3). */
export const rsaBitsMin: number = 2_048

/** Issuers of one configuration. */
export const issuersMax: number = 100

/** Keys of one set: an issuer that rotates has two or three. 100 issuers × 100 × ~1 KB = 10 MB. */
export const keySetKeysMax: number = 100

/** Bytes of a set of keys: 100 RSA keys with certificates have about 250 KB. */
export const keySetBytesMax: number = 512 * 1024

/** How long fetching a set of keys may take, in milliseconds. */
export const keyUrlMsMax: number = 5_000

/**
 * Pause between two fetches of a set of keys, in milliseconds, whatever tokens name: a flood of unknown keys
 * asks an issuer twice a minute.
 */
export const keyUrlPauseMs: number = 30_000

/** A set of keys is fetched anew this long after it was fetched, in milliseconds. */
export const keyUrlFreshMs: number = 600_000

/** A file of keys is looked at this often at most, in milliseconds. */
export const keyFileLookMs: number = 1_000

/** Characters of a user: as of a session's user. */
export const userCharactersMax: number = 256

/** Characters of a claim that is kept with a session. Six of them fit into the claims of a grant. */
export const keptClaimCharactersMax: number = 128

/** Claims by which tokens can be revoked, beside `sub`, `jti`, `iss` and `iat`. */
export const revocableClaimsMax: number = 4

/** How far the clocks of issuer and server may be apart by default, and at most. Milliseconds. */
export const clockToleranceMsDefault: number = 5_000
export const clockToleranceMsMax: number = 300_000

/** Names that one explanation is about: 100 lines are a screen or two, and cost no more than a subscription. */
export const explainedWishesMax: number = 100
