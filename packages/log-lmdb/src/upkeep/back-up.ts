// Backs up a log that processes may hold and write to.

import { randomBytes } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { LogError, systemClock } from '@tidemark/log'
import type { Clock } from '@tidemark/log'
import { checkUpkeep } from '../open/check-options.ts'
import { checkLog } from './check-log.ts'
import type { LogCheck, OnProgress } from './check-log.ts'
import { requireWhole } from '../lmdb-files/check-open.ts'
import { findData, logFiles } from './data-path.ts'
import {
  toDamaged,
  toNewer,
  toNoBackup,
  toNoLog,
  toUnavailable,
  toUnreadable,
} from '../failures.ts'
import { dataFile } from '../lmdb-files/file-names.ts'
import { findHolder } from './find-holder.ts'
import { describeOwnHolder } from '../history/held-files.ts'
import { killAtExit } from '../append/kill-at-exit.ts'
import { beginWaitMs, copyLookMs } from '../limits.ts'
import { openBeside, openEnvironment } from '../open/open-environment.ts'
import type { Environment } from '../open/open-environment.ts'
import { flush, makeStandAlone } from './stand-alone.ts'

export interface BackUpOptions {
  /** The directory of the log. Processes may hold it. */
  readonly directory: string
  /** The file to write. Its directory is made if it is missing. */
  readonly target: string
  /** Leaves out free pages: smaller, and more work. Default false. */
  readonly isCompact?: boolean | undefined
  /** Replaces a file that is there, when the new one is whole. Default false. */
  readonly mayReplace?: boolean | undefined
  readonly onProgress?: OnProgress | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
}

/**
 * Writes a backup: the log as it was at one moment, whatever is written to it meanwhile. The backup
 * is checked before it gets its name, so a file of that name is a whole backup. The backup needs as
 * much space as the data file. While it runs, the log reuses no freed page, so its data file grows
 * by what is written meanwhile.
 *
 * @throws LogError `OPTION_INVALID`, `BACKUP_EXISTS`, `LOG_FORMAT_FOREIGN`, `LOG_FORMAT_NEWER`,
 *   `LOG_DAMAGED`, `LOG_NOT_WRITABLE`, `LOG_UNAVAILABLE`
 * @example
 * const { summary } = await backUpLog({ directory: './tidemark-data', target: '/backup/monday.mdb' })
 * console.log(`${summary?.records} records`)
 */
export async function backUpLog(options: BackUpOptions): Promise<LogCheck> {
  checkUpkeep(options, 'backUpLog', ['directory', 'target'])
  const {
    directory,
    isCompact = false,
    mayReplace = false,
    onProgress,
    clock = systemClock,
  } = options
  const target = resolve(options.target)
  const data = findData(directory)
  if (data.directory === undefined) throw toNoLog(directory, 'it is a file')
  if (data.damage !== undefined) throw toDamaged(directory, data.damage)
  refuseLogFile(directory, target)
  if (!mayReplace) refuseExisting(target)
  const known = { own: describeOwnHolder(clock, directory), isServed: false }
  await requireWhole(directory, known).catch((error: unknown) => {
    throw toUnreadable(directory, error)
  })
  const scratch = await makeScratch(dirname(target), basename(target))
  const copy = join(scratch.directory, dataFile)
  try {
    await copyLog(directory, scratch, { isCompact, clock, onProgress })
    const check = await checkLog({ path: copy, onProgress, clock })
    if (check.damage !== undefined)
      throw toDamaged(directory, `a copy of it shows that ${check.damage}`)
    if (check.summary?.isNewer === true) throw toNewer(directory)
    await makeStandAlone(scratch.directory, scratch.wipe)
    publish(copy, target, mayReplace)
    return { ...check, path: target, size: statSync(target).size }
  } catch (error) {
    throw await toNoBackup(target, error)
  } finally {
    scratch.remove()
  }
}

/**
 * Refuses a target that is a file of the log. A process that has that file open would go on
 * acknowledging events into a file without a name.
 */
function refuseLogFile(directory: string, target: string): void {
  const isNamed = logFiles.includes(basename(target))
  if (!isNamed && !logFiles.some((name) => isSameFile(join(directory, name), target))) return
  throw new LogError(
    'OPTION_INVALID',
    `target must not be a file of a log; got ${JSON.stringify(target)}. Name another file, such as "tidemark.mdb".`,
  )
}

/** Compares paths also through links, and on file systems that ignore case. */
function isSameFile(one: string, other: string): boolean {
  try {
    const [a, b] = [statSync(one, { bigint: true }), statSync(other, { bigint: true })]
    return a.dev === b.dev && a.ino === b.ino
  } catch {
    // A path that cannot be looked at cannot be written either, and that is reported then.
    return false
  }
}

