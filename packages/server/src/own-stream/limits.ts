// The limits of a response with the application's own events, with their arithmetic.

/**
 * Characters (of texts above `smallTextLengthMax`: bytes) that may wait for the reader of an `openStream`,
 * beside the event that passes it. An application that awaits each send has none here. 1 Mi × 2 bytes = 2 MiB
 * for each stream whose application does not.
 */
export const waitingTextLengthMax: number = 1024 * 1024

/** Characters that a waiting text counts for beside its own: a string object and its place in a list. */
export const waitingTextOverhead: number = 32

/**
 * Characters of a text that waits as text: with 4 Ki lines its rope takes 128 KiB. Longer ones wait as bytes.
 */
export const smallTextLengthMax: number = 4 * 1024

/** Characters of what waits that are written at a time: about `writeBytesMax`, or one event. */
export const waitingPortionLength: number = 64 * 1024

/** Sends of one `openStream` in a turn of the event loop: 64 × ~10 µs = 0.6 ms. */
export const sendsPerTurnMax: number = 64

/**
 * Characters of an application's own event id. Node takes 16 KiB of headers, and browsers send the id in one.
 */
export const ownIdLengthMax: number = 1_024
