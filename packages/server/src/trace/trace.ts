// The answer to "why did this session not get that event?".

/**
 * The verdicts, as far as a list of words says them:
 *
 * - `delivered`: written to the socket of the session.
 * - `not-matched`: no topic and no pattern of the session is the event's.
 * - `not-granted`: a grant of the session does not hold the event, or not any more.
 * - `filtered`: its client asked for other events of its topics.
 * - `lagging`: the session could not keep up, and has not come to the event yet.
 * - `conflated`: a rule for laggards left only the newest event of its key.
 * - `dropped`: a rule for laggards dropped it; the client was told of a gap.
 * - `replaced`: a newer event of its key took its place in the log, or its time was over.
 * - `removed`: retention has removed it, so nothing more is known of it.
 * - `not-yet`: the node, or the replay of the session, has not come to it yet.
 * - `before-session`: the session began behind it.
 * - `gap`: the client was told that it is missing.
 * - `closed`: the session had closed before.
 * - `unknown`: it is too long ago for the node to tell.
 */
export const traceVerdicts = [
  'delivered',
  'not-matched',
  'not-granted',
  'filtered',
  'lagging',
  'conflated',
  'dropped',
  'replaced',
  'removed',
  'not-yet',
  'before-session',
  'gap',
  'closed',
  'unknown',
] as const
export type TraceVerdict = (typeof traceVerdicts)[number]

/** One verdict, with as much as is known. Times in milliseconds since 1970. */
export interface Verdict {
  readonly verdict: TraceVerdict
  /** A sentence or two for people. */
  readonly why: string
  /** The topic or pattern of the session by which the event matched. */
  readonly matched?: string | undefined
  /** When it was written, as closely as it is known: two equal times, or the first and the last possible. */
  readonly between?: readonly [number, number] | undefined
  /** The cursor of the event that took its place. */
  readonly by?: string | undefined
}

/** Everything that the node of a session knows of the session and an event. Plain JSON. */
export interface Trace extends Verdict {
  /** The event's cursor. */
  readonly event: string
  /** The id of the session. */
  readonly session: string
  /** The event without its data; absent where it is gone. */
  readonly record?: {
    readonly topic: string
    readonly type: string
    readonly key?: string | undefined
    readonly time: number
  }
  /** Where the session stands, or stood at its end. */
  readonly cursor: string
  readonly openedAt: number
  /** Absent: it is open. */
  readonly closed?: { readonly time: number; readonly reason: string }
}

/** Which event, and which session. */
export interface TraceQuestion {
  /** The cursor of an event: its id. */
  readonly event: string
  /** The id of a session, also of one that has closed lately. */
  readonly session: string
}
