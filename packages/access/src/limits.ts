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

/** Names that one explanation is about: 100 lines are a screen or two, and cost no more than a subscription. */
export const explainedWishesMax: number = 100
