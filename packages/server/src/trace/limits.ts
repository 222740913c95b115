// The limits of what a node remembers to say why a session did not get an event.

/**
 * Bytes that all happenings of all sessions count for: falling behind, other topics, gaps, the end. The
 * oldest are forgotten first. 16 MiB / 160 bytes = 100,000 happenings.
 */
export const traceBytesMax: number = 16 * 1024 * 1024

/** Bytes that a happening counts for, besides its topics: an object, its positions, two places in lists. */
export const happeningBytes: number = 160

/** Flushes whose time is remembered. 4,096 × ~80 bytes = 320 KiB. At 50 flushes a second it is 80 s. */
export const flushTimesMax: number = 4_096

/**
 * Pages of a topic that are looked through for the newer event that took the place of one. 4 × 256 records;
 * beyond them the answer is that it was conflated, without its successor.
 */
export const successorPagesMax: number = 4
