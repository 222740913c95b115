// Every limit of who may come in to a hub, with its arithmetic: settings, tokens, pages of other origins.

/**
 * Characters of a token in the body of a request. A quarter of what headers may have, as it might have come
 * in one. Tokens of large companies have 4 KiB.
 */
export const tokenCharactersMax: number = 8 * 1024

/**
 * Issuers of tokens. Each keeps its keys and has one request for keys under way; nobody has seen more than
 * a handful in one application.
 */
export const authIssuersMax: number = 32

/** Audiences of an issuer. A token's `aud` is compared with each: 32 comparisons of short texts. */
export const authNamesMax: number = 32

/**
 * Words that tokens may say in place of permissions, and the permissions of one. Each word of a token is
 * looked up by name. A grant has 100 permissions at most, so that no word needs more.
 */
export const authRolesMax: number = 100
export const rolePermissionsMax: number = 100

/** How far the clocks of issuers may be from that of the hub: as `createAccess` takes it. */
export const clockToleranceRangeMs: { readonly from: number; readonly to: number } = {
  from: 0,
  to: 300_000,
}

/**
 * Patterns of visitors without a token, and of tokens without a claim. As many as a grant may name, which
 * is 1,000; each is compared with each topic that is asked for.
 */
export const grantPatternsMax: number = 1_000

/**
 * Origins whose pages may ask. Exact ones are found in a set. 100 patterns are 100 comparisons of short
 * texts for each request of a page, ~10 µs.
 */
export const corsOriginsMax: number = 100

/**
 * How long a browser keeps the answer to a preflight. Chromium keeps it for 2 hours at most, Firefox for
 * 24. Seconds.
 */
export const preflightSeconds: number = 86_400

/** How long revocations are kept and tickets let their streams come back: from a second to 366 days. */
export const sharedLifeRangeMs: { readonly from: number; readonly to: number } = {
  from: 1_000,
  to: 366 * 86_400_000,
}

/**
 * Topics of a refused request that are explained to a developer. The first one that is refused is among
 * them, or the refusal says what it would say anyway.
 */
export const explainedTopicsMax: number = 100

/** Between two lines to an operator about what clients do, of one kind. Milliseconds. */
export const clientLineMs: number = 10_000

/** Addresses of a kind in one answer of `GET /admin/addresses`. 3 × 1,000 × ~200 bytes = 600 KB. */
export const addressesListedMax: number = 1_000

/** By which share of its age a stream may end early: streams that were opened together come back apart. */
export const sessionAgeSpreadShare: number = 0.1

/** Requests without a known token that are begun in one turn of the event loop: 16 × ~0.1 ms = 1.6 ms. */
export const strangersPerTurnMax: number = 16
