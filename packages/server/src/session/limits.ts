// The limits of what a grant leaves with its session, with their arithmetic.

/**
 * How long before its end a stream is told of it, in milliseconds: time to fetch a token, twice, over a slow
 * network.
 */
export const tokenHintMs: number = 30_000

/**
 * After how long a stream that took nothing is tried again with what it should be told, in milliseconds.
 * 10,000 sessions whose end is near cost 10,000 looks a second: 2 ms.
 */
export const untoldRetryMs: number = 1_000

/**
 * Permissions of a grant. 10,000 sessions × 100 × (128 characters × 2 + 32) bytes = 275 MiB at worst; ten
 * words each are 5 MB.
 */
export const permissionsMax: number = 100

/** Characters of a permission. */
export const permissionCharactersMax: number = 128

/**
 * Characters of a grant's claims as JSON. Measured: 70 tiny claims take up to 16 bytes a character; 10,000
 * sessions × 16 KiB = 156 MiB.
 */
export const claimsCharactersMax: number = 1_024

/** The range of the time after which a grant is asked about again, in milliseconds: up to a day. */
export const recheckAfterRangeMs: Range = { from: 1_000, to: 86_400_000 }

/**
 * A grant may be asked about again so much earlier than its time, as a share. 10,000 sessions that opened
 * together and are asked about every five minutes are 167 a second.
 */
export const recheckSpreadShare: number = 0.2

/**
 * Open streams that `authorize` is asked about at one time: new streams have 9,936 of `authorizeWaitingMax`
 * left. If each answer takes 100 ms, 640 a second.
 */
export const rechecksMax: number = 64

/** After how long a stream is asked about again that nobody could judge. Spread, in milliseconds. */
export const recheckRetryMs: Range = { from: 5_000, to: 15_000 }

/** The values that something may have, both ends included. */
interface Range {
  readonly from: number
  readonly to: number
}

/**
 * When a client comes back whose session was replaced by another of its user, in milliseconds. It would
 * replace the next one. Four pages that take turns at three places are each away for a quarter of the time.
 * Two requests a minute are the whole cost.
 */
export const replacedRetryMs: { readonly from: number; readonly to: number } = {
  from: 120_000,
  to: 180_000,
}

/**
 * How long a socket takes nothing before its session is ended where another finds no place, in milliseconds.
 * Phones are back from a tunnel sooner, and 10,000 dead clients make room within one look.
 */
export const stalledForOthersMs: number = 10_000

/**
 * How long a changed topic set is kept behind its last use, in milliseconds: as long as the hub keeps events
 * by default. A client that comes back later is told of a gap. The 100,000 entries of a ledger last for one
 * new set in a second, all day.
 */
export const topicSetKeptMs: number = 24 * 3_600_000

/**
 * Time between two looks at which changed topic sets are in use, in milliseconds. Twelve looks are in the
 * half of their time in which they are written anew. 10,000 sessions × 0.1 µs = 1 ms.
 */
export const topicSetsLookMs: number = 3_600_000
