// Walks one tree of a data file, and checks that every page is what its parent says.

import { pageFlags, pageHeaderBytes, readNumber, readPageHead } from './data-file.ts'
import type { DataFile, FileState, PageHead, TreeRoot } from './data-file.ts'
import { requireSound } from './damage.ts'
import { mapBytes, treeDepthMax } from '../limits.ts'

/** A node's header, `MDB_node`, and what its flags say of its data. */
const nodeHeaderBytes = 8
const bigData = 0x01
const subData = 0x02

/** `MDB_ovpage`: where a long value stands. */
const longPlaceBytes = 24

/** A stretch of bytes. */
export interface Span {
  readonly bytes: Buffer
  readonly at: number
  readonly length: number
}

/** Valid until the next entry: millions of entries share these objects. */
export interface TreeEntry {
  readonly key: Span
  readonly value: Span
  /** The value is the root of another tree. */
  readonly isTree: boolean
}

/** Called for each entry, in the order of keys. */
export type OnEntry = (entry: TreeEntry) => void

/** The pages that a state uses, so that no page is used twice. */
export class PageClaims {
  readonly #bits: Uint8Array
  readonly #lastPage: number
  /** Pages claimed so far. */
  count = 0

  /** @throws DamageSeen when there are more pages than a data file can have */
  constructor({ lastPage }: FileState, pageSize: number) {
    requireSound(lastPage < mapBytes / pageSize, () => `its index counts ${lastPage + 1} pages`)
    this.#bits = new Uint8Array(Math.floor(lastPage / 8) + 1)
    this.#lastPage = lastPage
  }

