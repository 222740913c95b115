// Reads LMDB's data file without LMDB, because LMDB would die by a signal on a damaged file.
//
// Offsets are those of `MDB_page_header`, `MDB_meta` and `MDB_db` in mdb.c of lmdb 3.5.6, on a
// 64-bit machine. All numbers are little-endian. A number above 2^53 is read as one that fails
// every check.

import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { requireSound } from './damage.ts'
import { cachedChunksMax, mapBytes, chunkBytes } from '../limits.ts'

export const pageHeaderBytes = 24
const transactionOfPageAt = 8
const pageFlagsAt = 18
/**
 * In a page of a tree: bytes of the list of nodes. In the first page of a long value: its number of
 * pages.
 */
const pageLowerAt = 20

export const pageFlags = { branch: 0x01, leaf: 0x02, overflow: 0x04, meta: 0x08 } as const

const magicAt = 24
const magic = 0xbeefc0de
const versionAt = 28
export const dataVersion = 2
const pageSizeAt = 48
const flagsAt = 52
/** Start of the part of an index that each transaction writes anew: `mm_mapsize`. */
const stateAt = 40
const freeAt = 48
const mainAt = 96
const lastPageAt = 144
const transactionAt = 152
const bootIdAt = 160
const metaBytes = 168
const overlappingSync = 0x1000
const integerKeys = 0x08
/** In a tree's record, `MDB_db`: the place of its root, and the root of an empty tree. */
const rootAt = 40
const noRoot = 2n ** 64n - 1n

/** The record that LMDB keeps of one tree; `MDB_db`. */
export interface TreeRoot {
  readonly flags: number
  readonly depth: number
  readonly branchPages: number
  readonly leafPages: number
  readonly overflowPages: number
  readonly entries: number
  /** Undefined for an empty tree. */
  readonly root: number | undefined
}

/** A state of the whole file, as a meta page describes it. */
export interface FileState {
  /** Its place in the file, in bytes. */
  readonly at: number
  readonly transaction: number
  readonly lastPage: number
  /**
   * The state was visible before it was flushed. After a stop of the machine LMDB goes back to the
   * flushed one.
   */
  readonly isUnflushed: boolean
  /** The machine's start in which it was written; 0 if the system does not tell. */
  readonly bootId: bigint
  /** Pages that may be written again. */
  readonly free: TreeRoot
  /** The names of all other trees. */
  readonly main: TreeRoot
}

export interface FileStates {
  readonly newest: FileState
  /** The state before it, which stays as long as it is there. Undefined in a file of one state. */
  readonly before: FileState | undefined
  /**
   * The state that LMDB goes back to after a stop of the machine under `commit`. Undefined when the
   * newest state is flushed itself.
   */
  readonly flushed: FileState | undefined
}

export function readTreeRoot(bytes: Buffer, at: number): TreeRoot {
  const root = bytes.readBigUInt64LE(at + rootAt)
  return {
    flags: bytes.readUInt16LE(at + 4),
    depth: bytes.readUInt16LE(at + 6),
    branchPages: readNumber(bytes, at + 8),
    leafPages: readNumber(bytes, at + 16),
    overflowPages: readNumber(bytes, at + 24),
    entries: readNumber(bytes, at + 32),
    root: root === noRoot ? undefined : Number(root),
  }
}

export function readNumber(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32
}

/**
 * The data version if one of LMDB's two first pages is `at` a place, in the byte order of this
 * machine. Else undefined.
 */
export function readDataVersion(file: number, at: number): number | undefined {
  const head = Buffer.alloc(versionAt + 4)
  if (readSync(file, head, 0, head.length, at) < head.length) return undefined
  const isMeta = head.readUInt16LE(pageFlagsAt) === pageFlags.meta
  return isMeta && head.readUInt32LE(magicAt) === magic
    ? head.readUInt32LE(versionAt) & 0xffff
    : undefined
}

/** A data file that is open for reading. */
export class DataFile {
  readonly file: number
  readonly pageSize: number
  readonly #chunks = new Map<number, Buffer>()

  /**
   * @throws the file system's error
   * @throws DamageSeen when its first pages do not tell how it is to be read
   */
  constructor(path: string) {
    this.file = openSync(path, 'r')
    try {
      this.pageSize = this.#readPageSize()
    } catch (error) {
      closeSync(this.file)
      throw error
    }
  }

  get size(): number {
    return fstatSync(this.file).size
  }

  close(): void {
    closeSync(this.file)
  }

