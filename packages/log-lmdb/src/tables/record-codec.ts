// A record as bytes. One value holds all of it, so that a scan needs no second look-up.
//
//   0  f64  time             8  u48  topic id      14  u32  weight (what it counts in `maxBytes`)
//   18 u16  topic bytes, and the highest bit: a checksum ends the record; those of format 1 have none
//   20 u16  type bytes, and the highest bit: the record has extras
//   22 u16  key bytes, 0xffff for no key
//   24 topic, type (empty for `message`), key, extras, data; all texts UTF-8
//   extras: f64 end, or Infinity for never; u16 bytes of the tags and the permission; those
//   the last four bytes: u32 the checksum of all before

import { LogError } from '@tidemark/log'
import {
  decodeTagsAndPermission,
  encodeTagsAndPermission,
  recordOverheadBytes,
  toRecordExtras,
} from '@tidemark/log/driver'
import type { RecordExtras } from '@tidemark/log/driver'
import type { EventRecord, NewEvent, Position, Topic } from '@tidemark/log'
import { checksumBytes, isSummed, writeChecksum } from './checksum.ts'
import { topicIdBytes } from './schema.ts'

const headBytes = 24
const noKey = 0xffff

/** A topic has at most 256 bytes, so the bit is free. */
const hasChecksum = 0x8000

/** A type has at most 768 bytes, so this bit is free too. Formats before 5 do not know it. */
const hasExtras = 0x8000

/** Bytes of extras before their text. */
const extrasHeadBytes = 10

/** The fields before the texts of a record. */
export interface RecordHead {
  readonly time: number
  readonly topicId: number
  readonly weight: number
}

let scratch = Buffer.allocUnsafeSlow(64 * 1024)

/**
 * The bytes are valid until the next call. lmdb copies a value while it is put inside of a
 * transaction.
 */
export function encodeRecord(event: NewEvent, place: RecordHead): Buffer {
  const type = event.type === undefined || event.type === 'message' ? '' : event.type
  const extras = toRecordExtras(event, place.time)
  const extrasText = encodeTagsAndPermission(extras)
  const isPlain = extrasText === '' && extras.expiresAt === undefined
  const characters = event.topic.length + type.length + (event.key?.length ?? 0) + extrasText.length
  // A UTF-16 unit takes 3 bytes of UTF-8 at most.
  const bytesMax =
    headBytes + extrasHeadBytes + checksumBytes + 3 * (characters + event.data.length)
  if (scratch.length < bytesMax) scratch = Buffer.allocUnsafeSlow(bytesMax)
  const topicBytes = scratch.write(event.topic, headBytes)
  const typeBytes = scratch.write(type, headBytes + topicBytes)
  const keyStart = headBytes + topicBytes + typeBytes
  const keyBytes = event.key === undefined ? 0 : scratch.write(event.key, keyStart)
  const keyEnd = keyStart + keyBytes
  const dataStart = isPlain ? keyEnd : writeExtras(keyEnd, extrasText, extras.expiresAt)
  const end = dataStart + scratch.write(event.data, dataStart)
  scratch.writeDoubleLE(place.time, 0)
  scratch.writeUIntLE(place.topicId, 8, topicIdBytes)
  scratch.writeUInt32LE(Math.min(place.weight, 0xffff_ffff), 14)
  scratch.writeUInt16LE(topicBytes | hasChecksum, 18)
  scratch.writeUInt16LE(typeBytes | (isPlain ? 0 : hasExtras), 20)
  scratch.writeUInt16LE(event.key === undefined ? noKey : keyBytes, 22)
  return writeChecksum(scratch.subarray(0, end + checksumBytes))
}

/** Returns where the data begins. */
function writeExtras(start: number, text: string, expiresAt: number = Infinity): number {
  const textBytes = scratch.write(text, start + extrasHeadBytes)
  scratch.writeDoubleLE(expiresAt, start)
  scratch.writeUInt16LE(textBytes, start + 8)
  return start + extrasHeadBytes + textBytes
}

export function decodeHead(bytes: Buffer): RecordHead {
  return {
    time: bytes.readDoubleLE(0),
    topicId: bytes.readUIntLE(8, topicIdBytes),
    weight: bytes.readUInt32LE(14),
  }
}

/** Characters to read of a ledger's first line. An expiry has 16 digits at most. */
const endCharacters = 32

/** The part of a ledger's record that `readLedgerEnd` needs, without the rest of its data. */
export function decodeEnd(
  bytes: Buffer,
): RecordHead & { readonly type: string; readonly data: string } {
  const { typeStart, keyStart, dataStart } = placesOf(bytes)
  const dataEnd = dataEndOf(bytes)
  return {
    ...decodeHead(bytes),
    type: bytes.toString('utf8', typeStart, keyStart),
    data: bytes.toString('latin1', dataStart, Math.min(dataStart + endCharacters, dataEnd)),
  }
}

