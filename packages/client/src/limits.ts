// Every limit of this room, with its arithmetic.

/** Never sooner than this after a connection ended: at most 4 requests per second, whatever the server sends. */
export const retryDelayMinMs: number = 250

/** A server may ask for a pause of this length at most; a mistyped `retry:` must not park a client for days. */
export const retryHintMaxMs: number = 5 * 60 * 1000

/** Assumed until the server announces its own; the hub's default. */
export const heartbeatDefaultMs: number = 15_000

/** Announced heartbeats are taken from 1 s (a timer per second) to 5 minutes (12.5 minutes until a dead peer shows). */
export const heartbeatMinMs: number = 1_000
export const heartbeatMaxMs: number = 5 * 60 * 1000

/** Two beats may be late or lost before a third of silence counts as death. */
export const silentHeartbeatsMax: number = 2.5

/** Characters of events that wait for a slow iterator before reading pauses. Strings take up to 2 bytes per character: 2 MiB, plus one slice, plus one event of the decoder's 16 MiB at worst. */
export const queueCostMax: number = 1024 * 1024

/** What an event costs besides its text: the objects around it. 1 MiB / 128 = 8,192 empty events at most. */
export const queueItemCost: number = 128

/** Bytes decoded between two looks at the queue. Runtimes hand over chunks of any size; this bounds what one adds. */
export const sliceBytesMax: number = 16 * 1024

/** Characters of a URL before the topics move into a POST body. Servers and proxies take 8,192, some 4,096. */
export const urlLengthMax: number = 4_000

/** Bytes read of a refusal's body. A problem+json of the hub has about 300. */
export const problemBytesMax: number = 64 * 1024

/** Longest wait for the answer to one publish before it is sent again with the same key. */
export const publishTimeoutMs: number = 30_000
