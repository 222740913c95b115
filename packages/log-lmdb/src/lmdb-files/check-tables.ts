// Checks that the tables of a log agree with each other. The caller passes the entries of each
// table, in the order of keys.
//
// Sums over both tables compare what one says of the other. So the memory needed does not grow with
// the records.

import { crc32 } from 'node:zlib'
import type { Topic } from '@tidemark/log'
import { isSummed } from '../tables/checksum.ts'
import { DamageSeen, requireSound } from './damage.ts'
import { holderPrefix } from '../open/holders.ts'
import { measureKey, runBytes } from '../append/idempotency.ts'
import { isIdentitySound } from '../history/identity.ts'
import { recordOf } from '../retention/removed-records.ts'
import {
  decodeState,
  decodeTopicStats,
  newestGone,
  stateKey,
  topicBytes,
} from '../tables/log-state.ts'
import type { LogState } from '../tables/log-state.ts'
import {
  decodeExpiry,
  decodeHead,
  decodeKey,
  isRecordSound,
  topicTextOf,
} from '../tables/record-codec.ts'
import { formatVersion, latestKey, topicIdBytes } from '../tables/schema.ts'
import type { TableName } from '../tables/schema.ts'
import { sliceOf } from './walk-tree.ts'
import type { Span, TreeEntry } from './walk-tree.ts'

/** Counts and sums modulo 2^32, which two tables must share. */
class Tally {
  count = 0
  weight = 0
  #sum = 0
  #weighted = 0

  add(sum: number, weight = 0, count = 1): void {
    this.count += count
    this.weight += weight
    this.#sum = (this.#sum + Math.imul(sum, count)) | 0
    this.#weighted = (this.#weighted + Math.imul(sum, weight)) | 0
  }

  equals(other: Tally): boolean {
    return (
      this.count === other.count &&
      this.weight === other.weight &&
      this.#sum === other.#sum &&
      this.#weighted === other.#weighted
    )
  }
}

/** The contents of a whole log. */
export interface LogSummary {
  readonly records: number
  /** Their weight, as `maxBytes` counts it; it includes the records of ledgers. */
  readonly bytes: number
  /** Topics known by name. */
  readonly topics: number
  /** Idempotency keys. */
  readonly keys: number
  /** Sequence of the newest record ever added. */
  readonly head: number
  /** Time of that record, in milliseconds since 1970; 0 before the first. */
  readonly headTime: number
  /** Written by a newer version: only its pages have been looked at. */
  readonly isNewer: boolean
}

/**
 * The order in which the tables must be passed. Later tables are compared with earlier ones entry
 * by entry.
 */
export const checkOrder: readonly TableName[] = [
  'meta',
  'topics',
  'latest',
  'records',
  'index',
  'leaving',
  'marks',
  'empty',
  'keys',
  'keysByAge',
  'ends',
]

/** The tables of one log. Every method throws DamageSeen. */
export class TableCheck {
  #state: LogState | undefined
  #isNewer = false
  #hasIdentity = false
  readonly #lastRecord = { sequence: 0, time: 0 }
  readonly #lastIndexed = { topicId: -1, sequence: 0 }
  readonly #topics = { count: 0, empty: 0, idMax: -1, newestMax: 0, markMax: 0 }
  readonly #recordsByTopic = { said: new Tally(), found: new Tally() }
  readonly #newestByTopic = { said: new Tally(), found: new Tally() }
  readonly #places = { said: new Tally(), found: new Tally() }
  readonly #marks = { said: new Tally(), found: new Tally() }
  readonly #latest = { said: new Tally(), found: new Tally() }
  readonly #latestCheckedMax: number
  readonly #latestSequences = new Set<number>()
  readonly #keys = { said: new Tally(), found: new Tally() }
  readonly #ends = { said: new Tally(), found: new Tally() }
  readonly #empty = { said: new Tally(), found: new Tally() }
  #keyBytes = 0
  #removedBytes = 0

  /** @param latestCheckedMax how many newest values per key are compared */
  constructor(latestCheckedMax: number) {
    this.#latestCheckedMax = latestCheckedMax
  }

  on(table: TableName, entry: TreeEntry): void {
    if (this.#isNewer) return
    try {
      this.#handlers[table](entry)
    } catch (error) {
      // The value is too short for its fields.
      if (error instanceof RangeError)
        throw new DamageSeen(`${table} has an entry that cannot be read: ${quoteSpan(entry.key)}`)
      throw error
    }
  }

  readonly #handlers: Readonly<Record<TableName, (entry: TreeEntry) => void>> = {
    meta: (entry) => this.#onMeta(entry),
    topics: (entry) => this.#onTopic(entry),
    latest: (entry) => this.#onLatest(entry),
    records: (entry) => this.#onRecord(entry),
    index: (entry) => this.#onIndex(entry),
    leaving: (entry) => this.#onRemoved(entry),
    marks: (entry) => this.#onMark(entry),
    empty: (entry) => this.#onEmpty(entry),
    keys: (entry) => this.#onKey(entry),
    keysByAge: ({ key, value }) =>
      this.#keys.found.add(mix(sequenceOf(key, 'keysByAge'), crc32(sliceOf(value)))),
    ends: (entry) => this.#onEnd(entry),
  }

