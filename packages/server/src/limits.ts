// Every limit of this room, with its arithmetic.

import { batchEventsMax } from '@tidemark/log'

/**
 * Bytes that may wait in user space for one socket before its session lags and gets no more. The write that
 * passes it may be one event of 1 MiB, which live sessions share and replaying ones do not. 10,000 stalled
 * sessions × 64 KiB = 640 MiB while blocks are small, 1.8 GiB with the largest of several events. Large
 * events have bounds of their own: `heldBlocksBytesMax`, `largeWriteBytesMax`.
 */
export const writeBytesMax: number = 64 * 1024

/**
 * Blocks that may wait for a reader of the Fetch door, however small, before its session lags. 64 beats are
 * 16 minutes in which nobody has read: an answer that the application has dropped is no session for ever.
 * Under load 64 flushes are 1.3 s.
 */
export const writeBlocksMax: number = 64

/**
 * Bytes that a reader of the Fetch door is handed at a time. A chunk is a copy, so a reader that stops with
 * one in hand costs this much and not an event of 6 MiB. 10,000 × 64 KiB = 640 MiB.
 */
export const fetchChunkBytes: number = 64 * 1024

/** Bytes of events that a node without a log keeps in memory: about 100,000 events of 128 bytes. */
export const ownLogBytesMax: number = 64 * 1024 * 1024

/** Longest adaptive flush window, in milliseconds. People do not notice it; 50 flushes per second. */
export const flushWindowMaxMs: number = 20

/** The longest window that may be asked for, in milliseconds. */
export const flushWindowLimitMs: number = 100

/**
 * The rest after a flush, in times of what the flush took. So writing takes a fifth of the time at most,
 * until the window is at its longest.
 */
export const flushRestShare: number = 4

/**
 * How much of the time that an event will wait for its flush it may spend waiting for others on its way to
 * the log. A commit costs about 0.3 ms of CPU whether it carries one event or five: at 1,000 publishes per
 * second a third of a core.
 */
export const publishPatienceShare: number = 0.5

/** And at most so long, in milliseconds: publishers wait for it as well. */
export const publishPatienceMsMax: number = 4

/** Records that wait for a flush, at which they leave early: 50,000 per second at 50 flushes. */
export const flushEventsMax: number = 1_000

/** Bytes of data, likewise. Of frames, so many are one block: about `writeBytesMax`, or one large event. */
export const flushBytesMax: number = 64 * 1024

/**
 * Bytes of a subscription's JSON body at the Fetch door. 1,000 topics of 256 bytes in quotes are 259 KB; as
 * much again for escapes.
 */
export const subscriptionBytesMax: number = 512 * 1024

/**
 * Bytes and parts of such bodies that are read at one time, each beyond its first `subscriptionFreeBytes`.
 * They are decoded as they arrive, by two bytes a character where one needs it: 128 MiB. Parsed is one body
 * in a turn, and what comes of it counts as a topic set.
 */
export const subscriptionBodiesBytesMax: number = 64 * 1024 * 1024

/**
 * So that a few slow senders of long lists cannot keep short ones out. 10,000 × 16 KiB × 2 = 313 MiB beside
 * the rest.
 */
export const subscriptionFreeBytes: number = 16 * 1024

/**
 * How long a client waits for what `authorize` finds out, in milliseconds: below the minute after which
 * proxies give up. A database that takes longer is down.
 */
export const authorizeMsMax: number = 30_000

/**
 * Requests that wait for it at one time. Each holds its exchange and its topics. 16 KiB of the topics do not
 * count (`subscriptionFreeBytes`): 10,000 × (10 KB + 16 KiB × 2) = 420 MB while `authorize` hangs.
 */
export const authorizeWaitingMax: number = 10_000

/** Cost of a part of such a body beside its bytes; a body may be one part per byte. Measured: 34 bytes. */
export const subscriptionPartBytes: number = 48

/**
 * Bytes below which a block is put into a gzip stream as it is. Compressing 200 bytes of JSON saves 80 of
 * them and takes about 10 µs, as much as two writes.
 */
export const gzipBytesMin: number = 200

/**
 * Sessions of one node. 10,000 × ~10 KB idle = 100 MB over HTTP/1.1. Over TLS with a connection of HTTP/2 for
 * each it is 85 KB, 850 MB.
 */
