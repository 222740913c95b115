// Whether a directory's data file is whole, found out before LMDB touches it.
//
// What is cheap is always looked at: the first pages, the roots of all trees, the entries of `meta`. The rest, 1 s and more per
// GiB, is looked through when there is reason to: unless the last holder has sealed the file, or another process holds it.

import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { readBootNumber } from './boot-number.ts'
import { catchDamage, DamageSeen, requireSound } from './damage.ts'
import { DataFile, pageFlags, readPageHead } from './data-file.ts'
import type { FileState, FileStates, TreeRoot } from './data-file.ts'
import { toDamaged } from '../failures.ts'
import { dataFile } from './file-names.ts'
import type { Holder } from '../open/holders.ts'
import { busyLooksMax, looksMax } from '../limits.ts'
import { findAlive, parseHolders } from './stored-holders.ts'
import { isSealed } from './seal.ts'
import { hasCommits } from '../tail/wake-file.ts'
import { isOfLog, quoteTree, readNames, walkState } from './walk-state.ts'
import { PageClaims, sliceOf, walkTree } from './walk-tree.ts'
import type { OnEntry, TreeWalk } from './walk-tree.ts'

/** What is seen of a log whose tables are not there. */
export const missingTables = 'it does not name the tables of a log, and it is one'

/** What is known before a file is looked at. */
export interface Knowledge {
  readonly own: Holder
  /**
   * A hub that goes on serving has had this very file open: of workers that die together, none looks through what they have written
   * themselves, or the hub would be away for as long as that takes.
   */
  readonly isServed: boolean
}

/** @throws LogError `LOG_DAMAGED` with what was seen */
export async function requireWhole(directory: string, known: Knowledge): Promise<void> {
  const damage = await findDamage(directory, known)
  if (damage !== undefined) throw toDamaged(directory, damage)
}

async function findDamage(directory: string, known: Knowledge): Promise<string | undefined> {
  let file: DataFile | undefined
  try {
    file = new DataFile(join(directory, dataFile))
    return await look(file, directory, known)
  } catch (error) {
    if (error instanceof DamageSeen) return error.message
    throw error
  } finally {
    file?.close()
  }
}

/** Another process may commit while the file is read: what looks like damage then is looked at once more. */
async function look(
  file: DataFile,
  directory: string,
  known: Knowledge,
): Promise<string | undefined> {
  for (let looks = 0; looks < looksMax; looks++) {
    file.forget()
    const before = readSettled(file)
    const damage =
      before.damage ?? (await findDamageOf(file, before.states, { directory, ...known }))
    if (damage === undefined) return undefined
    if (isDeepStrictEqual(before, readSettled(file))) return damage
  }
  // A process that commits so often has it open, and has looked at it before.
  return undefined
}

type Settled =
  | { readonly states: FileStates; readonly damage: undefined }
  | { readonly damage: string }

/** The states, or what is wrong with them; a page that is read while it is written may look like anything. */
function readSettled(file: DataFile): Settled {
  try {
    return { states: file.readStates(), damage: undefined }
  } catch (error) {
    if (error instanceof DamageSeen) return { damage: error.message }
    throw error
  }
}

async function findDamageOf(
  file: DataFile,
  states: FileStates,
  { directory, own, isServed }: Knowledge & { readonly directory: string },
): Promise<string | undefined> {
  const seen: string[] = []
  for (const state of candidatesOf(states)) {
    let isKnown = true
    const damage = catchDamage(() => {
      checkStates(file, states, state)
      const holders = checkQuickly(file, state, hasCommits(directory))
      isKnown = holders === undefined || findAlive(holders, own) !== undefined
    })
    if (damage === undefined && (isServed || isKnown || isSealed(directory, file.file)))
      return undefined
    const found = damage ?? (await walk(file, state))
    if (found === undefined) return undefined
    seen.push(found)
  }
  return seen[0]
}

/**
 * The states LMDB may go on from. After a stop of the machine it goes back to the flushed one; where the system does not tell one
 * start from another, either may be it.
 */
export function candidatesOf({
  newest,
  flushed,
}: FileStates): readonly [FileState, ...FileState[]] {
  if (flushed === undefined) return [newest]
  const boot = readBootNumber()
  if (boot === undefined) return [newest, flushed]
  return newest.bootId === boot ? [newest] : [flushed]
}

/** Ends early when somebody commits: that process has looked at the file, and pages of this state may be written over soon. */
async function walk(file: DataFile, state: FileState): Promise<string | undefined> {
  const { transaction } = file.readStates().newest
  const onProgress = (): void =>
    requireSound(
      file.readStates().newest.transaction === transaction,
      () => 'it is being written to',
    )
  try {
    await walkState({ file, state, onProgress })
    return undefined
  } catch (error) {
    if (error instanceof DamageSeen) return error.message
    throw error
  }
}