  /** @throws DamageSeen when a page is beyond the last one, or something else has it already */
  claim(first: number, pages: number, by: string): void {
    const last = first + pages - 1
    requireSound(
      first >= 2 && pages >= 1 && last <= this.#lastPage,
      () => `${by} needs page ${last}, its index counts ${this.#lastPage}`,
    )
    for (let page = first; page <= last; page++) {
      const at = page >>> 3
      const bit = 1 << (page & 7)
      requireSound(
        ((this.#bits[at] ?? 0) & bit) === 0,
        () => `page ${page} is used by ${by} and by something else`,
      )
      this.#bits[at] = (this.#bits[at] ?? 0) | bit
    }
    this.count += pages
  }
}

export interface TreeWalk {
  readonly file: DataFile
  readonly state: FileState
  readonly claims: PageClaims
  /** For messages: `tree "records"`. */
  readonly name: string
  readonly root: TreeRoot
  /** Compares keys; default: byte by byte. */
  readonly compare?: ((a: Span, b: Span) => number) | undefined
  readonly onEntry: OnEntry
}

/** Walks a tree, a page at a time. @throws DamageSeen */
export function walkTree(walk: TreeWalk): Generator<void, void, undefined> {
  return new Walker(walk).run()
}

/** A span that is moved along. */
class Place implements Span {
  bytes: Buffer = Buffer.alloc(0)
  at = 0
  length = 0

  move(bytes: Buffer, at: number, length: number): void {
    this.bytes = bytes
    this.at = at
    this.length = length
  }
}

/** Counts of the walk so far, named as in the root's record. */
interface Counts {
  branchPages: number
  leafPages: number
  overflowPages: number
  entries: number
}

class Walker {
  readonly #walk: TreeWalk
  readonly #compare: (a: Span, b: Span) => number
  readonly #seen: Counts = { branchPages: 0, leafPages: 0, overflowPages: 0, entries: 0 }
  readonly #value = new Place()
  /** The key of the entry before, once there was one. */
  #previous = new Place()
  #key = new Place()
  #hasPrevious = false

  constructor(walk: TreeWalk) {
    this.#walk = walk
    this.#compare = walk.compare ?? compareBytes
  }

  *run(): Generator<void, void, undefined> {
    const { root, name, state } = this.#walk
    const { depth } = root
    if (root.root !== undefined) {
      requireSound(depth >= 1 && depth <= treeDepthMax, () => `${name} is ${depth} pages deep`)
      const { transaction } = state
      yield* this.#visit({
        page: root.root,
        level: 1,
        transaction,
        low: undefined,
        high: undefined,
      })
    }
    for (const [what, count] of Object.entries(this.#seen)) {
      const expected = root[what as keyof Counts]
      requireSound(
        count === expected,
        () => `${name} has ${count} ${what}, its root counts ${expected}`,
      )
    }
  }

  *#visit(place: {
    readonly page: number
    readonly level: number
    /**
     * The parent's transaction. A page is never newer than its parent, because a change rewrites
     * all pages above it.
     */
    readonly transaction: number
    readonly low: Span | undefined
    readonly high: Span | undefined
  }): Generator<void, void, undefined> {
    const { file, claims, name, root } = this.#walk
    claims.claim(place.page, 1, name)
    const page = file.readPage(place.page)
    const head = readPageHead(page)
    requireSound(
      head.transaction <= place.transaction,
      () =>
        `page ${place.page} is of transaction ${head.transaction}, what refers to it of ${place.transaction}`,
    )
    const isLeaf = place.level === root.depth
    const wanted = isLeaf ? pageFlags.leaf : pageFlags.branch
    requireSound(
      head.flags === wanted,
      () => `page ${place.page} of ${name} has the flags ${head.flags}`,
    )
    const nodes = readNodes(page, head, place.page)
    requireSound(nodes.length > 0, () => `page ${place.page} of ${name} has no nodes`)
    if (isLeaf) {
      this.#seen.leafPages += 1
      this.#visitLeaf(page, nodes, { ...place, transaction: head.transaction })
      yield
      return
    }
    this.#seen.branchPages += 1
    // The page's bytes are gone when its children are read.
    const kept = Buffer.from(page)
    const keys = nodes.map((at, i) => (i === 0 ? place.low : keyOf(kept, at)))
    for (const [i, at] of nodes.entries()) {
      const child = kept.readUInt32LE(at) + kept.readUInt16LE(at + 4) * 2 ** 32
      yield* this.#visit({
        page: child,
        level: place.level + 1,
        transaction: head.transaction,
        low: keys[i],
        high: i + 1 < nodes.length ? keys[i + 1] : place.high,
      })
    }
  }

  #visitLeaf(
    page: Buffer,
    nodes: readonly number[],
    place: {
      readonly page: number
      readonly transaction: number
      readonly low: Span | undefined
      readonly high: Span | undefined
    },
  ): void {
    const { name, onEntry } = this.#walk
    for (const [i, at] of nodes.entries()) {
      const key = this.#key
      key.move(page, at + nodeHeaderBytes, page.readUInt16LE(at + 6))
      const isBehind = !this.#hasPrevious || this.#compare(this.#previous, key) < 0
      requireSound(isBehind, () => `page ${place.page} of ${name} has keys that are out of order`)
      if (i === 0 || i === nodes.length - 1) this.#requireWithin(key, place)
      this.#moveToValue(page, at, place)
      const flags = page.readUInt16LE(at + 4)
      requireSound(
        (flags & ~(bigData | subData)) === 0,
        () => `page ${place.page} of ${name} has a node with the flags ${flags}`,
      )
      onEntry({ key, value: this.#value, isTree: (flags & subData) !== 0 })
      this.#key = this.#previous
      this.#previous = key
      this.#hasPrevious = true
    }
    this.#seen.entries += nodes.length
    // The bytes of this key are gone too when the next page is read.
    const { at, length, bytes } = this.#previous
    this.#previous.move(Buffer.from(bytes.subarray(at, at + length)), 0, length)
  }

  #requireWithin(
    key: Span,
    place: {
      readonly page: number
      readonly low: Span | undefined
      readonly high: Span | undefined
    },
  ): void {
    const isWithin =
      (place.low === undefined || this.#compare(place.low, key) <= 0) &&
      (place.high === undefined || this.#compare(key, place.high) < 0)
    requireSound(
      isWithin,
      () => `page ${place.page} of ${this.#walk.name} has keys that belong elsewhere`,
    )
  }

  #moveToValue(
    page: Buffer,
    at: number,
    place: { readonly page: number; readonly transaction: number },
  ): void {
    const length = page.readUInt16LE(at) + page.readUInt16LE(at + 2) * 2 ** 16
    const data = at + nodeHeaderBytes + page.readUInt16LE(at + 6)
    const isLong = (page.readUInt16LE(at + 4) & bigData) !== 0
    const { name, file, state, claims } = this.#walk
    requireSound(
      data + (isLong ? longPlaceBytes : length) <= page.length,
      () => `page ${place.page} of ${name} has a value that leaves it`,
    )
    if (!isLong) {
      this.#value.move(page, data, length)
      return
    }
    const first = readNumber(page, data)
    const transaction = readNumber(page, data + 8)
    const pages = readNumber(page, data + 16)
    claims.claim(first, pages, name)
    const head = file.readHead(first)
    // LMDB's compact copy writes transaction 1 into all pages, and copies long values unchanged;
    // `mdb_env_cwalk`.
    const isOfCopy = transaction === 1 && head.transaction <= state.transaction
    const isAsSaid =
      head.flags === pageFlags.overflow &&
      head.pages === pages &&
      (head.transaction === transaction || isOfCopy) &&
      transaction <= place.transaction &&
      pageHeaderBytes + length <= pages * page.length
    requireSound(isAsSaid, () => `page ${first} is not the long value that ${name} has there`)
    this.#seen.overflowPages += pages
    this.#value.move(file.readRun(first, length), 0, length)
  }
}

/**
 * The places of the nodes of a tree page. Nodes fill the page's end without gaps. LMDB puts the
 * next node where the head says that they begin, and would otherwise overwrite one.
 */
function readNodes(
  page: Buffer,
  { flags, lower, upper }: PageHead,
  number: number,
): readonly number[] {
  const listEnd = pageHeaderBytes + lower
  const begin = pageHeaderBytes + upper
  requireSound(
    lower % 2 === 0 && listEnd <= begin && begin <= page.length,
    () => `page ${number} counts ${lower / 2} nodes, from ${begin} on`,
  )
  const places: number[] = []
  let bytes = 0
  for (let at = pageHeaderBytes; at < listEnd; at += 2) {
    const node = pageHeaderBytes + page.readUInt16LE(at)
    requireSound(
      node >= begin && node + nodeHeaderBytes <= page.length,
      () => `page ${number} has a node that leaves it`,
    )
    const length = measureNode(page, node, flags)
    requireSound(node + length <= page.length, () => `page ${number} has a node that leaves it`)
    bytes += length
    places.push(node)
  }
  requireSound(
    bytes === page.length - begin,
    () => `page ${number} has nodes of ${bytes} bytes in ${page.length - begin}`,
  )
  return places
}

/** Bytes of a node. Nodes begin at even places. */
function measureNode(page: Buffer, node: number, flags: number): number {
  const key = nodeHeaderBytes + page.readUInt16LE(node + 6)
  if (flags === pageFlags.branch) return key + (key % 2)
  const isLong = (page.readUInt16LE(node + 4) & bigData) !== 0
  const data = isLong
    ? longPlaceBytes
    : page.readUInt16LE(node) + page.readUInt16LE(node + 2) * 2 ** 16
  return key + data + ((key + data) % 2)
}

function keyOf(page: Buffer, node: number): Span {
  return { bytes: page, at: node + nodeHeaderBytes, length: page.readUInt16LE(node + 6) }
}

/** Compares bytes as LMDB does. A key sorts before longer keys that begin with it. */
function compareBytes(a: Span, b: Span): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const difference = (a.bytes[a.at + i] ?? 0) - (b.bytes[b.at + i] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** A copy-free view of the bytes. */
export function sliceOf({ bytes, at, length }: Span): Buffer {
  return bytes.subarray(at, at + length)
}