  /** The states in the first pages, read anew. @throws DamageSeen */
  readStates(): FileStates {
    const { pageSize } = this
    // The flushed index is behind half a page, without a head and without LMDB's magic number. It
    // is zeros unless `commit` was used. It is read before the others, so that it is never newer
    // than they are.
    const bytes = this.#read(pageSize / 2, metaBytes)
    const half = toState(bytes, pageSize / 2)
    const first = this.#readMeta(0)
    const second = this.#readMeta(pageSize)
    const [newest, before] =
      first.transaction >= second.transaction ? [first, second] : [second, first]
    // Zeros until the first flush.
    const hasHalf = newest.isUnflushed && half.transaction > 0
    requireSound(
      !hasHalf || bytes.readUInt32LE(pageSizeAt) === pageSize,
      () => 'its flushed index names another size of pages',
    )
    const flushed = newest.isUnflushed
      ? pickAfterStop(pickAfterStop(first, second), half)
      : undefined
    // LMDB reads the size of its map from one index, and all else from the other.
    requireSound(
      !hasHalf || flushed?.transaction !== half.transaction || isSameState(flushed, half),
      () => `its flushed index differs from that of the same transaction ${half.transaction}`,
    )
    for (const { transaction } of [newest, flushed ?? newest])
      // LMDB's own numbers have 64 bits. Those in JavaScript have 53, and a larger one would never
      // have a successor.
      requireSound(
        transaction < Number.MAX_SAFE_INTEGER && transaction <= newest.transaction,
        () => `its index names transaction ${transaction}, which cannot be`,
      )
    return { newest, before: before.transaction > 0 ? before : undefined, flushed }
  }

  /**
   * One page of a tree, with its own number in it. The bytes are valid until the next page is read.
   * @throws DamageSeen
   */
  readPage(number: number): Buffer {
    return this.#requireOwn(this.#readCached(number), number)
  }

  /** The head of the first page of a long value. @throws DamageSeen */
  readHead(number: number): PageHead {
    const head = this.#read(number * this.pageSize, pageHeaderBytes)
    return readPageHead(this.#requireOwn(head, number))
  }

  /** The bytes of a value in pages of its own. @throws DamageSeen */
  readRun(first: number, bytes: number): Buffer {
    return this.#read(first * this.pageSize + pageHeaderBytes, bytes)
  }

  /** Bytes of cached pages. */
  get cachedBytes(): number {
    let bytes = 0
    for (const chunk of this.#chunks.values()) bytes += chunk.buffer.byteLength
    return bytes
  }

  /** Empties the cache. */
  forget(): void {
    this.#chunks.clear()
  }

  #requireOwn(page: Buffer, number: number): Buffer {
    const own = readNumber(page, 0)
    requireSound(own === number, () => `page ${number} says that it is page ${own}`)
    return page
  }

  #readCached(number: number): Buffer {
    const { pageSize } = this
    requireSound(number < mapBytes / pageSize, () => `there is no page ${number}`)
    const pagesPerChunk = Math.max(1, chunkBytes / pageSize)
    const chunk = Math.floor(number / pagesPerChunk)
    let bytes = this.#chunks.get(chunk)
    if (bytes === undefined) {
      const whole = this.#takeBuffer(pagesPerChunk * pageSize)
      const read = readSync(this.file, whole, 0, whole.length, chunk * whole.length)
      bytes = whole.subarray(0, read)
      this.#chunks.set(chunk, bytes)
    }
    const at = (number - chunk * pagesPerChunk) * pageSize
    const page = bytes.subarray(at, at + pageSize)
    requireSound(page.length === pageSize, () => `page ${number} is behind its end`)
    return page
  }

  /**
   * Reuses the memory of the oldest chunk once the cache is full. Allocating thousands of chunks
   * would cost more than all the rest.
   */
  #takeBuffer(length: number): Buffer {
    if (this.#chunks.size < cachedChunksMax) return Buffer.allocUnsafeSlow(length)
    for (const [oldest, bytes] of this.#chunks) {
      this.#chunks.delete(oldest)
      return Buffer.from(bytes.buffer, 0, length)
    }
    return Buffer.allocUnsafeSlow(length)
  }

