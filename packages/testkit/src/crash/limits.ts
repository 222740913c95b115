// Every limit of the crash test, with its arithmetic.

/** Between two attempts to reach a hub that is down. 30 clients × 25 per second = 750 refused connections per second. Milliseconds. */
export const knockMs: number = 40

/** Events of one batch request. */
export const batchEventsMax: number = 20

/** Characters added to some events, so that slow readers fill the kernel's buffers (about 3 MB on loopback). */
export const fillLengthMax: number = 8_000

/** How long subscribers may take to get level once publishing has ended. Milliseconds. */
export const settleMsMax: number = 30_000

/** How long one publish may take; a hub that hangs shall fail the test, not stop it. Milliseconds. */
export const answerMsMax: number = 20_000
