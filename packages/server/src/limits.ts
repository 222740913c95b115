// Every limit of this room, with its arithmetic.

import { batchEventsMax } from '@tidemark/log'

/**
 * Bytes that may wait in user space for one socket before its session lags and gets no more.
 * 10,000 stalled sessions × 64 KiB = 640 MiB worst case.
 */
export const writeBytesMax: number = 64 * 1024

/** The longest an adaptive flush window grows to, in milliseconds: below what people notice, 50 flushes per second. */
export const flushWindowMaxMs: number = 20

/** The longest window that may be asked for, in milliseconds. */
export const flushWindowLimitMs: number = 100

/** How many times as long as a flush took nothing is flushed: writing takes a quarter of the time at most, until the window is at its longest. */
export const flushRestShare: number = 3

/** Records that wait for a flush, at which they leave early. At 50 flushes per second that is 50,000 records per second. */
export const flushEventsMax: number = 1_000

/** Characters of data, likewise: one block is about `writeBytesMax`, or one large event. */
export const flushBytesMax: number = 64 * 1024

/** Sessions of one node. 10,000 × ~10 KB idle = 100 MB. */
export const sessionsMax: number = 10_000

/** Bytes of one event's data. */
export const eventBytesMax: number = 1024 * 1024

/** Events of one publish request: all or none, so one append. */
export const publishEventsMax: number = batchEventsMax

/** Records asked of the log per page of a replay. 256 × 128 bytes is half of `writeBytesMax`. */
export const replayPageMax: number = 256

/**
 * Newest records kept in memory, with their frames, so that a short absence is replayed without touching storage and
 * without encoding anything again.
 */
export const recentRecordsMax: number = 1_024

/** Characters of data kept with them: 1,024 small events fit; large ones push older ones out. With a handful of framings in use about 10 MB. */
export const recentCharactersMax: number = 1024 * 1024

/** Sessions that wait for the tail before those who have given up are looked for. */
export const waitersKeptMax: number = 1_000

/** How long a client may take to read the goodbye before its connection is cut. Milliseconds. */
export const goodbyeMs: number = 5_000

/** Milliseconds between two beats of a session. Proxies cut idle streams after 30 to 60 s. */
export const heartbeatMs: number = 15_000

/** A beat's turn comes in one of 16 groups, so that 10,000 sessions are written in 16 portions of 625. */
export const beatSlots: number = 16

/** Reconnection times told to clients that are sent away: spread, so that they do not come back at once. */
export const retrySpreadMs: { readonly from: number; readonly to: number } = {
  from: 3_000,
  to: 10_000,
}

/** Sessions closed per second while draining: 10,000 sessions leave within 10 s. */
export const drainSessionsPerSecond: number = 1_000

/** `since=-n` looks back over at most this many events. */
export const sinceLastMax: number = 10_000

/** `since=<duration>` looks back at most this long, in milliseconds: a year. */
export const sinceAgeMaxMs: number = 366 * 24 * 60 * 60 * 1000