function refuseExisting(target: string): void {
  if (existsSync(target)) throw toExisting(target)
}

function toExisting(target: string): LogError {
  return new LogError(
    'BACKUP_EXISTS',
    `${JSON.stringify(target)} exists. Name another file, or say that it may be replaced.`,
  )
}

async function copyLog(
  directory: string,
  scratch: Scratch,
  {
    isCompact,
    clock,
    onProgress,
  }: {
    readonly isCompact: boolean
    readonly clock: Clock
    readonly onProgress: OnProgress | undefined
  },
): Promise<void> {
  const isHeld = findHolder(directory, clock) !== undefined
  const opened = await open(directory, isHeld)
  const copy = join(scratch.directory, dataFile)
  const all = estimateBytes(opened, isCompact)
  const sizeOf = (): number => statSync(copy, { throwIfNoEntry: false })?.size ?? 0
  const look = (): void => {
    const done = sizeOf()
    onProgress?.({ step: 'copying', done, all: Math.max(done, all) })
    timer = clock.after(copyLookMs, look)
  }
  let timer = clock.after(copyLookMs, look)
  const copying = copyAndClose(opened, scratch, isCompact)
  try {
    // A compact copy needs no lock.
    const hasBegun = (): boolean => isCompact || sizeOf() > 0
    await Promise.race([copying, refuseStuck(clock, copying, hasBegun)])
  } finally {
    timer.cancel()
  }
}

async function copyAndClose(
  { root, newest }: Environment,
  scratch: Scratch,
  isCompact: boolean,
): Promise<void> {
  // Nothing can stop LMDB's copy.
  const letExit = killAtExit(scratch.wipe)
  try {
    // LMDB takes a directory, and puts its own file name behind the path.
    await root.backup(scratch.directory, isCompact)
  } finally {
    await root.close()
    newest.close()
    letExit()
  }
}

async function open(directory: string, isHeld: boolean): Promise<Environment> {
  try {
    return isHeld ? await openBeside(directory) : await openEnvironment(directory, undefined)
  } catch (error) {
    throw await toUnavailable(error, `opening ${JSON.stringify(directory)}`)
  }
}

/**
 * Rejects when a copy has not begun for {@link beginWaitMs}. LMDB copies the first two pages under
 * the write lock. If the copy begins later, it goes into a file without a name.
 */
function refuseStuck(
  clock: Clock,
  copying: Promise<unknown>,
  hasBegun: () => boolean,
): Promise<never> {
  return new Promise((_, reject) => {
    const timer = clock.after(beginWaitMs, () => {
      if (!hasBegun()) reject(describeStuck())
    })
    const cancel = (): void => timer.cancel()
    copying.then(cancel, cancel)
  })
}

function describeStuck(): LogError {
  return new LogError(
    'LOG_UNAVAILABLE',
    `No copy could be begun for ${beginWaitMs / 1000} s: a process that has the log open stands still and holds its write lock. Let that process go on, or stop it; or make a compact backup, which needs no lock.`,
  )
}

function estimateBytes({ root }: Environment, isCompact: boolean): number {
  const { pageSize, lastPageNumber, freePages } = root.getStats() as Readonly<
    Record<string, number>
  >
  return (pageSize ?? 0) * ((lastPageNumber ?? 0) + 1 - (isCompact ? (freePages ?? 0) : 0))
}

interface Scratch {
  readonly directory: string
  /** Removes the directory, as the process does when it ends. */
  readonly wipe: () => void
  /** Removes it while the process goes on. */
  remove(): void
}

/**
 * Makes a directory beside the target, so that the file is renamed within one file system. The
 * directory goes when the process ends, too.
 */
async function makeScratch(beside: string, name: string): Promise<Scratch> {
  const directory = join(beside, `.${name}.${randomBytes(4).toString('hex')}.partial`)
  try {
    mkdirSync(beside, { recursive: true })
    mkdirSync(directory)
  } catch (error) {
    throw await toNoBackup(join(beside, name), error)
  }
  const wipe = (): void => rmSync(directory, { recursive: true, force: true })
  process.once('exit', wipe)
  return {
    directory,
    wipe,
    remove() {
      process.off('exit', wipe)
      wipe()
    },
  }
}

/**
 * Gives the whole file its name. Unlike a rename, a link does not replace a file that came in the
 * meantime.
 */
function publish(file: string, target: string, mayReplace: boolean): void {
  if (mayReplace) renameSync(file, target)
  else link(file, target)
  flush(dirname(target))
}

function link(file: string, target: string): void {
  try {
    linkSync(file, target)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw toExisting(target)
    // Some file systems have no links.
    refuseExisting(target)
    renameSync(file, target)
  }
}