  /** To be called after the last entry of the last table. */
  finish(): LogSummary {
    const state = this.#state ?? decodeState(Buffer.alloc(0))
    const topics = this.#topics
    const summary = {
      records: state.count,
      bytes: state.bytes,
      topics: topics.count,
      keys: this.#keys.said.count,
      head: state.head,
      headTime: state.headTime,
      isNewer: this.#isNewer,
    }
    if (this.#isNewer) return summary
    this.#finishTopic()
    const found = this.#recordsByTopic.found
    requireSound(
      this.#hasIdentity || (found.count === 0 && state.head === 0),
      () => `it has ${found.count} records and nothing that says which log they are of`,
    )
    requireSame('records', found.count, state.count)
    requireSame('bytes of records', found.weight, state.bytes)
    requireSame('topics without records', topics.empty, state.emptyCount)
    requireSame('entries of topics without records', this.#empty.found.count, state.emptyCount)
    requireSame('bytes of idempotency keys', this.#keyBytes, state.keyBytes)
    requireSame('bytes of removed records', this.#removedBytes, state.removedBytes)
    requireSound(
      Math.max(topics.newestMax, this.#lastRecord.sequence) <= state.head,
      () => `it has sequence ${topics.newestMax}, its state ends at ${state.head}`,
    )
    requireSound(
      Math.max(topics.markMax, state.commonMark) <= state.newestMark,
      () => `it has trim mark ${topics.markMax}, its state knows none after ${state.newestMark}`,
    )
    requireSound(topics.idMax < state.nextTopicId, () => `it has a topic id that was never given`)
    const pairs = {
      'The topics and the records': this.#recordsByTopic,
      'The topics and the newest entries of the index': this.#newestByTopic,
      'The records and the index': this.#places,
      'The topics and the trim marks': this.#marks,
      'The topics and those without records': this.#empty,
      'The newest values per key and the records': this.#latest,
      'The idempotency keys and their ages': this.#keys,
      'The records and their ends': this.#ends,
    }
    for (const [what, pair] of Object.entries(pairs)) {
      requireSound(pair.said.equals(pair.found), () => `${what} differ`)
    }
    return summary
  }

  #onMeta({ key, value }: TreeEntry): void {
    const name = sliceOf(key)
    const bytes = sliceOf(value)
    if (name.equals(stateKey)) {
      requireSound(
        bytes.length % 8 === 0 || isSummed(bytes),
        () => 'the state of the log is not as it was written',
      )
      this.#state = decodeState(bytes)
      const isPlausible = Object.values(this.#state).every(
        (each) => Number.isSafeInteger(each) && each >= 0,
      )
      requireSound(isPlausible, () => 'the state of the log has numbers that cannot be')
      return
    }
    // Other entries are not ours to judge.
    const text = name.toString()
    if (text === 'settings' || text.startsWith(holderPrefix)) parseObject(bytes, text)
    if (text !== 'identity') return
    const entry = parseObject(bytes, text)
    this.#hasIdentity = true
    this.#isNewer = Number(entry['version']) > formatVersion
    if (this.#isNewer) return
    requireSound(isIdentitySound(entry), () => 'the identity of the log is not as it was written')
  }

  #onTopic({ key, value }: TreeEntry): void {
    const bytes = sliceOf(value)
    const isWhole = bytes.length === topicBytes || (bytes.length > topicBytes && isSummed(bytes))
    requireSound(isWhole, () => `topic ${quoteSpan(key)} is not as it was written`)
    const name = sliceOf(key)
    const stats = decodeTopicStats('' as Topic, bytes)
    const { id, count, bytes: weight, mark, newest } = stats
    const topics = this.#topics
    topics.count += 1
    topics.idMax = Math.max(topics.idMax, id)
    topics.newestMax = Math.max(topics.newestMax, newest, stats.vanished)
    topics.markMax = Math.max(topics.markMax, mark)
    const sum = crc32(name)
    if (count === 0) {
      topics.empty += 1
      this.#empty.said.add(mix(newestGone(stats), sum))
    } else this.#newestByTopic.said.add(mix(id, newest))
    this.#recordsByTopic.said.add(mix(id, sum), weight, count)
    if (mark > (this.#state?.commonMark ?? 0)) this.#marks.said.add(mix(mark, sum))
  }

  #onLatest({ key, value }: TreeEntry): void {
    const sequence = sequenceOf(value, 'latest')
    if (this.#latestSequences.size >= this.#latestCheckedMax) return
    this.#latestSequences.add(sequence)
    this.#latest.said.add(mix(sequence, crc32(sliceOf(key))))
  }

  #onRecord({ key, value }: TreeEntry): void {
    const sequence = sequenceOf(key, 'records')
    const bytes = sliceOf(value)
    requireSound(isRecordSound(bytes), () => `record ${sequence} is not as it was written`)
    const { time, topicId, weight } = decodeHead(bytes)
    requireSound(
      time >= this.#lastRecord.time,
      () => `record ${sequence} is older than record ${this.#lastRecord.sequence} before it`,
    )
    this.#lastRecord.sequence = sequence
    this.#lastRecord.time = time
    this.#recordsByTopic.found.add(mix(topicId, crc32(topicTextOf(bytes))), weight)
    this.#places.said.add(mix(topicId, sequence))
    const end = decodeExpiry(bytes)
    if (end !== Infinity) this.#ends.said.add(mix(end, sequence))
    if (!this.#latestSequences.has(sequence)) return
    const eventKey = decodeKey(bytes)
    if (eventKey !== undefined)
      this.#latest.found.add(mix(sequence, crc32(latestKey(topicId, eventKey))))
  }

  #onIndex({ key }: TreeEntry): void {
    const sequence = sequenceOf(key, 'index')
    const topicId = key.bytes.readUIntBE(key.at, topicIdBytes)
    if (topicId !== this.#lastIndexed.topicId) this.#finishTopic()
    this.#lastIndexed.topicId = topicId
    this.#lastIndexed.sequence = sequence
    this.#places.found.add(mix(topicId, sequence))
  }

  #finishTopic(): void {
    const { topicId, sequence } = this.#lastIndexed
    if (topicId !== -1) this.#newestByTopic.found.add(mix(topicId, sequence))
    this.#lastIndexed.topicId = -1
  }

  #onRemoved({ key, value }: TreeEntry): void {
    const bytes = recordOf(sliceOf(value))
    requireSound(
      isRecordSound(bytes),
      () => `removed record ${sequenceOf(key, 'leaving')} is not as it was written`,
    )
    this.#removedBytes += decodeHead(bytes).weight
  }

  #onMark({ key, value }: TreeEntry): void {
    const mark = sequenceOf(key, 'marks')
    if (mark > (this.#state?.commonMark ?? 0))
      this.#marks.found.add(mix(mark, crc32(sliceOf(value))))
  }

  #onEmpty({ key, value }: TreeEntry): void {
    this.#empty.found.add(mix(sequenceOf(key, 'empty'), crc32(sliceOf(value))))
  }

  #onEnd({ key }: TreeEntry): void {
    requireSound(key.length === 16, () => `ends has an entry of ${key.length} bytes`)
    const time = sequenceOf({ ...key, length: 8 }, 'ends')
    this.#ends.found.add(mix(time, sequenceOf(key, 'ends')))
  }

  #onKey({ key, value }: TreeEntry): void {
    const bytes = sliceOf(value)
    const isWhole = bytes.length === runBytes || (bytes.length > runBytes && isSummed(bytes))
    requireSound(isWhole, () => `idempotency key ${quoteSpan(key)} is not as it was written`)
    this.#keyBytes += measureKey(key)
    this.#keys.said.add(mix(bytes.readDoubleLE(8), crc32(sliceOf(key))))
  }
}

function requireSame(what: string, found: number, expected: number): void {
  requireSound(found === expected, () => `it has ${found} ${what}, its state counts ${expected}`)
}

function parseObject(bytes: Buffer, name: string): Readonly<Record<string, unknown>> {
  let entry: unknown
  try {
    entry = JSON.parse(bytes.toString())
  } catch {
    entry = undefined
  }
  requireSound(
    typeof entry === 'object' && entry !== null,
    () => `its entry ${JSON.stringify(name)} cannot be read`,
  )
  return entry as Readonly<Record<string, unknown>>
}

/** The sequence that a key or value ends with. */
function sequenceOf(span: Span, table: TableName): number {
  requireSound(span.length >= 8, () => `${table} has an entry of ${span.length} bytes`)
  const start = span.at + span.length - 8
  return span.bytes.readUInt32BE(start) * 2 ** 32 + span.bytes.readUInt32BE(start + 4)
}

function quoteSpan(span: Span): string {
  return JSON.stringify(sliceOf(span).toString())
}

/** Mixes two numbers below 2^53 to 32 bits. The check is for accidents, not for enemies. */
function mix(a: number, b: number): number {
  let hash = Math.imul(a ^ (a / 2 ** 32), 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 15) ^ b, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13) ^ (b / 2 ** 32), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
