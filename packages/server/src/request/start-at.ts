// Where a subscription begins: at a cursor, back in time, or now.

import { parseCursor } from '@tidemark/log'
import type { Cursor, EventLog, Position, Since, TopicSet } from '@tidemark/log'
import { quote } from '@tidemark/wire/values'
import type { AddedAt } from '../session/added-topics.ts'
import type { Gap } from '../framing/control-events.ts'
import { ServerError } from '../errors.ts'
import { sinceAgeMaxMs, sinceLastMax } from '../limits.ts'

/** Without a cursor: at the tail, or back in the history. */
export type SinceOrNow = Since | { readonly kind: 'now' }

/** Where a session starts. */
export type StartAt =
  | SinceOrNow
  | {
      readonly kind: 'cursor'
      readonly position: Position
      readonly text: string
      /** Topics whose replay from an older place was not over. */
      readonly added?: AddedAt | undefined
    }
  /** A place in the history that nobody has been at: nothing before it counts as missed. */
  | { readonly kind: 'position'; readonly position: Position }
  /**
   * A cursor that cannot be read. A gap, not an error: a 4xx would end an EventSource for good. `cursor` is
   * one with parts, which a node that keeps topic sets may be able to read.
   */
  | {
      readonly kind: 'unreadable'
      readonly otherwise: SinceOrNow
      readonly cursor?: Cursor & { readonly text: string }
    }

/** Reads a cursor that a client sent; empty or missing means none. */
export function planStart(cursor: string | undefined, since: SinceOrNow): StartAt {
  if (cursor === undefined || cursor === '') return since
  const text = dropRepeats(cursor)
  const parsed = parseCursor(text)
  // A part this build does not know may name other topics than the URL: going on without it would be wrong in
  // silence.
  if (parsed === undefined) return { kind: 'unreadable', otherwise: since }
  if (parsed.parts.size > 0)
    return { kind: 'unreadable', otherwise: since, cursor: { ...parsed, text } }
  return { kind: 'cursor', position: parsed.position, text }
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
    `since must be now, earliest, -10 (the last ten) or a duration such as 30s, 5m, 2h or 1d; got ${quote(text)}.`,
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
}

/**
 * Turns a start into a position. `now` is read last and without a pause, so that the session joins exactly
 * there.
 * @throws LogError `LOG_UNAVAILABLE`, or why the log is unreadable
 */
export async function resolveStart(
  subscription: { readonly topics: TopicSet; readonly start: StartAt },
  log: EventLog,
  now: () => Position,
): Promise<Beginning> {
  const { start, topics } = subscription
  const { unreadable } = log
  if (unreadable !== undefined) throw unreadable
  if (start.kind === 'cursor') {
    const { position, text, added } = start
    return { after: position, resumed: 'exact', from: text, added }
  }
  if (start.kind === 'position') return { after: start.position, resumed: 'fresh' }
  const since = start.kind === 'unreadable' ? start.otherwise : start
  const after = since.kind === 'now' ? now() : await log.locate({ topics, since })
  if (start.kind !== 'unreadable') return { after, resumed: 'fresh' }
  return { after, resumed: 'fresh', gap: { from: null, to: after, reason: 'cursor' } }
}