/** Who holds the log that a file belongs to; nothing about it when nobody does. */
export interface Held {
  /** Undefined when it is known only by what it does. */
  readonly pid: number | undefined
}

/**
 * Finds out who holds the file, which may be written to meanwhile.
 * @throws DamageSeen
 */
export function findHolding(file: DataFile, own: Holder | undefined): Held | undefined {
  for (let looks = 0; looks < busyLooksMax; looks++) {
    file.forget()
    const before = readSettled(file)
    let holder: Holder | undefined
    const damage =
      before.damage ??
      catchDamage(() => {
        const { states } = before
        const [chosen] = candidatesOf(states)
        checkStates(file, states, chosen)
        const holders = checkQuickly(file, chosen, false)
        holder = holders === undefined ? undefined : findAlive(holders, own)
      })
    if (damage === undefined) return holder
    if (isDeepStrictEqual(before, readSettled(file))) throw new DamageSeen(damage)
  }
  return { pid: undefined }
}

/**
 * Every transaction writes at least one of its two roots. If neither is of the transaction that the index names, then the index is
 * wrong, or its pages are, and what was acknowledged last may be missing. In a compact copy all pages are of transaction 1.
 *
 * @param chosen the state that LMDB goes on from; beside a flushed one the others are given up, and their pages may be lost
 */
function checkStates(file: DataFile, { newest, before }: FileStates, chosen: FileState): void {
  for (const state of chosen === newest ? [newest, before] : [chosen]) {
    if (state === undefined || state.transaction === 0) continue
    // After LMDB has gone back it stands in both places.
    if (
      state !== newest &&
      state.main.root === newest.main.root &&
      state.free.root === newest.free.root
    )
      continue
    const roots = [state.free, state.main].flatMap(({ root }) => (root === undefined ? [] : [root]))
    const written = Math.max(...roots.map((root) => readPageHead(file.readPage(root)).transaction))
    requireSound(
      written === state.transaction || written === 1,
      () => `its index names transaction ${state.transaction}, its pages ${written}`,
    )
  }
}

/** Looks at what costs nothing, however large the file is. Nothing for a file that is no log's. @throws DamageSeen */
function checkQuickly(
  file: DataFile,
  state: FileState,
  hasRecords: boolean,
): readonly Holder[] | undefined {
  const claims = new PageClaims(state, file.pageSize)
  const roots = readNames({ file, state, claims })
  const meta = roots.get('meta')
  if (meta === undefined) {
    requireSound(!hasRecords && !isOfLog(roots.keys()), () => missingTables)
    requireOwnNames(file, state)
    return undefined
  }
  for (const [name, root] of [...roots, ['the list of free pages', state.free] as const]) {
    if (root === undefined) throw new DamageSeen(`${JSON.stringify(name)} is not a tree`)
    checkRootPage(file, state, { name, root })
  }
  return parseHolders(readEntries({ file, state, claims }, meta))
}

/** The entries of `meta`, by name; nothing for a file that is no log's. @throws DamageSeen */
export function readMeta(file: DataFile, state: FileState): Map<string, Buffer> | undefined {
  const claims = new PageClaims(state, file.pageSize)
  const root = readNames({ file, state, claims }).get('meta')
  return root && readEntries({ file, state, claims }, root)
}

function readEntries(
  part: Omit<TreeWalk, 'name' | 'root' | 'onEntry'>,
  root: TreeRoot,
): Map<string, Buffer> {
  const entries = new Map<string, Buffer>()
  const onEntry: OnEntry = ({ key, value }) =>
    entries.set(sliceOf(key).toString(), Buffer.from(sliceOf(value)))
  for (const _ of walkTree({ ...part, name: quoteTree('meta'), root, onEntry }));
  return entries
}

/**
 * Each transaction writes the root of the tree of names anew, of whatever program. A page of another tree that a torn copy has put there
 * looks like the data of another program.
 */
function requireOwnNames(file: DataFile, { transaction, main: { root } }: FileState): void {
  const written = root === undefined ? transaction : readPageHead(file.readPage(root)).transaction
  requireSound(
    written === transaction || written === 1,
    () => `its index names transaction ${transaction}, its tree of names ${written}`,
  )
}

function checkRootPage(
  file: DataFile,
  state: FileState,
  { name, root }: { readonly name: string; readonly root: TreeRoot },
): void {
  if (root.root === undefined) return
  const { transaction, flags } = readPageHead(file.readPage(root.root))
  const wanted = root.depth === 1 ? pageFlags.leaf : pageFlags.branch
  requireSound(
    transaction <= state.transaction && flags === wanted,
    () => `page ${root.root} is not the root of ${quoteTree(name)}`,
  )
}