export const sessionsMax: number = 10_000

/** Cost of an audience beside its names: audience, framing, sets. Measured: 2.0 KB, by bench/limits.ts. */
export const audienceOverheadBytes: number = 2_560

/**
 * Cost of a name beside its text: its place in the set, in the set of exact topics and in the registry. Their
 * tables are half empty at times. Measured: 250 to 330 bytes.
 */
export const nameOverheadBytes: number = 384

/**
 * Cost of a segment of a pattern: a node in the set's own tree and one in the registry's trie. Measured:
 * 370 bytes.
 */
export const patternSegmentBytes: number = 400

/** Bytes of a text in memory per UTF-16 unit: V8 takes 2 for all as soon as one character needs them. */
export const textUnitBytes: number = 2

/**
 * The first bytes of each topic set do not count, so that a few sessions with many names cannot keep ordinary
 * ones out. That is the audience and five short topics, or two patterns. 10,000 sessions × 4 KiB = 40 MiB
 * beside the rest.
 */
export const topicSetFreeBytes: number = 4 * 1024

/**
 * The largest topic set: 2.5 KB + 1,000 names × 384 bytes + 8,000 segments × 400 bytes + 257,000 units × 2
 * bytes = 4.1 MB. It must fit alone, or its refusal would never pass.
 */
export const topicSetsBytesMin: number = 4 * 1024 * 1024

/**
 * Bytes of the topic sets of all sessions, each beyond its first `topicSetFreeBytes`. A set that sessions
 * share counts once. 65 of the largest sets, or 630 of 1,000 names with 20 characters each.
 */
export const topicSetsBytesMax: number = 256 * 1024 * 1024

/** Bytes of one event's data. */
export const eventBytesMax: number = 1024 * 1024

/** Events of one publish request: all or none, so one append. */
export const publishEventsMax: number = batchEventsMax

/**
 * How much longer a text can get: JSON writes a control character as `\u0001`, six bytes; UTF-8 takes three
 * for a UTF-16 unit. So an event of 1 MiB is a frame of 6 MiB at worst, in an envelope.
 */
export const escapeGrowthMax: number = 6

/**
 * Bytes of large blocks of their own that replaying sessions are being written: an event that passes
 * `writeBytesMax`, 6 MiB at worst. Others wait their turn, with their cursor only. Without it 10,000 sessions
 * that read nothing would hold 60 GB.
 */
export const largeWriteBytesMax: number = 128 * 1024 * 1024

/**
 * How long a client may take for such a block while others wait. 6 MiB in 60 s are 0.8 Mbit/s. Milliseconds.
 */
export const largeWriteMs: number = 60_000

/**
 * Bytes of large blocks of live and recent events that sessions hold because their sockets take nothing, each
 * block counted once. Without it 10,000 sessions that stall one after another, each at another event of 6
 * MiB, would hold 60 GB.
 */
export const heldBlocksBytesMax: number = 128 * 1024 * 1024

/**
 * Pages of the log read at one time for sessions that catch up, beside their turns: a log behind a network
 * may take long. 64 × 1.25 Mi characters × 2 bytes = 160 MiB.
 */
export const replayReadsMax: number = 64

/**
 * Backlogs reduced by lag rules at one time, each over up to `backlogPagesMax` turns. 16 × (1 Mi + a page's
 * 1.25 Mi characters) × 2 bytes = 72 MiB; of 10,000 laggards at once it would be 45 GB.
 */
export const backlogsMax: number = 16

/** Records asked of the log per page of a replay. 256 × 128 bytes is half of `writeBytesMax`. */
export const replayPageMax: number = 256

/**
 * Newest records kept in memory, with their frames, so that a short absence is replayed without touching
 * storage and without encoding anything again.
 */
export const recentRecordsMax: number = 1_024

/** Characters of data kept with them: 1,024 small events fit; large ones push older ones out. 2 MiB. */
export const recentCharactersMax: number = 1024 * 1024

/**
 * Bytes of frames kept with them, each counted as `frameCopiesMax` times its own. There are 129 framings: in
 * all of them 1 Mi control characters would be 1 GB. A framing of 1,024 small events takes 2.5 MB.
 */
export const recentFrameBytesMax: number = 32 * 1024 * 1024

