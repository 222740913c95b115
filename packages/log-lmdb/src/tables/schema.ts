// The databases of the directory, and the form of their keys. The table in README.md lists their
// contents.

import { open } from 'lmdb'
import type { Database, RootDatabase } from 'lmdb'
import { databasesMax, mapBytes, readersMax } from '../limits.ts'
import type { NewestState } from '../lmdb-files/newest-state.ts'

/** A database with bytes for keys and values. */
export type Table = Database<Buffer, Buffer>

/** The tables of a log, as they are named in the directory: `leaving` holds the removed records. */
export type TableName = Exclude<keyof Tables, 'root' | 'newest' | 'removed'> | 'leaving'

export interface Tables {
  readonly root: RootDatabase<Buffer, Buffer>
  readonly newest: NewestState
  readonly meta: Table
  readonly records: Table
  readonly index: Table
  readonly topics: Table
  readonly marks: Table
  readonly empty: Table
  /** Removed records that are still kept for tails. */
  readonly removed: Table
  readonly latest: Table
  readonly keys: Table
  readonly keysByAge: Table
  /** Records that have an end of their own, the next one to end first. */
  readonly ends: Table
}

/**
 * Version of the layout; a directory with a higher one is refused. From 2 on values have checksums.
 * Values written before have none, and are read. From 3 on epochs name the copy of the data that
 * they were written in. From 4 on there may be ledgers, whose entries versions before would remove
 * as they remove events. From 5 on records may have tags, a permission and an end, which versions before
 * would take for a part of the data.
 */
export const formatVersion = 5

/** From this version on the lineage is read; that of versions before is of another history. */
export const lineageVersion = 3

/** `overlappingSync` undefined takes over what another handle of this process has chosen. */
export function openRoot(
  directory: string,
  overlappingSync: boolean | undefined,
  isReadOnly = false,
): RootDatabase<Buffer, Buffer> {
  return open<Buffer, Buffer>(directory, {
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    maxDbs: databasesMax,
    maxReaders: readersMax,
    // With it on, lmdb makes one promise per turn that nobody can handle. The promise rejects when
    // a commit fails.
    eventTurnBatching: false,
    // Windows allocates the whole map on disk; there it grows instead.
    ...(process.platform === 'win32' ? {} : { mapSize: mapBytes }),
    ...(isReadOnly ? { readOnly: true } : {}),
    ...(overlappingSync === undefined ? {} : { overlappingSync }),
  })
}

/** Call it inside of a transaction, because a missing table is made. */
export function nameTable(root: RootDatabase<Buffer, Buffer>, name: TableName): Table {
  return root.openDB<Buffer, Buffer>(name, { encoding: 'binary', keyEncoding: 'binary' })
}

/** All tables, as {@link nameTable} has them. */
export function nameTables(root: RootDatabase<Buffer, Buffer>): Omit<Tables, 'root' | 'newest'> {
  return {
    meta: nameTable(root, 'meta'),
    records: nameTable(root, 'records'),
    index: nameTable(root, 'index'),
    topics: nameTable(root, 'topics'),
    marks: nameTable(root, 'marks'),
    empty: nameTable(root, 'empty'),
    removed: nameTable(root, 'leaving'),
    latest: nameTable(root, 'latest'),
    keys: nameTable(root, 'keys'),
    keysByAge: nameTable(root, 'keysByAge'),
    ends: nameTable(root, 'ends'),
  }
}

/** Big-endian, so that byte order is numeric order. */
export function sequenceKey(sequence: number): Buffer {
  const key = Buffer.allocUnsafe(8)
  writeSequence(key, sequence, 0)
  return key
}

/**
 * Bytes of a topic id. Ids are never reused: 2^48 of them last 890 years at 10,000 new topics per
 * second.
 */
export const topicIdBytes = 6

export function indexKey(topicId: number, sequence: number): Buffer {
  const key = Buffer.allocUnsafe(topicIdBytes + 8)
  key.writeUIntBE(topicId, 0, topicIdBytes)
  writeSequence(key, sequence, topicIdBytes)
  return key
}

export function latestKey(topicId: number, eventKey: string): Buffer {
  const key = Buffer.allocUnsafe(topicIdBytes + Buffer.byteLength(eventKey))
  key.writeUIntBE(topicId, 0, topicIdBytes)
  key.write(eventKey, topicIdBytes)
  return key
}

/** For a record that ends at a time, in milliseconds since 1970. */
export function endKey(end: number, sequence: number): Buffer {
  const key = Buffer.allocUnsafe(16)
  writeSequence(key, end, 0)
  writeSequence(key, sequence, 8)
  return key
}

/** For topics, idempotency keys and the names in `meta`. */
export function textKey(text: string): Buffer {
  return Buffer.from(text)
}

/** The sequence a key (or value) ends with. */
export function readSequence(bytes: Uint8Array): number {
  const buffer = asBuffer(bytes)
  const start = buffer.length - 8
  return buffer.readUInt32BE(start) * 2 ** 32 + buffer.readUInt32BE(start + 4)
}

/** lmdb hands keys back as plain byte arrays. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function writeSequence(target: Buffer, sequence: number, start: number): void {
  target.writeUInt32BE(Math.floor(sequence / 2 ** 32), start)
  target.writeUInt32BE(sequence % 2 ** 32, start + 4)
}

/**
 * Runs synchronous reads on one fresh snapshot, and releases it at once. Without that, lmdb keeps a
 * snapshot to the end of the turn. The next read could then be behind another process, and freed
 * pages could not be reused. Before that the function checks for overwritten data, for
 * `OwnHistory`.
 */
export function withSnapshot<T>({ root, newest }: Tables, read: () => T): T {
  newest.check()
  root.resetReadTxn()
  try {
    return read()
  } finally {
    root.resetReadTxn()
  }
}
