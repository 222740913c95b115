// Every limit of the hub, with its arithmetic.

/** Bytes of request line and headers. 100 topics of 256 bytes fit; longer lists go into the body of POST /events. */
export const headerBytesMax: number = 32 * 1024

/** Records of one page of history; each may be 1 MiB, so a page is cut by bytes as well. */
export const historyRecordsMax: number = 1_000

/** Records of a page of history when the request names no limit. */
export const historyRecordsDefault: number = 100

/** How long a refused body is still read, so that the client gets to see the answer. Milliseconds. */
export const discardMs: number = 2_000

/** How long a probe may take from publish to delivery before the hub counts as not ready. Milliseconds. */
export const probeMs: number = 2_000

/** How long the answer of a probe holds for others who ask: at most one write per second, however many ask. Milliseconds. */
export const probeFreshMs: number = 1_000

/** Node keeps an idle connection this long for its next request; above the usual 60 s of proxies. Milliseconds. */
export const keepAliveMs: number = 75_000

/**
 * Levels of arrays and objects in each other. Parsing 4,000,000 levels (8 MiB of brackets) takes 1.5 s, and readers in
 * other languages stop at about this many.
 */
export const jsonLevelsMax: number = 1_000
