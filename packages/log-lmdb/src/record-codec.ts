// A record as bytes. Everything of it is in one value, so that a scan needs no second look-up.
//
//   0  f64  time             8  u48  topic id      14  u32  weight (what it counts in `maxBytes`)
//   18 u16  topic bytes      20 u16  type bytes    22  u16  key bytes, 0xffff for no key
//   24 topic, type (empty for `message`), key, data; all UTF-8

import type { EventRecord, NewEvent, Position, Topic } from '@tidemark/log'
import { topicIdBytes } from './schema.ts'

const headBytes = 24
const noKey = 0xffff

/** What stands before the texts of a record. */
export interface RecordHead {
  readonly time: number
  readonly topicId: number
  readonly weight: number
}

let scratch = Buffer.allocUnsafeSlow(64 * 1024)

/** The bytes stay valid until the next call: lmdb copies a value while it is put inside of a transaction. */
export function encodeRecord(event: NewEvent, place: RecordHead): Buffer {
  const type = event.type === undefined || event.type === 'message' ? '' : event.type
  // A UTF-16 unit takes 3 bytes of UTF-8 at most.
  const bytesMax =
    headBytes +
    3 * (event.topic.length + type.length + (event.key?.length ?? 0) + event.data.length)
  if (scratch.length < bytesMax) scratch = Buffer.allocUnsafeSlow(bytesMax)
  const topicBytes = scratch.write(event.topic, headBytes)
  const typeBytes = scratch.write(type, headBytes + topicBytes)
  const keyStart = headBytes + topicBytes + typeBytes
  const keyBytes = event.key === undefined ? 0 : scratch.write(event.key, keyStart)
  const end = keyStart + keyBytes + scratch.write(event.data, keyStart + keyBytes)
  scratch.writeDoubleLE(place.time, 0)
  scratch.writeUIntLE(place.topicId, 8, topicIdBytes)
  scratch.writeUInt32LE(Math.min(place.weight, 0xffff_ffff), 14)
  scratch.writeUInt16LE(topicBytes, 18)
  scratch.writeUInt16LE(typeBytes, 20)
  scratch.writeUInt16LE(event.key === undefined ? noKey : keyBytes, 22)
  return scratch.subarray(0, end)
}

export function decodeHead(bytes: Buffer): RecordHead {
  return {
    time: bytes.readDoubleLE(0),
    topicId: bytes.readUIntLE(8, topicIdBytes),
    weight: bytes.readUInt32LE(14),
  }
}

export function decodeTopic(bytes: Buffer): Topic {
  return bytes.toString('utf8', headBytes, headBytes + bytes.readUInt16LE(18)) as Topic
}

export function decodeKey(bytes: Buffer): string | undefined {
  const keyBytes = bytes.readUInt16LE(22)
  if (keyBytes === noKey) return undefined
  const start = headBytes + bytes.readUInt16LE(18) + bytes.readUInt16LE(20)
  return bytes.toString('utf8', start, start + keyBytes)
}

export function decodeRecord(bytes: Buffer, position: Position): EventRecord {
  const typeStart = headBytes + bytes.readUInt16LE(18)
  const keyStart = typeStart + bytes.readUInt16LE(20)
  const keyBytes = bytes.readUInt16LE(22)
  const dataStart = keyStart + (keyBytes === noKey ? 0 : keyBytes)
  return {
    position,
    time: bytes.readDoubleLE(0),
    topic: decodeTopic(bytes),
    type: typeStart === keyStart ? 'message' : bytes.toString('utf8', typeStart, keyStart),
    data: bytes.toString('utf8', dataStart),
    key: keyBytes === noKey ? undefined : bytes.toString('utf8', keyStart, dataStart),
  }
}
