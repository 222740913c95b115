// The limits of events that are published later, with their arithmetic. Their number and their bytes are
// those of a ledger.

/** How far ahead an event may be scheduled, in milliseconds: a year. */
export const scheduleAheadMsMax: number = 366 * 24 * 60 * 60 * 1000

/**
 * How long a node waits before it publishes an event that another node has scheduled, in milliseconds. That
 * node is first if it lives. If it does not, the event is so late.
 */
export const staggerMs = { from: 250, to: 750 } as const

/**
 * Events that are due which a node publishes at one time. 64 appends share a commit of LMDB, so 100,000 that
 * came due while nobody was there take some seconds, and other publishers come in between.
 */
export const duePublishedMax: number = 64

/** Time between two attempts to publish an event that is due, while the log takes none. Milliseconds. */
export const dueRetryMs: number = 1_000

/** Events that wait, of one page: 1,000 × ~6 KB with the longest topics, keys and tags. They have no data. */
export const scheduledListedMax: number = 1_000

/** Events of a page where the client names no number. */
export const scheduledListedDefault: number = 100
