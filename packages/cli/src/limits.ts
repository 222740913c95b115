// Every limit of this room, with its arithmetic.

/** Lines of one publish request. 500 × 128 bytes = 64 KB, some milliseconds of the hub's time. */
export const batchLinesMax: number = 500

/**
 * Bytes of the lines of one publish request; a longer line goes alone. As JSON at most six times that:
 * 1.5 MiB of the hub's 8 MiB.
 */
export const batchBytesMax: number = 256 * 1024

/**
 * Lines and bytes read ahead while a request is under way: the next four requests. Then reading pauses,
 * and with it the writer of the pipe.
 */
export const waitingLinesMax: number = 4 * batchLinesMax
export const waitingBytesMax: number = 4 * batchBytesMax

/**
 * Bytes of one line, or of standard input as one event: the hub's default for a whole request. The hub
 * decides how large an event may be, 1 MiB by default. A line of control characters, one of them wide,
 * takes 20 times that in a request: 2 as text, 12 as JSON, 6 as bytes. The line after it, read ahead,
 * takes 2, and the one in progress up to 3: 25 × 8 MiB = 200 MiB.
 */
export const inputBytesMax: number = 8 * 1024 * 1024

/**
 * Small parts of a line, each below as many bytes, that are kept apart before they are joined: a buffer
 * of one byte costs 130.
 */
export const partsMax: number = 1_024

/**
 * Waits between attempts, in milliseconds: a restarted hub is back within a second, and 5 s is no
 * burden for one that stays away.
 */
export const retryWaits: { readonly baseMs: number; readonly capMs: number } = {
  baseMs: 250,
  capMs: 5_000,
}

/**
 * The heartbeat of a hub that has not announced one yet, in milliseconds: its default. It says so first of
 * all, so this only finds hubs that answer nothing.
 */
export const hubHeartbeatMs: number = 15_000

/**
 * Characters of an event that `subscribe` takes when asked to: the client's own range, 512 MiB in
 * memory at most.
 */
export const eventCharactersRange: { readonly min: number; readonly max: number } = {
  min: 1,
  max: 256 * 1024 * 1024,
}

/**
 * Characters shown of a cursor in a remark. A hub's have 1 + 29 + 1 + 11 + 4 × 66 = 306 at most:
 * docs/PROTOCOL.md, "Words".
 */
export const shownCursorMax: number = 306

/**
 * Attempts to publish one event before a person gets an answer: at most 0.25 + 0.5 + 1 + 2 s of jitter
 * and 4 × 0.25 s.
 */
export const singleAttemptsMax: number = 5

/** A second signal within this time is the same Ctrl-C, handed on by npm or a shell. Milliseconds. */
export const signalEchoMs: number = 500

/** Characters of data shown per event on a terminal; `--json` shows all. */
export const shownDataMax: number = 4_096

/** Between two drawings of a progress bar, in milliseconds: ten a second look smooth. */
export const progressDrawMs: number = 100

/**
 * Between two lines about progress where nobody watches, in milliseconds: a log of an hour's backup has
 * 360 of them.
 */
export const progressTellMs: number = 10_000

/** Bytes of standard input as a token: eight times the longest token, which has 8,192 characters. */
export const tokenInputBytesMax: number = 64 * 1024

/**
 * Characters of a hub's explanation. A grant has 2 × 1,000 topics of 256 bytes, each at most six times as
 * long in JSON: 3 MB. A line of a check has a few hundred.
 */
export const explanationBytesMax: number = 4 * 1024 * 1024

/** How long a hub may take to explain, in milliseconds. One that fetches keys takes a few seconds. */
export const explanationMsMax: number = 30_000

/**
 * Characters of a hub's answer that are read. Ten lists of 1,000 rules, each with a pattern of 256 bytes, six
 * times as long in JSON: 16 MB.
 */
export const answerCharactersMax: number = 16 * 1024 * 1024

/** How long a hub may take to answer, in milliseconds: a change waits for its log. */
export const answerMsMax: number = 30_000

/** Pages of presence that are asked for: 100 × 1,000 users, as many as ten hubs have sessions. */
export const presencePagesMax: number = 100

/** Pages of scheduled events that are asked for: 100 × 1,000 events, as many as may wait. */
export const scheduledPagesMax: number = 100
