// Where a subscription begins: at a cursor, back in time, or now.

import { parseCursor } from '@tidemark/log'
import type { Cursor, EventLog, Position, Since, TopicSet } from '@tidemark/log'
import { quote } from '@tidemark/wire/values'
import type { AddedAt } from '../session/added-topics.ts'
import { newSnapshot } from '../session/snapshot-at.ts'
import type { SnapshotAt } from '../session/snapshot-at.ts'
import type { Gap } from '../framing/control-events.ts'
import { ServerError } from '../errors.ts'
import { wrapLogError } from '../refusal/log-faults.ts'
import { sinceAgeMaxMs, sinceLastMax } from '../limits.ts'

/**
 * Without a cursor: at the tail, or back in the history. `isUnasked`: nobody has said where, so topics that
 * keep the newest value of each key give those first.
 */
export type SinceOrNow = Since | { readonly kind: 'now'; readonly isUnasked?: boolean }

/** A cursor that is exact in some history. */
interface StartAtCursor {
  readonly kind: 'cursor'
  readonly position: Position
  readonly text: string
  /** Topics whose replay from an older place was not over. */
  readonly added?: AddedAt | undefined
  /** A snapshot that was not over. */
  readonly snapshot?: SnapshotAt | undefined
}

/** Where a client begins whose cursor cannot be read. */
type Otherwise = SinceOrNow | StartAtCursor

/** Where a session starts. */
export type StartAt =
  | AskedStart
  /** A place in the history that nobody has been at: nothing before it counts as missed. */
  | { readonly kind: 'position'; readonly position: Position }

/** The same as a client can ask for it. */
export type AskedStart =
  | Otherwise
  /**
   * A cursor that cannot be read. A gap, not an error: a 4xx would end an EventSource for good. `cursor` is
   * one with parts, which a node that keeps topic sets may be able to read.
   */
  | {
      readonly kind: 'unreadable'
      readonly otherwise: Otherwise
      readonly cursor?: Cursor & { readonly text: string }
    }

/**
 * Reads a cursor that a client sent; empty or missing means none. `since` holds for a client without one, and
 * is itself a cursor where a page was made from what was read behind that cursor.
 */
export function planStart(cursor: string | undefined, since: AskedStart): StartAt {
  if (cursor === undefined || cursor === '') return since
  const otherwise = since.kind === 'unreadable' ? since.otherwise : since
  const text = dropRepeats(cursor)
  const parsed = parseCursor(text)
  if (parsed === undefined) return { kind: 'unreadable', otherwise }
  return startAtCursor(parsed, text, otherwise)
}

function startAtCursor(cursor: Cursor, text: string, otherwise: Otherwise): AskedStart {
  // A part this build does not know may name other topics than the URL: going on without it would be wrong in
  // silence.
  if (cursor.parts.size > 0) return { kind: 'unreadable', otherwise, cursor: { ...cursor, text } }
  return { kind: 'cursor', position: cursor.position, text }
}

/**
 * A header field that a proxy has doubled arrives as `1abc-5, 1abc-5` (RFC 9110 §5.3) and means the one
 * cursor. Different ones cannot be read: nobody knows which the client has seen.
 */
function dropRepeats(cursor: string): string {
  if (!cursor.includes(',')) return cursor
  const [first = '', ...others] = cursor.split(',').map((part) => part.trim())
  return others.every((other) => other === first) ? first : cursor
}

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/**
 * Reads where a stream begins without a cursor of its own: a `since` value, or a cursor.
 * @throws ServerError `QUERY_INVALID`
 */
export function parseStart(text: string): AskedStart {
  const cursor = parseCursor(text)
  return cursor === undefined ? parseSince(text) : startAtCursor(cursor, text, { kind: 'now' })
}

/**
 * Reads a `since` value: `now`, `earliest`, `-10` (the last ten), or a duration such as `5m` (`ms`, `s`, `m`,
 * `h`, `d`).
 * @throws ServerError `QUERY_INVALID`
 */
export function parseSince(text: string): SinceOrNow {
  if (text === 'now' || text === 'earliest') return { kind: text }
  const last = /^-(\d{1,6})$/.exec(text)
  if (last !== null) {
    const count = Number(last[1])
    if (count < 1 || count > sinceLastMax) {
      throw new ServerError(
        'QUERY_INVALID',
        `since=-n takes 1 to ${sinceLastMax} events; got ${quote(text)}.`,
      )
    }
    return { kind: 'last', count }
  }
  const age = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text)
  if (age !== null) {
    const ageMs = Number(age[1]) * (unitMs[age[2] ?? ''] ?? 0)
    if (ageMs > sinceAgeMaxMs) {
      throw new ServerError(
        'QUERY_INVALID',
        `since looks back 366 days at most; got ${quote(text)}. Use since=earliest for everything retained.`,
      )
    }
    return { kind: 'age', ageMs }
  }
  throw new ServerError(
    'QUERY_INVALID',
    `since must be now, earliest, -10 (the last ten), a duration such as 30s, 5m, 2h or 1d, or a cursor; got ${quote(text)}.`,
  )
}

/** Where a session begins, in positions. */
export interface Beginning {
  /** The first record it gets is the first of its topics after this. */
  readonly after: Position
  readonly resumed: 'fresh' | 'exact'
  readonly gap?: Gap
  readonly from?: string
  /** Topics to be replayed from an older place first. */
  readonly added?: AddedAt | undefined
  /** Or topics that give the newest value of each key first. */
  readonly snapshot?: SnapshotAt | undefined
}

/**
 * Turns a start into a position. `now` is read last and without a pause, so that the session joins exactly
 * there. A promise only where the log has to be asked.
 * @throws ServerError `LOG_UNAVAILABLE`, or why the log is unreadable
 */
export function resolveStart(
  subscription: { readonly topics: TopicSet; readonly start: StartAt },
  log: EventLog,
  now: () => Position,
): Beginning | Promise<Beginning> {
  const { start, topics } = subscription
  const { unreadable } = log
  if (unreadable !== undefined) return wrapLogError(unreadable)
  if (start.kind === 'cursor') {
    const { position, text, added, snapshot } = start
    return { after: position, resumed: 'exact', from: text, added, snapshot }
  }
  if (start.kind === 'position') return { after: start.position, resumed: 'fresh' }
  const since = start.kind === 'unreadable' ? start.otherwise : start
  if (since.kind === 'cursor') return beginAt(start, since.position)
  if (since.kind === 'now') return beginAt(start, now())
  return locate(log, { topics, since }).then((after) => beginAt(start, after))
}

async function locate(
  log: EventLog,
  wanted: { readonly topics: TopicSet; readonly since: Since },
): Promise<Position> {
  try {
    return await log.locate(wanted)
  } catch (error) {
    return wrapLogError(error)
  }
}

function beginAt(start: StartAt, after: Position): Beginning {
  const isGap = start.kind === 'unreadable'
  const isNewcomer = isGap || (start.kind === 'now' && start.isUnasked === true)
  const snapshot = isNewcomer ? newSnapshot : undefined
  if (!isGap) return { after, resumed: 'fresh', snapshot }
  const gap = { from: null, to: after, reason: 'cursor' } as const
  return { after, resumed: 'fresh', gap, snapshot }
}