  #readPageSize(): number {
    const head = this.#read(0, metaBytes)
    requireSound(
      head.readUInt16LE(pageFlagsAt) === pageFlags.meta && head.readUInt32LE(magicAt) === magic,
      () => 'its first page is not one of LMDB',
    )
    const pageSize = head.readUInt32LE(pageSizeAt)
    const isPower = (pageSize & (pageSize - 1)) === 0
    requireSound(
      isPower && pageSize >= 512 && pageSize <= 65_536,
      () => `it names ${pageSize} as the size of its pages`,
    )
    return pageSize
  }

  #readMeta(at: number): FileState {
    const bytes = this.#read(at, metaBytes)
    const page = at / this.pageSize
    const isMeta =
      bytes.readUInt16LE(pageFlagsAt) === pageFlags.meta &&
      bytes.readUInt32LE(magicAt) === magic &&
      (bytes.readUInt32LE(versionAt) & 0xffff) === dataVersion &&
      readNumber(bytes, 0) === page
    requireSound(isMeta, () => `page ${page} is not the index that it must be`)
    const pageSize = bytes.readUInt32LE(pageSizeAt)
    requireSound(pageSize === this.pageSize, () => `page ${page} names pages of ${pageSize} bytes`)
    const state = toState(bytes, at)
    const { transaction, free, main } = state
    requireSound(
      transaction === 0 || transaction % 2 === page,
      () => `page ${page} names transaction ${transaction}, which belongs to the other one`,
    )
    requireSound(
      (free.flags & ~overlappingSync) === integerKeys && main.flags === 0,
      () => `page ${page} has the flags ${free.flags} and ${main.flags}`,
    )
    return state
  }

  #read(at: number, length: number): Buffer {
    const bytes = Buffer.alloc(length)
    const read = readSync(this.file, bytes, 0, length, at)
    requireSound(
      read === length,
      () => `it ends after ${this.size} bytes, ${at + length} are needed`,
    )
    return bytes
  }
}

function toState(bytes: Buffer, at: number): FileState {
  return {
    at,
    transaction: readNumber(bytes, transactionAt),
    lastPage: readNumber(bytes, lastPageAt),
    isUnflushed: (bytes.readUInt16LE(flagsAt) & overlappingSync) !== 0,
    bootId: bytes.readBigInt64LE(bootIdAt),
    free: readTreeRoot(bytes, freeAt),
    main: readTreeRoot(bytes, mainAt),
  }
}

function isSameState(a: FileState, b: FileState): boolean {
  const [first, second] = [a, b].map(({ lastPage, main, free }) => [
    lastPage,
    main,
    // One of these flags says whether the state is flushed.
    { ...free, flags: 0 },
  ])
  return isDeepStrictEqual(first, second)
}

/**
 * `mdb_pick_meta` of lmdb 3.5.6, as it runs after a stop of the machine: an unflushed state loses
 * to an older one.
 */
function pickAfterStop(a: FileState, b: FileState): FileState {
  if (b.transaction === 0) return a
  const newer = a.transaction >= b.transaction ? a : b
  if (!newer.isUnflushed) return newer
  return a.transaction > b.transaction ? b : a
}

/**
 * Makes one state the only one. The others may refer to pages that a copy has torn, or that a stop
 * of the machine has lost. The state counts as flushed, so the caller must flush the copy.
 */
export function keepState(path: string, choose: (states: FileStates) => FileState): void {
  const file = new DataFile(path)
  const { pageSize } = file
  const state = choose(file.readStates())
  file.close()
  const writable = openSync(path, 'r+')
  try {
    const keptAt = (state.transaction % 2) * pageSize
    const kept = Buffer.alloc(metaBytes)
    readSync(writable, kept, 0, metaBytes, keptAt)
    // The flushed state has a place of its own, without a head; see `mdb_env_write_meta`.
    readSync(writable, kept, stateAt, metaBytes - stateAt, state.at + stateAt)
    kept.writeUInt16LE(kept.readUInt16LE(flagsAt) & ~overlappingSync, flagsAt)
    const other = Buffer.from(kept)
    // The index of a file that was made and never written to; `mdb_env_init_meta0`.
    const otherAt = pageSize - keptAt
    other.writeUInt32LE(otherAt / pageSize, 0)
    for (const at of [freeAt, mainAt])
      other.fill(0, at + 6, at + rootAt).writeBigUInt64LE(noRoot, at + rootAt)
    other.writeBigUInt64LE(1n, lastPageAt)
    other.writeBigUInt64LE(0n, transactionAt)
    writeSync(writable, kept, 0, metaBytes, keptAt)
    writeSync(writable, other, 0, metaBytes, otherAt)
    writeSync(writable, Buffer.alloc(metaBytes), 0, metaBytes, pageSize / 2)
  } finally {
    closeSync(writable)
  }
}

/** The head of a page of a tree, or of the first page of a long value. */
export interface PageHead {
  readonly transaction: number
  readonly flags: number
  /**
   * Bytes of a tree page's list of nodes, and the place where its nodes begin. Both count from the
   * end of the head.
   */
  readonly lower: number
  readonly upper: number
  /** Pages of a long value. */
  readonly pages: number
}

export function readPageHead(page: Buffer): PageHead {
  return {
    transaction: readNumber(page, transactionOfPageAt),
    flags: page.readUInt16LE(pageFlagsAt),
    lower: page.readUInt16LE(pageLowerAt),
    upper: page.readUInt16LE(pageLowerAt + 2),
    pages: page.readUInt32LE(pageLowerAt),
  }
}
