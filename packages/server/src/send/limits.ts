// The limits of events that go to many sessions, with their arithmetic.

/**
 * Sessions that get an event in one turn of the event loop. 256 × ~12 µs = 3 ms, so 10,000 sessions are 40
 * turns, and live events have their turns in between.
 */
export const spreadSessionsMax: number = 256

/** Names of topic sets that are compared with a pattern in one turn. 20,000 × ~0.2 µs = 4 ms. */
export const spreadNamesMax: number = 20_000

/**
 * Bytes of one event's copies for its users, of all of them together: as much as a request to publish holds.
 * 10,000 users × 838 bytes, or 8 × 1 MiB.
 */
export const copiesBytesMax: number = 8 * 1024 * 1024
