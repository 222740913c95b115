// An entry as an event, and back. The first line of data is `<expiresAt> <claim>`, with `-` for
// none. The value follows. An entry that is put back has two cursors more: of the record whose
// place it takes, and of the one that it repeats. `readLedgerEnd` of `ledger-room.ts` reads the
// expiry of the same line.

import type { EventRecord, NewEvent } from '../event-log.ts'
import { deletedType, goneType, keptType } from '../ledger-room.ts'
import { formatCursor, parseCursor } from '../position.ts'
import type { Position } from '../position.ts'
import type { Topic } from '../topic.ts'
import type { LedgerCodec } from './ledger.ts'

/** The newest record of a key. */
export interface Stored<Value> {
  readonly key: string
  /**
   * A claim that came too late takes the place of the entry in the log, though it has no effect.
   * Then the entry is put back, as `kept`. Where there is none any more, `gone` is written.
   */
  readonly kind: 'set' | 'claim' | 'kept' | 'gone' | 'deleted'
  /** Undefined for an end, and for a value that could not be decoded. */
  readonly value: Value | undefined
  readonly position: Position
  /** Where the value was written first; the position itself of all but `kept` and `gone`. */
  readonly origin: Position
  /** Of `kept` and `gone`, the record that they take the place of. */
  readonly displaced: Position | undefined
  readonly time: number
  /** Milliseconds since 1970; `Infinity` for never. Of an end, its own time. */
  readonly expiresAt: number
  /** Names the claim that wrote it. */
  readonly claim: string | undefined
  /** Says why the value of an entry that exists cannot be told. A newer version may have written it. */
  readonly fault: unknown
  /** Of a value that could not be decoded, so that it can be put back. */
  readonly text: string | undefined
}

/** The parts of an entry that is written. */
export interface Draft {
  readonly topic: Topic
  readonly key: string
  /** Of the value. */
  readonly text: string
  readonly expiresAt: number
  readonly claim?: string | undefined
}

export function encodeEntry({ topic, key, text, expiresAt, claim }: Draft): NewEvent {
  const type = claim === undefined ? 'set' : 'claim'
  return { topic, type, key, data: `${formatHead({ expiresAt, claim })}\n${text}` }
}

export function encodeDeletion(topic: Topic, key: string): NewEvent {
  return { topic, type: deletedType, key, data: '' }
}

/**
 * Puts an entry back, or the lack of one. The record has an effect only where `displaced` is taken
 * for the entry, or none is known.
 */
export function encodePutBack(
  { topic, key }: Pick<Draft, 'topic' | 'key'>,
  stored: (Stored<unknown> & { readonly text: string }) | undefined,
  displaced: Position,
): NewEvent {
  const origin = stored?.origin ?? displaced
  const places = `${formatCursor(displaced)} ${formatCursor(origin)}`
  if (stored === undefined || isEnd(stored))
    return { topic, type: goneType, key, data: `0 - ${places}\n` }
  return { topic, type: keptType, key, data: `${formatHead(stored)} ${places}\n${stored.text}` }
}

function formatHead({ expiresAt, claim = '-' }: Pick<Draft, 'expiresAt' | 'claim'>): string {
  return `${expiresAt === Infinity ? '-' : expiresAt} ${claim}`
}

const headShape = /^(-|\d{1,16}) (-|[0-9a-f]{1,64})(?: ([0-9a-z-]{1,64}) ([0-9a-z-]{1,64}))?\n/

/** Undefined for a record without a key, which no ledger writes. */
export function decodeStored<Value>(
  record: EventRecord,
  codec: LedgerCodec<Value>,
): Stored<Value> | undefined {
  const { key, type, data, position, time } = record
  if (key === undefined) return undefined
  const nothing = { value: undefined, claim: undefined, fault: undefined, text: undefined }
  const base = { key, position, origin: position, displaced: undefined, time, ...nothing }
  if (type === deletedType) return { ...base, kind: 'deleted', expiresAt: time }
  const head = readHead(type, data)
  if (head === undefined) {
    const fault = new Error(`${type} is no entry`)
    return { ...base, kind: 'set', expiresAt: Infinity, fault, text: data }
  }
  const { length, origin = position, ...rest } = head
  if (head.kind === 'gone') return { ...base, ...rest, origin, expiresAt: time }
  const stored: Stored<Value> = { ...base, ...rest, origin }
  const text = data.slice(length)
  try {
    return { ...stored, value: codec.decode(text) }
  } catch (fault) {
    return { ...stored, fault, text }
  }
}

interface Head extends Pick<Stored<unknown>, 'kind' | 'expiresAt' | 'claim' | 'displaced'> {
  /** In characters. */
  readonly length: number
  readonly origin: Position | undefined
}

/** Undefined for what no ledger of this version writes. */
function readHead(type: string, data: string): Head | undefined {
  if (type !== 'set' && type !== 'claim' && type !== keptType && type !== goneType) return undefined
  const line = headShape.exec(data)
  if (line === null) return undefined
  const [{ length }, expiry = '-', claim = '-', displacedText = '', originText = ''] = line
  const displaced = parseCursor(displacedText)?.position
  const origin = parseCursor(originText)?.position
  const isPutBack = type === keptType || type === goneType
  if (isPutBack !== (displaced !== undefined && origin !== undefined)) return undefined
  const expiresAt = expiry === '-' ? Infinity : Number(expiry)
  const name = claim === '-' ? undefined : claim
  return { kind: type, length, expiresAt, claim: name, displaced, origin }
}

function isEnd({ kind }: Pick<Stored<unknown>, 'kind'>): boolean {
  return kind === 'deleted' || kind === 'gone'
}

/** Whether the entry is there for a reader of that time. */
export function isThere<Value>(
  stored: Stored<Value> | undefined,
  now: number,
): stored is Stored<Value> {
  return stored !== undefined && !isEnd(stored) && now < stored.expiresAt
}

/** Whether it may still expire: an end has been told when it came. */
export function canExpire(stored: Stored<unknown>): boolean {
  return !isEnd(stored)
}

/** When the entry ended or will end. One that was born expired ends with its record. */
export function endOf({ time, expiresAt }: Stored<unknown>): number {
  return Math.max(time, expiresAt)
}
