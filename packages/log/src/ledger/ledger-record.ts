// An entry as an event, and back. The first line of data is `<expiresAt> <claim> <displaced>`, with `-` for none; the rest is the value.
// `readLedgerEnd` of `ledger-room.ts` reads the expiry of the same line.

import type { EventRecord, NewEvent } from '../event-log.ts'
import { deletedType } from '../ledger-room.ts'
import type { Position } from '../position.ts'
import type { Topic } from '../topic.ts'
import type { LedgerCodec } from './ledger.ts'

/** What the log holds of a key. */
export interface Stored<Value> {
  readonly key: string
  /** `kept` is an entry that was put back after a claim which came too late had taken its place in the log. */
  readonly kind: 'set' | 'claim' | 'kept' | 'deleted'
  /** Undefined for a deletion, and for a value that could not be decoded. */
  readonly value: Value | undefined
  readonly position: Position
  readonly time: number
  /** Milliseconds since 1970; `Infinity` for never. Of a deletion, its own time. */
  readonly expiresAt: number
  /** Names the claim that wrote it; `0` for a kept entry that was set. */
  readonly claim: string | undefined
  /** Of a kept entry, the claim that it replaces where that is taken for the entry. */
  readonly displaced: string | undefined
  /** Why the value cannot be told, of an entry that is there all the same; a newer version may have written it. */
  readonly fault: unknown
}

/** What is written of an entry. */
export interface Draft {
  readonly topic: Topic
  readonly key: string
  /** Of the value. */
  readonly text: string
  readonly expiresAt: number
  readonly claim?: string | undefined
  readonly displaced?: string | undefined
}

export function encodeEntry({ topic, key, text, expiresAt, claim, displaced }: Draft): NewEvent {
  const expiry = expiresAt === Infinity ? '-' : String(expiresAt)
  const type = displaced === undefined ? (claim === undefined ? 'set' : 'claim') : 'kept'
  return { topic, type, key, data: `${expiry} ${claim ?? '-'} ${displaced ?? '-'}\n${text}` }
}

export function encodeDeletion(topic: Topic, key: string): NewEvent {
  return { topic, type: deletedType, key, data: '' }
}

/** Undefined for a record without a key, which no ledger writes. */
export function decodeStored<Value>(
  record: EventRecord,
  codec: LedgerCodec<Value>,
): Stored<Value> | undefined {
  const { key, type, data, position, time } = record
  if (key === undefined) return undefined
  const nothing = { value: undefined, claim: undefined, displaced: undefined, fault: undefined }
  const base = { key, position, time, ...nothing }
  if (type === deletedType) return { ...base, kind: 'deleted', expiresAt: time }
  const line = /^(-|\d{1,16}) (-|[0-9a-f]{1,64}) (-|[0-9a-f]{1,64})\n/.exec(data)
  const kind = type === 'set' || type === 'claim' || type === 'kept' ? type : undefined
  if (line === null || kind === undefined)
    return { ...base, kind: 'set', expiresAt: Infinity, fault: new Error(`${type} is no entry`) }
  const [head, expiry = '-', claim = '-', displaced = '-'] = line
  const stored: Stored<Value> = {
    ...base,
    kind,
    expiresAt: expiry === '-' ? Infinity : Number(expiry),
    claim: claim === '-' ? undefined : claim,
    displaced: displaced === '-' ? undefined : displaced,
  }
  try {
    return { ...stored, value: codec.decode(data.slice(head.length)) }
  } catch (fault) {
    return { ...stored, fault }
  }
}

/** Whether the entry is there for a reader of that time. */
export function isThere<Value>(
  stored: Stored<Value> | undefined,
  now: number,
): stored is Stored<Value> {
  return stored !== undefined && stored.kind !== 'deleted' && now < stored.expiresAt
}

/** When the entry ended or will end. One that was born expired ends with its record. */
export function endOf({ time, expiresAt }: Stored<unknown>): number {
  return Math.max(time, expiresAt)
}
