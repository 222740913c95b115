// Limits of this room, each with its arithmetic.

/** Characters of a token: cookies and most servers take 8 KiB of headers. */
export const tokenCharactersMax: number = 8_192

/** Entries of a list of addresses in the configuration: 1,000 × ~100 bytes = 100 KB. */
export const addressRangesMax: number = 1_000

/** Proxies that are gone back through, each a look into a list. No way through a network has as many. */
export const proxyHopsMax: number = 32

/** Characters of a user-agent below which no browser and no library is: `curl/8.5.0` has 10. */
export const userAgentCharactersMin: number = 10

/** Addresses that are remembered for `GET /admin/addresses`. 10,000 × ~300 bytes = 3 MB per hub. */
export const suspectsMax: number = 10_000

/** Denies that were added at run time. 10,000 × ~400 bytes = 4 MB on each node. */
export const deniesMax: number = 10_000

/** Bans at a time. 20,000 × ~400 bytes = 8 MB on each node; with denies less than a ledger holds. */
export const bansMax: number = 20_000

/** Characters of the reason of a deny. 10,000 × 200 characters of 2 bytes = 4 MB. */
export const denyReasonCharactersMax: number = 200

/**
 * Counters of one rate, the newest kept: 100,000 × ~440 bytes = 44 MB. An address beyond them counts anew,
 * which takes as many addresses as that within one window.
 */
export const rateKeysMax: number = 100_000

/** Streams of one process that wait because of their rate. 1,000 × ~8 KB of a request = 8 MB. */
export const slowedMax: number = 1_000

/** Each stream beyond the free ones begins so much later than the one before it. Milliseconds. */
export const slowStepMs: number = 500

/** The longest wait of a slowed stream: beyond it clients and proxies give up. Milliseconds. */
export const slowMsMax: number = 10_000

/** How long the hub waits for the one process that counts, before it lets a request in. Milliseconds. */
export const countAnswerMs: number = 1_000

/** How long what a process has seen of addresses is gathered before it is told. Milliseconds. */
export const suspicionGatherMs: number = 200

/** Addresses gathered meanwhile, beyond which they are told at once. 1,000 × ~100 bytes = 100 KB. */
export const suspicionsGatheredMax: number = 1_000

/** How seldom dead sessions of an address at its limit are looked for. Milliseconds. */
export const clearAgainMs: number = 1_000

/** How long other nodes may find the wish that they end dead sessions of a user. Milliseconds. */
export const wantedMs: number = 60_000

/** How much older than its record a new session may be: many pauses, and a slow disk. Milliseconds. */
export const toldLateMsMax: number = 2_000

/** How long a refused stream waits for other nodes to end dead sessions of its user. Milliseconds. */
export const clearWaitMs: number = 500

/** Questions of one process to the one that counts, under way. 10,000 × ~500 bytes = 5 MB. */
export const countQuestionsMax: number = 10_000

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

/** Characters of a user, an audience and the like in a new token: as of a session's user. */
export const mintedNameCharactersMax: number = 256

/** Bits of an RSA key that checks tokens (RFC 7518 §3.3). */
export const rsaBitsMin: number = 2_048

/** Issuers of one configuration. */
export const issuersMax: number = 100

/** Keys of one set: an issuer that rotates has two or three. 100 issuers × 100 × ~1 KB = 10 MB. */
export const keySetKeysMax: number = 100

/**
 * Keys that a token without `kid` is tried with: an issuer that rotates has two or three. A check takes
 * 0.1 ms, so a set of 100 would let a bad token cost 10 ms.
 */
export const keysTriedMax: number = 4

/**
 * Signatures that are checked at a time, in the four threads that a process of Node has for such jobs. Each
 * takes 0.1 ms, so that a job of the log waits for 64 × 0.1 ms / 4 = 1.6 ms at most. The others wait for
 * turns of their address, 10,000 of them as of all requests that wait for `authorize`.
 */
export const checksAtOnceMax: number = 64

/** Audiences of an issuer, and claims of one use. */
export const issuerNamesMax: number = 32

/** Bytes of a set of keys: 100 RSA keys with certificates have about 250 KB. */
export const keySetBytesMax: number = 512 * 1024

/** How long fetching a set of keys may take, in milliseconds. */
export const keyUrlMsMax: number = 5_000

/**
 * Pause between two fetches of a set of keys, in milliseconds, whatever tokens name: a flood of unknown keys
 * asks an issuer twice a minute.
 */
export const keyUrlPauseMs: number = 30_000

/**
 * Tokens that wait while a set of keys is fetched. Others are told to come back. A flood of unknown keys at a
 * slow issuer must not take the places of 10,000 requests that wait for `authorize`.
 */
export const keyWaitersMax: number = 1_000

/** A set of keys is fetched anew this long after it was fetched, in milliseconds. */
export const keyUrlFreshMs: number = 600_000

/** A file of keys is looked at this often at most, in milliseconds. */
export const keyFileLookMs: number = 1_000

