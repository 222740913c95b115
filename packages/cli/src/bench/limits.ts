// Every limit of the load tester, with its arithmetic.

/** A limit with both ends included. */
export interface Range {
  readonly min: number
  readonly max: number
}

/**
 * 100,000 streams at 6 KB each in the generator: 600 MB. One source address has 28,000 ports towards
 * one server on Linux as it comes.
 */
export const connectionsRange: Range = { min: 1, max: 100_000 }

/** Milliseconds between two connections being opened; `openingMsMax` bounds all of them together. */
export const rampRange: Range = { min: 0, max: 60_000 }

/** Milliseconds of load. Six hours are 21,600 seconds of series, 2 KB of latencies each: 43 MB. */
export const durationRange: Range = { min: 100, max: 6 * 3_600_000 }

/**
 * Milliseconds until the last connection is due, connections × ramp: as long as the longest load. So
 * the series of a run has 43,200 seconds at most, and those it takes to settle. Unbounded, 100,000 a
 * minute apart would be 69 days of it.
 */
export const openingMsMax: number = durationRange.max

/** As many as there may be connections: one each. */
export const topicsRange: Range = { min: 1, max: 100_000 }

/**
 * Publishes per second. One process sends some 5,000 requests a second; more shows that limit, and the
 * report says so.
 */
export const rateRange: Range = { min: 0, max: 100_000 }

/**
 * Bytes of one event's data. The marker takes some 50 and never more than 72; the hub takes 1 MiB
 * unless configured.
 */
export const payloadRange: Range = { min: 72, max: 1024 * 1024 }

export const processesRange: Range = { min: 1, max: 64 }

/** Milliseconds between two lines of progress. */
export const reportEveryRange: Range = { min: 100, max: 3_600_000 }

/** Process ids of Linux on 64 bits. */
export const pidRange: Range = { min: 1, max: 4_194_304 }

/**
 * Publishes under way at one time, each on a connection of its own: at 5 ms each 100,000 a second. With
 * 1 MiB each it would be 512 MiB, so their bytes count too.
 */
export const publishesInFlightMax: number = 512
export const publishBytesInFlightMax: number = 64 * 1024 * 1024

/** Milliseconds until a publish or a connection without an answer counts as failed. */
export const answerMsMax: number = 30_000

/**
 * Milliseconds between the last connection and the first publish: a server may register a stream after
 * its head.
 */
export const settleBeforeMs: number = 100

/** Milliseconds the streams have after the last publish to deliver what was acknowledged. */
export const settleAfterMsMax: number = 5_000

/** Milliseconds of silence on open streams after which what has not come is missing. */
export const silentMs: number = 1_000

/**
 * The same once somebody has asked for an early end, for answers to publishes as well: both together
 * are under a second.
 */
export const hurriedSilentMs: number = 300

/** Milliseconds between two looks at whether everything has arrived. */
export const settleLookMs: number = 25

/**
 * Bytes of a response's head, one character each: what nginx and Node take of a request's, several
 * times over.
 */
export const headBytesMax: number = 64 * 1024

/** Characters of a refusal's body that are kept for its explanation. */
export const refusalCharactersMax: number = 16 * 1024

/** Characters of a refusal's explanation in a table. */
export const reasonLengthMax: number = 160

/** Different reasons counted by name; what comes on top is counted as `other`. */
export const reasonsMax: number = 50

/**
 * Stretches of missing events remembered per stream, 24 bytes each at worst, in a list that grows by
 * half. 12 KB × 100,000 streams would be 1.2 GB; only a server that loses everywhere comes near.
 */
export const holesMax: number = 500

/** Publishes that failed and are left out of what is missed, remembered by number. */
export const failedPublishesMax: number = 100_000

/** Bytes read from a socket at once; one buffer serves all sockets of a process. */
export const readBytesMax: number = 256 * 1024

/**
 * Waits before a stream that ended is opened again, in milliseconds, unless the server says another by
 * `retry:`; browsers take 3 s. The least is the client's, 4 requests a second: with `retry: 0` a stream
 * that ended at once came back 130 times a second.
 */
export const retryMsDefault: number = 1_000
export const retryMsMin: number = 250
export const retryMsMax: number = 30_000

/** File descriptors of a process beside its streams: Node's own 30, and room. */
export const descriptorsSpare: number = 64

/**
 * A publish that left this much after it was due is late. Timers of Node are up to 2 ms late on an idle
 * machine. Milliseconds.
 */
export const lateMs: number = 10

/** Share of late publishes from which the report speaks of them. */
export const lateShareMax: number = 0.01

/**
 * Share of a process's time from which its limit is the figure's: at 0.85 a queue is already six times
 * as long as the work.
 */
export const busyShareMax: number = 0.85

/**
 * Event-loop delay of the generator, 99th percentile, from which latencies are its own doing.
 * Milliseconds.
 */
export const loopDelayMsMax: number = 50

/** Share of all cores from which server and generator are in each other's way. */
export const machineShareMax: number = 0.95
