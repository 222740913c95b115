// Where a stream stands, as its ids say it: a position, and parts for sessions whose topics have changed.
//
//   ~s<key>             the topics are those that a table keeps under this key, not those of the URL
//   ~c<cursor>_<key>    topics that were added from an older place have been replayed up to this cursor;
//                       the key is that of the topics which the stream followed before
//
// Both are 64 characters at most, as parts of a cursor are: log/src/position.ts.

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
  readonly added: { readonly coveredKey: string } | undefined
}

/**
 * The place of a stream whose replay has come to `position`. While added topics are replayed, its own cursor
 * stands still.
 */
export function placeOf({ cursor, audience, added }: PlacedStream, position: Position): Place {
  const { parts } = audience.framing
  if (added === undefined) return { position, before: '', after: parts }
  const before = `${formatCursor(cursor)}${parts}~c`
  return { position, before, after: `_${added.coveredKey}` }
}

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
export interface CatchUpPart {
  readonly at: Position
  /** The key of the topics that are not replayed. */
  readonly coveredKey: string
}

/**
 * The key of the topics, and the replay of added ones if there was one. Undefined for parts that this build
 * does not know.
 */
export function readParts(
  parts: Cursor['parts'],
): { readonly topicsKey: string; readonly catchUp: CatchUpPart | undefined } | undefined {
  const topicsKey = parts.get('s')
  const text = parts.get('c')
  const known = (topicsKey === undefined ? 0 : 1) + (text === undefined ? 0 : 1)
  if (topicsKey === undefined || parts.size !== known) return undefined
  if (text === undefined) return { topicsKey, catchUp: undefined }
  const catchUp = readCatchUp(text)
  return catchUp === undefined ? undefined : { topicsKey, catchUp }
}

/** A cursor holds no underscore, and a key may. */
function readCatchUp(text: string): CatchUpPart | undefined {
  const end = text.indexOf('_')
  if (end === -1) return undefined
  const cursor = parseCursor(text.slice(0, end))
  const coveredKey = text.slice(end + 1)
  if (cursor === undefined || cursor.parts.size > 0 || coveredKey === '') return undefined
  return { at: cursor.position, coveredKey }
}
