// Every limit of this room, with its arithmetic.

/** UTF-8 bytes of a topic or pattern. With the index's 16 bytes it stays far below any driver's key limit (LMDB: 1,978). */
export const topicBytesMax: number = 256

/** Segments of a topic: 256 bytes hold at most 128 of one character each. */
export const topicSegmentsMax: number = 128

/** Topics and patterns of one subscription. 1,000 × 256 bytes = 256 KB of request at most. */
export const topicSetSizeMax: number = 1_000

/** Events of one append. 10,000 × ~2 µs in one transaction = 20 ms during which no one else writes. */
export const batchEventsMax: number = 10_000

/** Characters of an idempotency key, visible ASCII. */
export const idempotencyKeyLengthMax: number = 128

/** Characters of an event's key. */
export const eventKeyLengthMax: number = 256

/** Marks of topics that hold no records any more are kept exactly for this many topics; older ones become one common mark. 100,000 × ~350 bytes = 35 MB. */
export const emptyTopicsMax: number = 100_000

/** How long an idempotency key is kept at most, in milliseconds. */
export const idempotencyAgeMaxMs: number = 24 * 60 * 60 * 1000