/** The topic as it stands in the bytes. */
export function topicTextOf(bytes: Buffer): Buffer {
  return bytes.subarray(headBytes, headBytes + topicBytesOf(bytes))
}

export function decodeTopic(bytes: Buffer): Topic {
  return bytes.toString('utf8', headBytes, headBytes + topicBytesOf(bytes)) as Topic
}

export function decodeKey(bytes: Buffer): string | undefined {
  const keyBytes = bytes.readUInt16LE(22)
  if (keyBytes === noKey) return undefined
  const start = placesOf(bytes).keyStart
  return bytes.toString('utf8', start, start + keyBytes)
}

export function decodeType(bytes: Buffer): string {
  const { typeStart, keyStart } = placesOf(bytes)
  return typeStart === keyStart ? 'message' : bytes.toString('utf8', typeStart, keyStart)
}

/** When the event is worth nothing any more, in milliseconds since 1970; Infinity for never. */
export function decodeExpiry(bytes: Buffer): number {
  return isPlainRecord(bytes) ? Infinity : bytes.readDoubleLE(placesOf(bytes).keyEnd)
}

/** @throws LogError `LOG_DAMAGED` when it is not as it was written */
export function decodeRecord(bytes: Buffer, position: Position): EventRecord {
  if (!isRecordSound(bytes)) {
    throw new LogError(
      'LOG_DAMAGED',
      'A record is not as it was written: its checksum differs. Keep the data directory, see what `tidemark check` says of it, and restore a backup.',
    )
  }
  const { typeStart, keyStart, keyEnd, dataStart } = placesOf(bytes)
  const record = {
    position,
    time: bytes.readDoubleLE(0),
    topic: decodeTopic(bytes),
    type: typeStart === keyStart ? 'message' : bytes.toString('utf8', typeStart, keyStart),
    data: bytes.toString('utf8', dataStart, dataEndOf(bytes)),
    key: bytes.readUInt16LE(22) === noKey ? undefined : bytes.toString('utf8', keyStart, keyEnd),
  }
  return isPlainRecord(bytes) ? record : { ...record, ...decodeExtras(bytes, keyEnd, dataStart) }
}

function decodeExtras(bytes: Buffer, start: number, end: number): RecordExtras {
  const expiresAt = bytes.readDoubleLE(start)
  const texts = decodeTagsAndPermission(bytes.toString('utf8', start + extrasHeadBytes, end))
  return expiresAt === Infinity ? texts : { ...texts, expiresAt }
}

/** Whether a record is as it was written, as far as its bytes can tell. */
export function isRecordSound(bytes: Buffer): boolean {
  if (bytes.length < headBytes) return false
  const hasSum = isSummedRecord(bytes)
  const sumBytes = hasSum ? checksumBytes : 0
  // The length of extras stands in a place that a cut record does not have.
  const extrasEnd = keyEndOf(bytes) + (isPlainRecord(bytes) ? 0 : extrasHeadBytes)
  if (extrasEnd + sumBytes > bytes.length) return false
  if (placesOf(bytes).dataStart + sumBytes > bytes.length) return false
  return hasSum ? isSummed(bytes) : isWeightOf(bytes)
}

/**
 * A record of format 1 has only its weight to compare. A type of `message` is not stored, but may
 * have been weighed.
 */
function isWeightOf(bytes: Buffer): boolean {
  const { weight } = decodeHead(bytes)
  const texts = bytes.length - headBytes + recordOverheadBytes
  return weight === texts || weight === texts + 'message'.length
}

function topicBytesOf(bytes: Buffer): number {
  return bytes.readUInt16LE(18) & ~hasChecksum
}

/** Where the texts of a record begin and end. */
interface Places {
  readonly typeStart: number
  readonly keyStart: number
  readonly keyEnd: number
  readonly dataStart: number
}

function placesOf(bytes: Buffer): Places {
  const typeStart = headBytes + topicBytesOf(bytes)
  const keyStart = typeStart + typeBytesOf(bytes)
  const keyEnd = keyEndOf(bytes)
  const extrasBytes = isPlainRecord(bytes) ? 0 : extrasHeadBytes + bytes.readUInt16LE(keyEnd + 8)
  return { typeStart, keyStart, keyEnd, dataStart: keyEnd + extrasBytes }
}

function keyEndOf(bytes: Buffer): number {
  const keyBytes = bytes.readUInt16LE(22)
  return headBytes + topicBytesOf(bytes) + typeBytesOf(bytes) + (keyBytes === noKey ? 0 : keyBytes)
}

function typeBytesOf(bytes: Buffer): number {
  return bytes.readUInt16LE(20) & ~hasExtras
}

function dataEndOf(bytes: Buffer): number {
  return bytes.length - (isSummedRecord(bytes) ? checksumBytes : 0)
}

function isPlainRecord(bytes: Buffer): boolean {
  return (bytes.readUInt16LE(20) & hasExtras) === 0
}

function isSummedRecord(bytes: Buffer): boolean {
  return (bytes.readUInt16LE(18) & hasChecksum) !== 0
}
