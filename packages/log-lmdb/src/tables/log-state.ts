// The state of the log as a whole and of each topic, and its stored form.

import type { Topic } from '@tidemark/log'
import type { Extent } from '@tidemark/log/driver'
import { checksumBytes, writeChecksum } from './checksum.ts'
import { asBuffer, textKey, topicIdBytes } from './schema.ts'
import type { Tables } from './schema.ts'

export interface LogState {
  /** Sequence of the newest record ever added, 0 before the first. */
  head: number
  /** Time of that record. */
  headTime: number
  /** Records retained. */
  count: number
  /** Weight of the records retained, including those of ledgers. */
  bytes: number
  /** No topic has a newer mark. */
  newestMark: number
  /** The newest mark of topics no longer known by name. */
  commonMark: number
  nextTopicId: number
  /** Topics known by name that hold no records. */
  emptyCount: number
  /** Weight of the idempotency keys. */
  keyBytes: number
  /** Weight of the removed records that are still kept for tails. */
  removedBytes: number
  /** The newest removed sequence that tails are not handed any more. */
  tailMark: number
  /**
   * All records before this sequence belong to ledgers, so the bound on all bytes removes none of
   * them. 0 where nobody has looked.
   */
  countedFrom: number
  /** Sequence of the record that put retention in force, 0 where it is what the log was opened with. */
  rulesAt: number
  /**
   * As {@link rulesAt}, for the rules that have been carried through: where they keep the newest
   * record per key, no topic has an older one.
   */
  keysAt: number
}

export interface TopicStats {
  readonly name: Topic
  readonly id: number
  /** Records retained. */
  count: number
  /** Weight of the records retained. */
  bytes: number
  /** The newest sequence retention removed, 0 for none. */
  mark: number
  /** Sequence of the newest record ever added; it may be gone. Not one that vanished while others stay. */
  newest: number
  /** Of the newest record whose own end has come: it left no mark. 0 for none. */
  vanished: number
}

export const stateKey: Buffer = textKey('state')

/** Places in a stored topic, in bytes. */
const markAt = 22
const newestAt = 30
/** A stored topic of format 1 ends here; then comes a checksum. */
export const topicBytes = 38

/** Only topics of which a record vanished have this. */
const vanishedAt = topicBytes
const longTopicBytes = topicBytes + 8

/** The state of a new directory; its fields are stored in this order. */
const emptyState: LogState = {
  head: 0,
  headTime: 0,
  count: 0,
  bytes: 0,
  newestMark: 0,
  commonMark: 0,
  nextTopicId: 0,
  emptyCount: 0,
  keyBytes: 0,
  removedBytes: 0,
  tailMark: 0,
  countedFrom: 0,
  rulesAt: 0,
  keysAt: 0,
}

const fields = Object.keys(emptyState) as readonly (keyof LogState)[]

export function readState({ meta }: Tables): LogState {
  const bytes = meta.getBinary(stateKey)
  return bytes === undefined ? { ...emptyState } : decodeState(bytes)
}

/**
 * Decodes a stored state. A missing field was unknown when the state was stored. Bytes behind the
 * last field belong to fields of another version.
 */
export function decodeState(bytes: Buffer): LogState {
  const state = { ...emptyState }
  for (const [i, field] of fields.entries()) {
    if (8 * i + 8 <= bytes.length) state[field] = bytes.readDoubleLE(8 * i)
  }
  return state
}

export function writeState({ meta }: Tables, state: LogState): void {
  const bytes = Buffer.allocUnsafe(8 * fields.length + checksumBytes)
  for (const [i, field] of fields.entries()) bytes.writeDoubleLE(state[field], 8 * i)
  void meta.put(stateKey, writeChecksum(bytes))
}

export function readTopic({ topics }: Tables, name: Topic): TopicStats | undefined {
  const bytes = topics.getBinary(textKey(name))
  return bytes === undefined ? undefined : decodeTopicStats(name, bytes)
}

export function decodeTopicStats(name: Topic, value: Uint8Array): TopicStats {
  const bytes = asBuffer(value)
  return {
    name,
    id: bytes.readUIntLE(0, topicIdBytes),
    count: bytes.readDoubleLE(6),
    bytes: bytes.readDoubleLE(14),
    mark: bytes.readDoubleLE(markAt),
    newest: bytes.readDoubleLE(newestAt),
    vanished: bytes.length < longTopicBytes ? 0 : bytes.readDoubleLE(vanishedAt),
  }
}

/** The newest record that is gone, whether or not it left a mark. No two topics have the same. */
export function newestGone({ mark, vanished }: Pick<TopicStats, 'mark' | 'vanished'>): number {
  return Math.max(mark, vanished)
}

/** The newest sequence of a stored topic, without decoding the rest. */
export function readTopicNewest(value: Uint8Array): number {
  return asBuffer(value).readDoubleLE(newestAt)
}

/** The trim mark of a stored topic, without decoding the rest. */
export function readTopicMark(value: Uint8Array): number {
  return asBuffer(value).readDoubleLE(markAt)
}

export function writeTopic({ topics }: Tables, topic: TopicStats): void {
  const { vanished } = topic
  const fieldBytes = vanished === 0 ? topicBytes : longTopicBytes
  const bytes = Buffer.allocUnsafe(fieldBytes + checksumBytes)
  bytes.writeUIntLE(topic.id, 0, topicIdBytes)
  bytes.writeDoubleLE(topic.count, 6)
  bytes.writeDoubleLE(topic.bytes, 14)
  bytes.writeDoubleLE(topic.mark, markAt)
  bytes.writeDoubleLE(topic.newest, newestAt)
  if (vanished !== 0) bytes.writeDoubleLE(vanished, vanishedAt)
  void topics.put(textKey(topic.name), writeChecksum(bytes))
}

/** The sequence after which everything retained follows. */
export function readFirst({ records }: Tables, state: LogState): number {
  for (const key of records.getKeys({ limit: 1 })) {
    const bytes = asBuffer(key)
    return bytes.readUInt32BE(0) * 2 ** 32 + bytes.readUInt32BE(4) - 1
  }
  return state.head
}

/**
 * The extent that positions are compared with. The oldest record is looked up only if it is asked
 * for.
 */
export function readExtent(tables: Tables, state: LogState): Extent {
  return {
    head: state.head,
    get first() {
      return readFirst(tables, state)
    },
  }
}