/**
 * A frame may be held as bytes, as a chunk of HTTP/1.1, and both again compressed: four. A batch of one is a
 * block of its own beside its frame: five.
 */
export const frameCopiesMax: number = 5

/**
 * Cost of a frame beside its bytes: blocks, arrays and maps. Measured: 1,200 to 1,650 bytes with all
 * copies made.
 */
export const frameOverheadBytes: number = 1_800

/** Characters of an event from which on it is compressed for clients that ask for it: more than 1,024. */
export const packCharactersMin: number = 1_025

/**
 * Characters of compressed events that are kept for others who ask for them, in another framing or in a
 * replay. They are base64, a byte each: 8 MiB, some 2,000 events of 16 KB.
 */
export const packedKeptCharactersMax: number = 8 * 1024 * 1024

/** Each of them counts for so much beside its text: its name, and its place in the table. */
export const packedOverheadCharacters: number = 256

/** Sessions that wait for the tail before those who have given up are looked for. */
export const waitersKeptMax: number = 1_000

/** Rules of one kind. Each is tried once per topic, then remembered where events ask for it. */
export const rulesMax: number = 1_000

/** Sessions that a rule may allow a topic: as many as a hub may be set to have. */
export const subscribersRange: { readonly from: number; readonly to: number } = {
  from: 1,
  to: 10_000_000,
}

/**
 * Topics of one node whose sessions it tells the others: 100,000 × ~150 bytes = 15 MB on each of them. Those
 * beyond count at their node alone.
 */
export const toldTopicsMax: number = 100_000

/** How long a stream waits for what other nodes have, where this one does not know yet. Milliseconds. */
export const subscribersWholeMs: number = 1_000

/** Events per second that a rule may allow a topic. The least is one in 100 s. */
export const ratePerSecondRange: Range = { from: 0.01, to: 1_000_000 }

/** Events that a rule may allow a topic at once. */
export const rateBurstRange: Range = { from: 1, to: 1_000_000 }

/**
 * A topic that got more than its rate is refused further events for so long at most, beside the time that a
 * burst takes. Milliseconds.
 */
export const rateDebtMs: number = 60_000

/** Topics with a rate that a node counts: 100,000 × ~200 bytes = 20 MB, with topics of 256 bytes 45 MB. */
export const rateTopicsMax: number = 100_000

/** Topics that are looked at for one that may be forgotten, where one more comes: 8 × ~50 ns. */
export const rateLooksMax: number = 8

/** Topics whose lag rule is remembered: 10,000 × ~100 bytes = 1 MB, with topics of 256 bytes 3.5 MB. */
export const rememberedTopicsMax: number = 10_000

/**
 * Pages that are read for newer values of a lagging session's backlog before the rest of it is sent: 40 × 256
 * events. Each page has a turn of its own.
 */
export const backlogPagesMax: number = 40

/** Events that may be left of a backlog before it is sent, whatever would supersede them. */
export const backlogRecordsMax: number = 1_024

/** Characters of data, likewise: 1 Mi while a laggard's turn lasts. */
export const backlogCharactersMax: number = 1024 * 1024

/** The range of a session's rate, in events per second. */
export const eventsPerSecondRange: Range = { from: 1, to: 1_000_000 }

/**
 * How often sessions that have used up their rate are looked at again: a tenth of a second's worth of events
 * at a time. Milliseconds.
 */
export const paceMs: number = 100

/** Time to read the goodbye before the connection is cut: a few slow round trips. Milliseconds. */
export const goodbyeMs: number = 5_000

/**
 * Bytes of a block that a stream of HTTP/2 is given at a time. 250 streams of a connection whose client has
 * opened all windows and reads nothing hold 250 × 64 KiB = 16 MiB.
 */
export const http2SliceBytes: number = 64 * 1024

/**
 * Bytes of a large block that an encrypted connection of HTTP/1.1 is given at a time: Node encrypts for each
 * socket whatever it is given. 10,000 stalled sessions × 64 KiB = 640 MiB, as much as may wait for them
 * anyway.
 */
export const encryptedSliceBytes: number = 64 * 1024

/** How often a drain looks whether the last goodbyes have been read. Milliseconds. */
export const goodbyePollMs: number = 20

