// Checks whether a directory's data file is whole, before LMDB touches it.
//
// The cheap part is always checked: the first pages, the roots of all trees, the entries of `meta`.
// The rest takes 1 s and more per GiB. That part is skipped if the last holder sealed the file, or
// if another process holds it.

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

/** The damage of a log whose tables are missing. */
export const missingTables = 'it does not name the tables of a log, and it is one'

/** Facts that are known before the check. */
export interface Knowledge {
  readonly own: Holder
  /**
   * A serving hub has had this very file open. If its workers die together, their replacements skip
   * the full check. Otherwise the hub would be away for as long as that takes.
   */
  readonly isServed: boolean
}

/** @throws LogError `LOG_DAMAGED` with the damage that was seen */
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

/** Checks again if the file changed meanwhile: another process may commit while the file is read. */
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
  // A process that commits so often has the file open, and has checked it before.
  return undefined
}

type Settled =
  | { readonly states: FileStates; readonly damage: undefined }
  | { readonly damage: string }

/** The states, or the fault in them. A page that is read while it is written may look like anything. */
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
 * The states that LMDB may continue. After a stop of the machine LMDB goes back to the flushed one.
 * If the system does not tell one start from another, it may be either.
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

/**
 * Walks a state, and ends early when another process commits. That process has checked the file,
 * and may soon overwrite pages of this state.
 */
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

/** The holder of a log; undefined when nobody holds it. */
export interface Held {
  /** Undefined when the holder is known by its lock only. */
  readonly pid: number | undefined
}

/**
 * Finds the holder of a file, which may be written to meanwhile.
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
 * Every transaction writes at least one of its two roots. If neither root is of the transaction
 * that the index names, the index or the pages are wrong. The last acknowledged events may then be
 * missing. In a compact copy all pages are of transaction 1.
 *
 * @param chosen the state that LMDB continues. If it is a flushed one, the newer states are given
 *   up, and their pages may be lost
 */
function checkStates(file: DataFile, { newest, before }: FileStates, chosen: FileState): void {
  for (const state of chosen === newest ? [newest, before] : [chosen]) {
    if (state === undefined || state.transaction === 0) continue
    // After LMDB has gone back, both places hold the same state.
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

/**
 * Runs the checks that are cheap, however large the file is. Undefined for a file that is no log's.
 * @throws DamageSeen
 */
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

/** The entries of `meta` by name; undefined for a file that is no log's. @throws DamageSeen */
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
 * Each transaction writes the root of the tree of names anew, in any program. A torn copy may have
 * a page of another tree there, which looks like data of another program.
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
