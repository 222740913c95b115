// Every limit of the load tests, with its arithmetic.

/** Cuts fall into the head of a stream, into its first events, and far into it. Bytes of the body. */
export const cutBytesMax: readonly number[] = [300, 2_000, 20_000, 100_000, 1_000_000]

/**
 * A pausing reader stands still for so many acknowledged events: at 3,000 per second about half a
 * second. And for so many more, time and again, until its session must have lagged.
 */
export const pauseEvents: { readonly from: number; readonly to: number } = {
  from: 1_200,
  to: 2_400,
}

/**
 * Padding withheld from a reader that stands still, beyond which its session must have lagged: the
 * kernel takes 4 MB,
 */
export const lagBytesMin: number = 5_000_000

/** over HTTP/2 the windows of stream and connection 64 KiB each, and the engine's own limit 64 KiB. */
export const http2LagBytesMin: number = 500_000

/** Bytes per second that a trickling reader takes. */
export const trickleBytesPerSecond: number = 4 * 1024

/** The share of events that are padded, */
export const bulkShare: number = 0.2

/**
 * with up to this many characters: 3,000 events per second × 20 % × 24 KB on average = 14 MB per
 * second to who follows them all.
 */
export const bulkLengthMax: number = 48_000

/** Events of one request. */
export const batchEventsMax: number = 20

/**
 * A run publishes so many times its events at most while what the scenario must show has not
 * happened yet. On an idle machine all of it has happened by then, or after a quarter more.
 */
export const prolongMax: number = 10

/** Between two looks at a process's memory. Milliseconds. */
export const memoryLookMs: number = 50

/** Violations told of one subscriber: the first is the fault, the others mostly follow from it. */
export const violationsToldMax: number = 3

/** Acknowledged events between two kills of workers. A worker takes about half a second to be replaced. */
export const killEvents: { readonly from: number; readonly to: number } = { from: 200, to: 800 }

/** Events that a subscriber hears at most between two changes of its topics, beats among them. */
export const changeEventsMax: number = 40

/** Names that it follows at most: a few, so that it gets a share of all events. */
export const namesOfChangerMax: number = 5

/** Places of a stream that a replay of added topics may begin at: of the newest events. */
export const placesKeptMax: number = 100
