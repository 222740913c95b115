// Every limit of this room, with its arithmetic.

/** The longest delay that `setTimeout` can hold, 2³¹ - 1 ms (24.8 days). A longer delay would become 1 ms. */
export const timerDelayMaxMs: number = 2 ** 31 - 1

/**
 * Never sooner than this after a connection ended: at most 4 requests per second, whatever the server
 * sends.
 */
export const retryDelayMinMs: number = 250

/**
 * Requests of one feed, or of one publish, that may begin within a second; redirects count like the
 * rest. 1,000 / 250.
 */
export const requestsPerSecondMax: number = 1_000 / retryDelayMinMs

/**
 * Redirects followed in one attempt, as many as the Fetch standard has; they take 5 s at 4 requests per
 * second.
 */
export const redirectsMax: number = 20

/**
 * How often one attempt asks the same URL: a page that sets a cookie leads back once. A third time is a
 * circle.
 */
export const visitsMax: number = 2

/**
 * A server may ask for a pause of this length at most; a mistyped `retry:` must not park a client for
 * days.
 */
export const retryHintMaxMs: number = 5 * 60 * 1000

/**
 * Longest wait for the head of an answer where no heartbeat sets a shorter one: what Node's `fetch`
 * has. Streams may be silent for longer.
 */
export const answerWaitMaxMs: number = 5 * 60 * 1000

/** Longest wait for what a `headers` function promises. A token is a request or two. */
export const headersWaitMaxMs: number = 60_000

/** Announced heartbeats are taken from 1 s, a timer per second. */
export const heartbeatMinMs: number = 1_000

/** Two beats may be late or lost before a third of silence counts as death. */
export const silentHeartbeatsMax: number = 2.5

/**
 * Bytes of an id that is sent back. Apache takes 8,190 for a header line, nginx 8,192, name included
 * (15); Node 16 KiB for all of them.
 */
export const lastEventIdBytesMax: number = 8_000

/** The decoder's own default: 16 times what a hub takes unless configured. */
export const eventCharactersMaxDefault: number = 16 * 1024 * 1024

/** The largest `eventCharactersMax`: characters of one string. V8 takes 512 Mi, others half of it. */
export const eventCharactersMaxMax: number = 256 * 1024 * 1024

/**
 * Characters of events that wait for a slow iterator before reading pauses. Those of ids, topics, types
 * and keys count, and those the event was decoded from. Strings take up to 2 bytes per character: 2
 * MiB, plus one slice, plus one event of the decoder's 16 MiB (`eventCharactersMax`) at worst.
 */
export const queueCostMax: number = 1024 * 1024

/**
 * The cost of an event besides its texts: the objects around them. Measured: 170 to 290 bytes, half of
 * which are counted. 1 MiB / 128 = 8,192 empty events at most.
 */
export const queueItemCost: number = 128

/**
 * Bytes decoded between two looks at the queue. Runtimes hand over chunks of any size; this bounds what
 * one adds.
 */
export const sliceBytesMax: number = 16 * 1024

/**
 * Bytes of a compressed event that are opened between two looks at its length. gzip shrinks 1,032-fold at
 * most (RFC 1951): 1 MiB beyond `eventCharactersMax`.
 */
export const inflateSliceBytes: number = 1_024

/**
 * Characters of a URL before the topics move into a POST body. Servers and proxies take 8,192, some
 * 4,096.
 */
export const urlLengthMax: number = 4_000

/** Bytes read of a refusal's body. A problem+json of the hub has about 300. */
export const problemBytesMax: number = 64 * 1024

/** Bytes read of a receipt. The hub's is a cursor of about 28 characters and a count: some 60 bytes. */
export const receiptBytesMax: number = 64 * 1024

/**
 * Longest wait for the answer to one request of a publish, before the events are sent again with the
 * same key.
 */
export const publishTimeoutMs: number = 30_000

/**
 * How long a feed of a client stays connected after its last taker: a page that changes views comes
 * back within it.
 */
export const graceMsDefault: number = 5_000

/** Names in one subscription: what a hub takes. A client with more topics has one link per thousand. */
export const topicsPerLinkMax: number = 1_000

/**
 * Links of feeds that catch up, at once. Browsers open 6 HTTP/1.1 connections per origin: 4, the main
 * link, and one to publish.
 */
export const catchUpLinksMax: number = 4

/**
 * How long a link that catches up keeps its place while others wait that have something to read. Ten
 * events take a round trip; a long past goes on in the next turn, from its cursor. 4 links per second
 * are what the pace of requests allows.
 */
export const catchUpTurnMs: number = 1_000

/**
 * Events of the main link that a feed which catches up keeps, to know where the two meet. Each may keep
 * the 16 KiB slice that its text is a part of. 256 × 32 KiB = 8 MiB at worst, for as long as it catches
 * up.
 */
export const comparedEventsMax: number = 256

/**
 * Characters of events that the main link has brought and a feed that catches up has not read: an
 * eighth of its queue.
 */
export const comparedCostMax: number = queueCostMax / 8
