// Positions in a log, and their text form: the cursor.
//
//   cursor   = "1" epoch "-" sequence *part
//   epoch    = 19 to 29 of [0-9a-z], see epoch.ts
//   sequence = 1 to 11 of [0-9a-z], base 36, no leading zero
//   part     = "~" letter 1 to 64 of [0-9A-Za-z_-]
//
// The leading "1" is the version. A cursor has at most 26 characters in a log of up to 60 million
// events, and at most 27 up to 2 billion. In a log that began as a copy it has up to 5 more. Parts
// are for the few sessions that need them. A part may carry the key of a topic set that was changed
// on the open stream, or the position of a catch-up. A reader that does not know a part must not
// resume as if the part were not there.

import { epochPattern, isEpoch } from './epoch.ts'
import type { Epoch } from './epoch.ts'
import { LogError } from './errors.ts'
import { quoteValue } from './quote.ts'

declare const opaque: unique symbol

/** Where a record stands: epoch and sequence number of one log. Opaque outside the log and its drivers. */
export interface Position {
  readonly [opaque]: never
}

/** A cursor taken apart. */
export interface Cursor {
  readonly position: Position
  /** Parts by their letter, in the order of the text. Empty for almost every cursor. */
  readonly parts: ReadonlyMap<string, string>
}

interface Inside {
  readonly epoch: Epoch
  readonly sequence: number
}

const cursorShape = new RegExp(
  `^1(${epochPattern})-(0|[1-9a-z][0-9a-z]{0,10})((?:~[a-z][0-9A-Za-z_-]{1,64}){0,4})$`,
)

/** A letter and its value. */
const partShape = /^[a-z][0-9A-Za-z_-]{1,64}$/

/**
 * For drivers: the position of `sequence` (0 = before the first record), which `epoch` wrote; see
 * `Lineage.positionAt`.
 */
export function makePosition(epoch: Epoch, sequence: number): Position {
  const inside: Inside = { epoch, sequence }
  return inside as unknown as Position
}

/** For drivers: the epoch that wrote what is at a position. */
export function epochOf(position: Position): Epoch {
  return (position as unknown as Inside).epoch
}

/** For drivers: the sequence number of a position. */
export function sequenceOf(position: Position): number {
  return (position as unknown as Inside).sequence
}

/**
 * Refuses a value that is no position.
 * @throws LogError `POSITION_INVALID`
 */
export function requirePosition(value: unknown): void {
  if (isPosition(value)) return
  throw new LogError(
    'POSITION_INVALID',
    `A position is one that a log has given, or parseCursor; got ${quoteValue(value)}.`,
  )
}

function isPosition(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  try {
    const { epoch, sequence } = value as Partial<Inside>
    return typeof epoch === 'string' && typeof sequence === 'number'
  } catch {
    return false
  }
}

/**
 * Whether one epoch wrote both positions. A place in a history has one name. So two positions that
 * compare as equal are the same place only if their epochs are equal too.
 * @throws LogError `POSITION_INVALID` for what is no position
 */
export function isSameEpoch(a: Position, b: Position): boolean {
  requirePosition(a)
  requirePosition(b)
  return epochOf(a) === epochOf(b)
}

/**
 * Negative when `a` is before `b`, 0 when equal, positive when after. Both must be positions that
 * one log gave out. A cursor from outside may belong to another history, and then the order means
 * nothing.
 * @throws LogError `POSITION_INVALID` for what is no position
 */
export function comparePositions(a: Position, b: Position): number {
  requirePosition(a)
  requirePosition(b)
  return sequenceOf(a) - sequenceOf(b)
}

/**
 * The text form of a position, safe in a header, a URL and an SSE `id` line.
 * @throws LogError `POSITION_INVALID` for what is no position, or parts that no cursor can carry
 */
export function formatCursor(position: Position, parts?: ReadonlyMap<string, string>): string {
  requirePosition(position)
  let text = `1${epochOf(position)}-${sequenceOf(position).toString(36)}`
  if (parts !== undefined) text += formatParts(parts)
  return text
}

function formatParts(parts: ReadonlyMap<string, string>): string {
  if (!isMap(parts)) throw invalidPart(parts)
  let text = ''
  for (const [letter, value] of parts) {
    const isText = typeof letter === 'string' && typeof value === 'string'
    if (!isText || !partShape.test(letter + value)) throw invalidPart(value)
    text += `~${letter}${value}`
  }
  return text
}

function isMap(value: unknown): value is ReadonlyMap<unknown, unknown> {
  try {
    return value instanceof Map
  } catch {
    return false
  }
}

function invalidPart(got: unknown): LogError {
  return new LogError(
    'POSITION_INVALID',
    `The parts of a cursor are a Map of a letter to 1 to 64 characters of 0-9, A-Z, a-z, - and _; got ${quoteValue(got)}.`,
  )
}

/**
 * The position that is one place before. Reading after it, up to the position itself, gives the record
 * that is there. Before the first place of a history there is none: that one is its own.
 * @throws LogError `POSITION_INVALID` for what is no position
 */
export function positionBefore(position: Position): Position {
  requirePosition(position)
  return makePosition(epochOf(position), Math.max(0, sequenceOf(position) - 1))
}

/** Takes a cursor apart; undefined when the text is not a cursor (of a version this build knows). */
export function parseCursor(text: string): Cursor | undefined {
  const match = typeof text === 'string' ? cursorShape.exec(text) : null
  if (match === null) return undefined
  const [, epoch, digits, tail] = match as unknown as [string, string, string, string]
  const sequence = Number.parseInt(digits, 36)
  if (!Number.isSafeInteger(sequence) || !isEpoch(epoch)) return undefined
  const parts = new Map<string, string>()
  for (const part of tail.split('~').slice(1)) parts.set(part.slice(0, 1), part.slice(1))
  return { position: makePosition(epoch, sequence), parts }
}
