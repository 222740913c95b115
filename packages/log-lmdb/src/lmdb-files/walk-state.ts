// Checks one state of a data file: all its trees, and whether they are those of a log.

import { requireSound } from './damage.ts'
import { readNumber, readTreeRoot } from './data-file.ts'
import type { DataFile, FileState, TreeRoot } from './data-file.ts'
import { checkOrder, TableCheck } from './check-tables.ts'
import type { LogSummary } from './check-tables.ts'
import { latestCheckedMax, walkPagesPerTurn } from '../limits.ts'
import type { TableName } from '../tables/schema.ts'
import { PageClaims, sliceOf, walkTree } from './walk-tree.ts'
import type { OnEntry, Span, TreeEntry, TreeWalk } from './walk-tree.ts'

/** Bytes of a root in the tree of names; `MDB_db`. */
const rootBytes = 48

/** The contents of a whole data file. */
export interface StateSummary extends LogSummary {
  readonly transaction: number
  readonly pageSize: number
  /** Pages of the file. */
  readonly pages: number
  /** How many of these may be written again. */
  readonly freePages: number
  /** Names of the trees. */
  readonly names: readonly string[]
}

export interface StateWalk {
  readonly file: DataFile
  readonly state: FileState
  /** Called with the number of checked pages, and of all pages. */
  readonly onProgress?: ((done: number, all: number) => void) | undefined
  /**
   * How many newest values per key are compared with their records. Default: {@link
   * latestCheckedMax}.
   */
  readonly latestMax?: number | undefined
}

/** Checks a state, and lets other work run now and then. @throws DamageSeen */
export async function walkState(walk: StateWalk): Promise<StateSummary> {
  const { file, state, onProgress } = walk
  const claims = new PageClaims(state, file.pageSize)
  const steps = lookThrough(walk, claims)
  for (let pages = 1; ; pages++) {
    const step = steps.next()
    if (step.done === true) return step.value
    if (pages % walkPagesPerTurn !== 0) continue
    onProgress?.(claims.count, state.lastPage + 1)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function* lookThrough(
  { file, state, latestMax = latestCheckedMax }: StateWalk,
  claims: PageClaims,
): Generator<void, StateSummary, undefined> {
  const walk = (name: string, root: TreeRoot, onEntry: OnEntry): Generator<void, void, undefined> =>
    walkTree({ file, state, claims, name: quoteTree(name), root, onEntry })
  const roots = readNames({ file, state, claims })
  const check = new TableCheck(latestMax)
  for (const table of checkOrder) {
    const root = roots.get(table)
    if (root !== undefined) yield* walk(table, root, (entry) => check.on(table, entry))
  }
  // Data of another program is not judged.
  for (const [name, root] of isOfLog(roots.keys()) ? roots : []) {
    requireSound(root !== undefined, () => `${JSON.stringify(name)} is not a tree`)
    if (root !== undefined && !checkOrder.includes(name as TableName))
      yield* walk(name, root, () => undefined)
  }
  const used = claims.count
  yield* walkTree({
    file,
    state,
    claims,
    name: 'the list of free pages',
    root: state.free,
    compare: compareNumbers,
    onEntry: ({ key, value }) => {
      const freedBy = key.length === 8 ? readNumber(key.bytes, key.at) : Infinity
      requireSound(freedBy <= state.transaction, () => `pages are free by transaction ${freedBy}`)
      claimFree(value, claims)
    },
  })
  return {
    ...check.finish(),
    transaction: state.transaction,
    pageSize: file.pageSize,
    pages: state.lastPage + 1,
    freePages: state.lastPage - 1 - used,
    names: [...roots.keys()],
  }
}

/**
 * The named trees. Undefined for an entry that is no tree, as other programs have them. @throws
 * DamageSeen
 */
export function readNames(
  part: Omit<TreeWalk, 'name' | 'root' | 'onEntry'>,
): Map<string, TreeRoot | undefined> {
  const roots = new Map<string, TreeRoot | undefined>()
  const { main } = part.state
  const onEntry: OnEntry = (entry) => roots.set(...readName(entry))
  for (const _ of walkTree({ ...part, name: 'the tree of names', root: main, onEntry }));
  return roots
}

/** Whether trees with these names are those of a log. */
export function isOfLog(names: Iterable<string>): boolean {
  return [...names].some((name) => checkOrder.includes(name as TableName))
}

/** A tree's name in messages. */
export function quoteTree(name: string): string {
  return `tree ${JSON.stringify(name)}`
}

function readName({ key, value, isTree }: TreeEntry): readonly [string, TreeRoot | undefined] {
  // lmdb ends names with NUL.
  const name = sliceOf(key).toString().replaceAll('\0', '')
  if (!isTree || value.length !== rootBytes) return [name, undefined]
  const root = readTreeRoot(value.bytes, value.at)
  requireSound(
    root.flags === 0 || !checkOrder.includes(name as TableName),
    () => `${quoteTree(name)} has the flags ${root.flags}`,
  )
  return [name, root]
}

/** Keys of the list of free pages are transaction ids. */
function compareNumbers(a: Span, b: Span): number {
  requireSound(
    a.length === 8 && b.length === 8,
    () => 'the list of free pages has a key that is no number',
  )
  return readNumber(a.bytes, a.at) - readNumber(b.bytes, b.at)
}

/**
 * Claims a list of free pages, which begins with its length. A negative number says how many pages
 * follow from the next number on. A zero is an unused place. LMDB would write over a page that is
 * both free and in use.
 */
function claimFree({ bytes, at, length }: Span, claims: PageClaims): void {
  const by = 'the list of free pages'
  const count = length >= 8 ? readNumber(bytes, at) : Infinity
  requireSound(8 * count + 8 <= length, () => `${by} has an entry that is cut off`)
  for (let i = 1; i <= count; i++) {
    const number = Number(bytes.readBigInt64LE(at + 8 * i))
    if (number > 0) claims.claim(number, 1, by)
    if (number >= 0) continue
    i += 1
    requireSound(i <= count, () => `${by} has an entry that is cut off`)
    claims.claim(Number(bytes.readBigInt64LE(at + 8 * i)), -number, by)
  }
}
