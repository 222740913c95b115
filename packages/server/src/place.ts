// Where a stream stands, as its ids say it: a position, and parts for sessions whose topics have changed.
//
//   ~s<key>             the topics are those that a table keeps under this key, not those of the URL
//   ~c<cursor>_<key>    topics that were added from an older place have been replayed up to this cursor; the key is that of
//                       the topics which the stream followed before, and which are not replayed
//
// Both are 64 characters at most, as parts of a cursor are: log/src/position.ts.

import { formatCursor, parseCursor } from '@tidemark/log'
import type { Position } from '@tidemark/log'

/** What a cursor says beside its position: text by letter. */
export type Parts = ReadonlyMap<string, string>

/** One place of one stream. */
export interface Place {
  readonly position: Position
  readonly parts: Parts
}

/** Those of nearly every stream. */
export const noParts: Parts = new Map()

const topicsLetter = 's'
const catchUpLetter = 'c'

/** How far a replay of added topics has come. */
export interface CatchUpPart {
  readonly at: Position
  /** The key of the topics that are not replayed; undefined where no table keeps topic sets. */
  readonly coveredKey: string | undefined
}

/** A stream that has a place. */
interface PlacedStream {
  readonly cursor: Position
  readonly audience: { readonly framing: { readonly parts: Parts } }
  readonly added: { partsAt(at: Position, parts: Parts): Parts } | undefined
}

/** What an id of a stream says when its replay has come to `position`; while added topics are replayed, its own cursor stands still. */
export function placeOf({ cursor, audience, added }: PlacedStream, position: Position): Place {
  const { parts } = audience.framing
  if (added === undefined) return { position, parts }
  return { position: cursor, parts: added.partsAt(position, parts) }
}

/** The text of a place: the SSE `id`. The one spot where a stream's cursor is made. */
export function formatPlace({ position, parts }: Place): string {
  return parts.size === 0 ? formatCursor(position) : formatCursor(position, parts)
}

/** The parts of a stream whose topics a table keeps under `key`. */
export function partsOfTopics(key: string): Parts {
  return new Map([[topicsLetter, key]])
}

/** The parts of a stream that replays added topics, beside those it has anyway. */
export function addCatchUp(parts: Parts, { at, coveredKey }: CatchUpPart): Parts {
  const key = coveredKey === undefined ? '' : `_${coveredKey}`
  return new Map([...parts, [catchUpLetter, formatCursor(at) + key]])
}

/** The key of the topics, and the replay of added ones if there is one. Undefined for parts that this build does not know. */
export function readParts(
  parts: Parts,
): { readonly topicsKey: string; readonly catchUp: CatchUpPart | undefined } | undefined {
  const topicsKey = parts.get(topicsLetter)
  const text = parts.get(catchUpLetter)
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
