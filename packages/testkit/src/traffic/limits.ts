// Every limit of publishers in tests under faults and load, with its arithmetic.

/**
 * Between two attempts to reach a hub that is down. 30 clients × 25 per second = 750 refused
 * connections per second. Milliseconds.
 */
export const reconnectMs: number = 40

/**
 * How long one publish may take. A hub that hangs is found sooner, because nothing moves any more;
 * this is for one request that is forgotten while others are answered. Milliseconds.
 */
export const answerMsMax: number = 120_000

/** One in so many requests with an idempotency key is cut off before its answer. */
export const cutsEvery: number = 20