/** The range of the time between two beats, in milliseconds: up to a day. Timers end at 24.8 days. */
export const heartbeatRangeMs: Range = { from: 1, to: 86_400_000 }

/** Milliseconds between two beats of a session. Proxies cut idle streams after 30 to 60 s. */
export const heartbeatMs: number = 15_000

/** A beat is late by a sixteenth of the interval at most: 16 timer runs serve all sessions, however many. */
export const beatGrains: number = 16

/**
 * Time between two looks at the wall clock while something waits for a time of it. After a clock is set
 * ahead, it is late by so much. Milliseconds.
 */
export const wallClockLookMs: number = 60_000

/**
 * When a grant may end, in milliseconds since 1970: from 1973 on, so that seconds are found out, up to the
 * last date there is.
 */
export const expiresAtRange: Range = { from: 100_000_000_000, to: 8_640_000_000_000_000 }

/**
 * Tokens for single topics that a request may bring. Each is a signature to check, of 0.1 ms: 10 ms for one
 * request.
 */
export const topicTokensMax: number = 100

/** Characters of such a token: as of any other that `access` takes. */
export const topicTokenCharactersMax: number = 8_192

/** Characters of a session's user, label and group. 10,000 sessions × 3 × 256 × 2 bytes = 15 MiB. */
export const ownerCharactersMax: number = 256

/** Characters of a node's name: with 23 of its own, a session id has 55 at most. */
export const nodeNameCharactersMax: number = 32

/**
 * Characters of the key of a kept topic set. A part of a cursor has 64: the cursor in it takes up to 42, and
 * the underscore 1.
 */
export const topicSetKeyCharactersMax: number = 21

/** Changes of one session's topics that wait for a replay of added ones: each is a list of names. */
export const topicChangesWaitingMax: number = 16

/** Events of a session's own that wait until its stream has begun, `writeBytesMax` at most. */
export const earlyEventsMax: number = 64

/** Sessions that are told of a deadline in one turn of the event loop: 1,000 writes take about 7 ms. */
export const dueAtOnceMax: number = 1_000

/** How long a socket may take nothing before its session is closed as stalled. Milliseconds. */
export const stalledAfterMs: number = 5 * 60_000

/** The shortest and the longest time that may be asked for, in milliseconds: a day. */
export const stalledAfterRangeMs: Range = { from: 100, to: 86_400_000 }

/** Reconnection times told to clients that are sent away: spread, so that they do not come back at once. */
export const retrySpreadMs: Range = { from: 3_000, to: 10_000 }

/**
 * Reconnection times told with `tidemark.ready`, for short interruptions. An EventSource keeps the last time
 * it was told, so without this one it would keep that of a goodbye for ever. They are spread, because
 * browsers add nothing of their own. 10,000 sessions of a process that dies come back at 5,000 per second,
 * and one process opens about 7,000. Below the 3 s that Chromium takes by itself, and Firefox's 5 s.
 */
export const readyRetryMs: Range = { from: 1_000, to: 3_000 }

/** Sessions closed per second while draining: 10,000 sessions leave within 10 s. */
export const drainSessionsPerSecond: number = 1_000

/**
 * Range of another pace: a session every 100 s, or a million per second. None at all would never end.
 */
export const drainRangePerSecond: Range = { from: 0.01, to: 1_000_000 }

/** How long a probe may be waited for: up to a day. Timers end at 24.8 days. Milliseconds. */
export const probeRangeMs: Range = { from: 0, to: 86_400_000 }

/** `since=-n` looks back over at most this many events. */
export const sinceLastMax: number = 10_000

/** `since=<duration>` looks back at most this long, in milliseconds: a year. */
export const sinceAgeMaxMs: number = 366 * 24 * 60 * 60 * 1000

/** Events of one page of history; each may be 1 MiB, so a page is cut by bytes as well. */
export const historyRecordsMax: number = 1_000

/** Events of a page of history when the query names no limit. */
export const historyRecordsDefault: number = 100

/**
 * Pages of the log that are read for one page of history, when they are empty and yet not the last. A log may
 * look at 10,000 records for a page at most. 100 × 10,000 × ~0.2 µs = 200 ms, between which others have their
 * turn.
 */
export const historyPagesMax: number = 100

/** The values that something may have, both ends included. */
export interface Range {
  readonly from: number
  readonly to: number
}