/** Characters of a user: as of a session's user. */
export const userCharactersMax: number = 256

/** Characters of a claim that is kept with a session. Six of them fit into the claims of a grant. */
export const keptClaimCharactersMax: number = 128

/** Characters of the claims that are kept with a session, as JSON: as many as the engine keeps. */
export const keptClaimsCharactersMax: number = 1_024

/** Permissions of a grant, and the characters of each: as many as the engine takes. */
export const permissionsMax: number = 100
export const permissionCharactersMax: number = 128

/** Names of a list that is granted: as many as the engine takes. */
export const grantedNamesMax: number = 1_000

/** Claims by which tokens can be revoked, beside `sub`, `jti`, `iss` and `iat`. */
export const revocableClaimsMax: number = 4

/** How far the clocks of issuer and server may be apart by default, and at most. Milliseconds. */
export const clockToleranceMsDefault: number = 5_000
export const clockToleranceMsMax: number = 300_000

/** Names that one explanation is about. Each is judged anew, in some 50 µs: 5 ms for 100. */
export const explainedWishesMax: number = 100

/**
 * Characters of the tokens whose signatures are known to be good: about 7,000 tokens of 400. With the claims
 * and the grant of each a character takes up to 6 bytes: 24 MiB.
 */
export const knownTokenCharactersMax: number = 4 * 1024 * 1024

/** A known token counts for so many characters more: its entry takes about 1 KB, however short it is. */
export const knownTokenCharactersEach: number = 200

/** After a ledger could not be read, it is tried again: a log that comes back is noticed within a second. */
export const ledgerRetryMs: number = 1_000

/** Times below are taken for seconds: in milliseconds they are before March 1973. */
export const secondsLookMax: number = 100_000_000_000

/**
 * A revocation is kept for so long where nobody says when its tokens end: 24 h. Tokens that services hand out
 * by default live no longer.
 */
export const tokenLifeDefaultMs: number = 24 * 3_600_000

/** The longest life of a token that can be configured: 366 days. */
export const tokenLifeMaxMs: number = 366 * 24 * 3_600_000

/** A revocation outlives its token by this: tokens have a tolerance of up to 5 min, and clocks differ. */
export const revocationGraceMs: number = 6 * 60_000

/** The revocation of an open session is kept for 10 min. Each node hears of it within a second. */
export const sessionRevocationMs: number = 10 * 60_000

/**
 * Changes that come within this time are looked up together. Each of the 10 looks per second costs a few
 * milliseconds for 10,000 sessions.
 */
export const revokedLookMs: number = 100

/** Bits of a ticket, all of them random. */
export const ticketBits: number = 128

/** Within so long the stream of a ticket has to be opened. */
export const ticketUseMs: number = 30_000

/**
 * Characters of the grant of a ticket as JSON. A ledger has 64 MiB, so it holds 4,000 such tickets. The grant
 * of a token has about 500 characters, which makes 100,000.
 */
export const ticketGrantCharactersMax: number = 16_384

/** Tickets for one credential within `ticketUseMs`, on one node: a page opens few streams at a time. */
export const ticketsOfCredentialMax: number = 60

/** Names that are counted at one time: 10,000 × 1 KiB at most are 10 MiB. */
export const countedNamesMax: number = 10_000

/** How long a ticket lets its stream come back, at most: where the grant has no end, 24 h. */
export const ticketLifeDefaultMs: number = 24 * 3_600_000

/** Bytes of a cookie with its name and attributes: browsers take 4,096 for the name and value alone. */
export const cookieBytesMax: number = 4_096

/** Browsers keep a cookie for 400 days at most (RFC 6265bis §5.5). */
export const cookieMaxAgeMs: number = 400 * 24 * 3_600_000

/** An open stream is asked about again so often, where the application checks by itself: 5 min. */
export const recheckAfterDefaultMs: number = 5 * 60_000

/** The range of that, as of a grant's `recheckAfterMs`: 1 s to a day. */
export const recheckAfterRangeMs: { readonly from: number; readonly to: number } = {
  from: 1_000,
  to: 86_400_000,
}

/**
 * Tickets whose streams may come back, of all nodes together. The rest of the 100,000 entries of a ledger is
 * for tickets that were just handed out.
 */
export const usedTicketsMax: number = 80_000

/** Bytes of them, of the 64 MiB of a ledger. */
export const usedTicketsBytesMax: number = 48 * 1024 * 1024

/** Characters of a list of topics, as JSON, that tokens may share. A longer one is parsed for each token. */
export const sharedListCharactersMax: number = 4_096

/** Characters of all lists of topics that tokens share. Trees of patterns take up to 100 bytes for each. */
export const sharedListsCharactersMax: number = 64 * 1024

/** Characters of the head of a token that is kept, because the next token may begin with it. */
export const headCharactersMax: number = 512

/** Characters of all heads of tokens that are kept. With what they say each takes up to 10 bytes. */
export const headsCharactersMax: number = 16 * 1024
