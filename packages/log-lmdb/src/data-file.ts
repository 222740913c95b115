// Whether LMDB's data file is all there. LMDB maps it unseen and dies by a signal when it reads behind its end.

import { fstatSync, readSync } from 'node:fs'

/** Bytes of a page's header, and where it holds its flags and the size of its list of nodes; `MDB_page_header` in mdb.c of lmdb 3.5.6. */
const pageHeaderBytes = 24
const pageFlagsAt = 18
const pageLowerAt = 20
const branchPage = 0x01
const leafPage = 0x02

/** A node's header, and what its flags say of its data; `MDB_node`. */
const nodeHeaderBytes = 8
const bigData = 0x01
const subData = 0x02

/** A database's record, `MDB_db`: where it holds its root, and the root of an empty one. */
const rootAt = 40
const noRoot = 2n ** 64n - 1n

/** Offsets in a meta page, page header included; `MDB_meta`. The two databases are the free list and the main one. */
const pageSizeAt = 48
const flagsAt = 52
const databasesAt = [48, 96] as const
const lastPageAt = 144
const transactionAt = 152
const metaBytes = 168
const overlappingSync = 0x1000

/** Another process may commit while the file is read; whoever can commit this often has a sound file. */
const looksMax = 3

interface Meta {
  readonly transaction: bigint
  readonly lastPage: bigint
  readonly hasOverlappingSync: boolean
  readonly roots: readonly bigint[]
}

interface State {
  readonly pageSize: number
  readonly newest: Meta
  /** The states LMDB may go on from. */
  readonly candidates: readonly Meta[]
}

/** Says what is missing of a data file that is not empty, or nothing when it is sound as far as its size can tell. */
export function findDamage(file: number): string | undefined {
  let damage: string | undefined
  let seen: bigint | undefined
  for (let look = 0; look < looksMax; look++) {
    // The size after the meta pages: a process that commits in between makes the file only larger.
    const state = readState(file)
    const { size } = fstatSync(file)
    if (state === undefined) return `it has ${size} bytes, and its first two pages cannot be read`
    const { newest } = state
    if (newest.transaction === seen) return damage
    seen = newest.transaction
    if (state.candidates.some((meta) => isWhole(file, meta, { size, pageSize: state.pageSize })))
      return undefined
    const expected = (newest.lastPage + 1n) * BigInt(state.pageSize)
    damage = `it has ${size} bytes and pages it needs are behind its end; its index counts ${expected} bytes`
  }
  return undefined
}

function readState(file: number): State | undefined {
  const first = readAt(file, 0, metaBytes)
  const pageSize = first?.readUInt32LE(pageSizeAt) ?? 0
  if (first === undefined || pageSize < 512 || pageSize > 65_536) return undefined
  if (fstatSync(file).size < 2 * pageSize) return undefined
  const second = readAt(file, pageSize, metaBytes)
  const flushedHalf = readAt(file, pageSize / 2, metaBytes)
  if (second === undefined || flushedHalf === undefined) return undefined
  const metas = [toMeta(first), toMeta(second)] as const
  const newest = metas[0].transaction >= metas[1].transaction ? metas[0] : metas[1]
  // After a stop of the machine under `commit` LMDB goes back to what was flushed, which stands behind half a page.
  const flushed = toMeta(flushedHalf)
  const canGoBack = newest.hasOverlappingSync && flushed.transaction > 0n
  return { pageSize, newest, candidates: canGoBack ? [newest, flushed] : [newest] }
}

function toMeta(bytes: Buffer): Meta {
  return {
    transaction: bytes.readBigUInt64LE(transactionAt),
    lastPage: bytes.readBigUInt64LE(lastPageAt),
    hasOverlappingSync: (bytes.readUInt16LE(flagsAt) & overlappingSync) !== 0,
    roots: databasesAt.map((at) => bytes.readBigUInt64LE(at + rootAt)),
  }
}

interface Extent {
  readonly size: number
  readonly pageSize: number
}

/**
 * A file shorter than its last page says is sound when nothing refers to what is missing: a page that one transaction
 * took at the end and gave back is never written. Only such a file has its trees walked, to the first page missing.
 */
function isWhole(file: number, meta: Meta, extent: Extent): boolean {
  const { size, pageSize } = extent
  if ((meta.lastPage + 1n) * BigInt(pageSize) <= BigInt(size)) return true
  const pending = meta.roots.filter((root) => root !== noRoot)
  const visitsMax = size / pageSize
  for (let visits = 0; visits <= visitsMax; visits++) {
    const number = pending.pop()
    if (number === undefined) return true
    const at = Number(number) * pageSize
    const page = at + pageSize <= size ? readAt(file, at, pageSize) : undefined
    if (page === undefined) return false
    const links = readLinks(page)
    if (links === undefined || links.ends.some((end) => Number(end) * pageSize > size)) return false
    pending.push(...links.pages)
  }
  return false
}

interface Links {
  /** Pages of trees. */
  readonly pages: readonly bigint[]
  /** The pages behind the last ones of long values. */
  readonly ends: readonly bigint[]
}

/** What a page refers to; nothing when it is no page of a tree. */
function readLinks(page: Buffer): Links | undefined {
  const flags = page.readUInt16LE(pageFlagsAt)
  const listBytes = page.readUInt16LE(pageLowerAt)
  if ((flags & (branchPage | leafPage)) === 0) return undefined
  const pages: bigint[] = []
  const ends: bigint[] = []
  try {
    for (let at = pageHeaderBytes; at < pageHeaderBytes + listBytes; at += 2) {
      const node = pageHeaderBytes + page.readUInt16LE(at)
      const kind = page.readUInt16LE(node + 4)
      const data = node + nodeHeaderBytes + page.readUInt16LE(node + 6)
      if ((flags & branchPage) !== 0) {
        pages.push(BigInt(page.readUInt32LE(node)) + (BigInt(kind) << 32n))
      } else if ((kind & bigData) !== 0) {
        ends.push(page.readBigUInt64LE(data) + page.readBigUInt64LE(data + 16))
      } else if ((kind & subData) !== 0) {
        const root = page.readBigUInt64LE(data + rootAt)
        if (root !== noRoot) pages.push(root)
      }
    }
  } catch {
    // A node behind the end of its page.
    return undefined
  }
  return { pages, ends }
}

function readAt(file: number, at: number, length: number): Buffer | undefined {
  const bytes = Buffer.alloc(length)
  return readSync(file, bytes, 0, length, at) === length ? bytes : undefined
}
