// Every limit of the crash test, with its arithmetic.

/** Events of one batch request. */
export const batchEventsMax: number = 20

/** One in so many events is large, */
export const fillEvery: number = 12

/** with up to this many characters of padding: 3.4 KB per event on average, 4 MB per 1,200 events. */
export const fillLengthMax: number = 80_000

/** A slow reader stands still for this many acknowledged events, long enough to fill the kernel's buffers. */
export const pauseEvents: { readonly from: number; readonly to: number } = {
  from: 2_000,
  to: 3_500,
}

/**
 * Events acknowledged per kill at which publishers slow down. The judge keeps all that every
 * subscriber has received, and a fast machine publishes 60,000 while a worker is replaced. 25 kills
 * × 2,500 × 8 subscribers × ~2 KB = 1 GB.
 */
export const eventsPerKill: number = 2_500

/** Between two requests of a publisher that is ahead of the kills, in milliseconds. */
export const aheadPaceMs: number = 50

/**
 * Events acknowledged after the last kill, so that slow readers fall behind and catch up on one
 * connection.
 */
export const calmEvents: number = 8_000

/** Cuts fall into the head of a stream, into its first events, and far into it. */
export const cutBytesMax: readonly number[] = [400, 5_000, 30_000, 100_000, 500_000]

/** A slow reader needs connections that outlast the 4 MB and more in the kernel's buffers. */
export const slowCutBytesMax: readonly number[] = [10_000, 10_000_000, 20_000_000]

/** Backups that may be put back: older ones part the histories further behind. */
export const backupsMax: number = 4

/**
 * Kills that follow each other: two on either side of a parting, and one may know none of the
 * other's starts.
 */
export const killsMax: number = 4

/** The share of connections and requests that go to the hub on a copy while there is one. */
export const cloneShare: number = 0.4

/**
 * Milliseconds between two requests of a publisher where directories are copied. 6 publishers × 33
 * per second × 5 events of 200 bytes are 200 KB per second, so that a copy stays small.
 */
export const forkPaceMs: number = 30

/**
 * Acknowledged events between two acts: none, so that one follows the other at once, or half a
 * second and more.
 */
export const actEvents: readonly number[] = [0, 30, 600]

/** Events acknowledged after the last act, so that every client has come back once more. */
export const calmForkEvents: number = 1_000
