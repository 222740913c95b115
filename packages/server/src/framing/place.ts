// Where a stream stands, as its ids say it: a position, and parts for sessions whose topics have changed.
//
//   ~s<key>             the topics are those that a table keeps under this key, not those of the URL
//   ~c<cursor>_<key>    topics that were added from an older place have been replayed up to this cursor;
//                       the key is that of the topics which the stream followed before
//   ~k<cursor>[_<key>]  a snapshot of topics that keep the newest value of each key: the values up to this
//                       cursor have come, or, where it is ahead of the stream, all of them have when the
//                       stream is there. `new` for the cursor: it has not begun. The key is as above; without
//                       it all topics of the stream are meant
//
// All are 64 characters at most, as parts of a cursor are: log/src/position.ts.

import { formatCursor, parseCursor } from '@tidemark/log'
import type { Cursor, Position } from '@tidemark/log'
import { ServerError } from '../errors.ts'
import { topicSetKeyCharactersMax } from '../limits.ts'
import { quoteValue } from '@tidemark/wire/values'

/**
 * One place of one stream. The position is the one that moves: of the stream, or of its replay of added
 * topics. The text around it is the same for many events. So frames are made without that text, and get it
 * when they are assembled.
 */
export interface Place {
  readonly position: Position
  readonly before: string
  readonly after: string
}

/** The parts of nearly every stream. */
export const noParts = ''

/** The text of a place: the SSE `id`. The one spot where a stream's cursor is made. */
export function formatPlace({ position, before, after }: Place): string {
  return before + formatCursor(position) + after
}

/** A stream that has a place. */
interface PlacedStream {
  readonly cursor: Position
  readonly audience: { readonly framing: { readonly parts: string } }
  readonly added: PlacedReplay | undefined
}

/** A replay that is part of a place. */
interface PlacedReplay {
  readonly coveredKey: string | undefined
  readonly phase: 'new' | 'reading' | 'settling'
  readonly snapshot: object | undefined
  readonly until: Position | undefined
}

/**
 * The place of a stream whose replay has come to `position`. While added topics are replayed, its own cursor
 * stands still.
 */
export function placeOf({ cursor, audience, added }: PlacedStream, position: Position): Place {
  const { parts } = audience.framing
  if (added === undefined) return { position, before: '', after: parts }
  const { coveredKey, phase, until } = added
  const covered = coveredKey === undefined ? '' : `_${coveredKey}`
  // Before and behind its pages it is the stream that moves.
  if (phase !== 'reading') {
    const place = until === undefined ? notBegun : formatCursor(until)
    return { position, before: '', after: `${parts}~k${place}${covered}` }
  }
  const letter = added.snapshot === undefined ? 'c' : 'k'
  return { position, before: `${formatCursor(cursor)}${parts}~${letter}`, after: covered }
}

/** In place of a cursor, which has a hyphen. */
const notBegun = 'new'

/** Whether the ids of a stream are those of the records, so that its bytes may be everybody's. */
export function isPlain({ before, after }: Place): boolean {
  return before === '' && after === ''
}

const keyShape = new RegExp(`^[0-9A-Za-z_-]{1,${topicSetKeyCharactersMax}}$`)

/**
 * A key as it may stand in a cursor.
 * @throws ServerError `OPTION_INVALID`
 */
export function requireKey(key: string): string {
  if (typeof key === 'string' && keyShape.test(key)) return key
  throw new ServerError(
    'OPTION_INVALID',
    `The key of a topic set is 1 to ${topicSetKeyCharactersMax} of 0-9, A-Z, a-z, - and _; the table gave ${quoteValue(key)}.`,
  )
}

/** The parts of a stream whose topics a table keeps under `key`. */
export function partsOfTopics(key: string): string {
  return `~s${key}`
}

/** The key in such parts; undefined where there are none. */
export function parsePartsKey(parts: string): string | undefined {
  return parts === noParts ? undefined : parts.slice(partsOfTopics('').length)
}

/** How far a replay of added topics had come. */
interface CatchUpPart {
  readonly at: Position
  /** The key of the topics that are not replayed. */
  readonly coveredKey: string
}

/** How far a snapshot had come. */
interface SnapshotPart {
  /** Undefined: it had not begun. */
  readonly at: Position | undefined
  /** The key of the topics that it leaves out; undefined: none. */
  readonly coveredKey: string | undefined
}

/** The parts of a cursor, read. */
export interface PlaceParts {
  /** Undefined: the topics are those of the URL. */
  readonly topicsKey: string | undefined
  /** At most one of the two. */
  readonly catchUp: CatchUpPart | undefined
  readonly snapshot: SnapshotPart | undefined
}

/** Undefined for parts that this build does not know. */
export function readParts(parts: Cursor['parts']): PlaceParts | undefined {
  const topicsKey = parts.get('s')
  const [added, kept] = [parts.get('c'), parts.get('k')]
  const known = [topicsKey, added, kept].filter((text) => text !== undefined).length
  if (parts.size !== known || (added !== undefined && kept !== undefined)) return undefined
  const catchUp = added === undefined ? undefined : readCatchUp(added)
  const snapshot = kept === undefined ? undefined : readSnapshot(kept)
  if (added !== undefined && (catchUp === undefined || topicsKey === undefined)) return undefined
  if (kept !== undefined && snapshot === undefined) return undefined
  if (snapshot?.coveredKey !== undefined && topicsKey === undefined) return undefined
  return { topicsKey, catchUp, snapshot }
}

/** A cursor holds no underscore, and a key may. */
function readCatchUp(text: string): CatchUpPart | undefined {
  const end = text.indexOf('_')
  const coveredKey = text.slice(end + 1)
  const at = end === -1 ? undefined : readPosition(text.slice(0, end))
  return at === undefined || coveredKey === '' ? undefined : { at, coveredKey }
}

function readSnapshot(text: string): SnapshotPart | undefined {
  const end = text.indexOf('_')
  const place = end === -1 ? text : text.slice(0, end)
  const coveredKey = end === -1 ? undefined : text.slice(end + 1)
  const at = place === notBegun ? undefined : readPosition(place)
  if (coveredKey === '' || (at === undefined && place !== notBegun)) return undefined
  return { at, coveredKey }
}

function readPosition(text: string): Position | undefined {
  const cursor = parseCursor(text)
  return cursor === undefined || cursor.parts.size > 0 ? undefined : cursor.position
}
