// Positions in a log, and their text form: the cursor.
//
//   cursor   = "1" epoch "-" sequence *part
//   epoch    = 8 of [0-9a-z]
//   sequence = 1 to 11 of [0-9a-z], base 36, no leading zero
//   part     = "~" letter 1 to 64 of [0-9A-Za-z_-]
//
// The leading "1" is the version. Parts carry what only some sessions need (DESIGN of live control: the key of a
// topic set changed on the open stream, the position of a catch-up in progress). A cursor
// with a part that the reader does not know must not be resumed as if the part were not there.

import { LogError } from './errors.ts'
import { quoteValue } from './quote.ts'

/** Identity of one history. */
export type Epoch = string & { readonly __brand: 'Epoch' }

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

const cursorShape =
  /^1([0-9a-z]{8})-(0|[1-9a-z][0-9a-z]{0,10})((?:~[a-z][0-9A-Za-z_-]{1,64}){0,4})$/

/** A letter and what it carries. */
const partShape = /^[a-z][0-9A-Za-z_-]{1,64}$/

/** For drivers: the position of `sequence` (0 = before the first record) in the history `epoch`. */
export function makePosition(epoch: Epoch, sequence: number): Position {
  const inside: Inside = { epoch, sequence }
  return inside as unknown as Position
}

/** For drivers: the history a position belongs to. */
export function epochOf(position: Position): Epoch {
  return (position as unknown as Inside).epoch
}

/** For drivers: the sequence number of a position. */
export function sequenceOf(position: Position): number {
  return (position as unknown as Inside).sequence
}

/**
 * Refuses what is no position.
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
 * Whether two positions belong to one history, so that {@link comparePositions} has a meaning.
 * @throws LogError `POSITION_INVALID` for what is no position
 */
export function isSameHistory(a: Position, b: Position): boolean {
  requirePosition(a)
  requirePosition(b)
  return epochOf(a) === epochOf(b)
}

/**
 * Negative when `a` is before `b`, 0 when equal, positive when after. Both must be of one history.
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

/** Takes a cursor apart; undefined when the text is not a cursor (of a version this build knows). */
export function parseCursor(text: string): Cursor | undefined {
  const match = typeof text === 'string' ? cursorShape.exec(text) : null
  if (match === null) return undefined
  const [, epoch, digits, tail] = match as unknown as [string, string, string, string]
  const sequence = Number.parseInt(digits, 36)
  if (!Number.isSafeInteger(sequence)) return undefined
  const parts = new Map<string, string>()
  for (const part of tail.split('~').slice(1)) parts.set(part.slice(0, 1), part.slice(1))
  return { position: makePosition(epoch as Epoch, sequence), parts }
}

/** For drivers: checks that a stored or random text can be an epoch. */
export function parseEpoch(text: string): Epoch {
  if (typeof text !== 'string' || !/^[0-9a-z]{8}$/.test(text)) {
    throw new LogError(
      'EPOCH_INVALID',
      `An epoch is 8 characters of 0-9 and a-z; got ${quoteValue(text)}.`,
    )
  }
  return text as Epoch
}

/** A new history's identity from 8 random bytes (36^8 = 2.8e12 of them). */
export function makeEpoch(randomBytes: Uint8Array): Epoch {
  let text = ''
  for (let i = 0; i < 8; i++) text += ((randomBytes[i] ?? 0) % 36).toString(36)
  return parseEpoch(text)
}
