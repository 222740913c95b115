// Backs up a log that processes may hold and write to.

import { randomBytes } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { LogError, systemClock } from '@tidemark/log'
import type { Clock } from '@tidemark/log'
import { checkUpkeep } from './check-options.ts'
import { checkLog } from './check-log.ts'
import type { LogCheck, OnProgress } from './check-log.ts'
import { requireWhole } from './check-open.ts'
import { findData, logFiles } from './data-path.ts'
import { toDamaged, toNoLog, toNotWritable, toUnavailable } from './failures.ts'
import { dataFile } from './file-names.ts'
import { describeOwnHolder } from './held-files.ts'
import { killAtExit } from './kill-at-exit.ts'
import { copyLookMs } from './limits.ts'
import { openEnvironment } from './open-environment.ts'
import type { Environment } from './open-environment.ts'
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
 * Writes a backup: the log as it was at one moment, whatever is written to it meanwhile. It is looked through before it gets its
 * name, so that a file of that name is a whole backup. Needs as much space as the data file, and while it runs the log uses no
 * freed page again: its data file grows by what is written meanwhile.
 *
 * @throws LogError `OPTION_INVALID`, `BACKUP_EXISTS`, `LOG_FORMAT_FOREIGN`, `LOG_DAMAGED`, `LOG_NOT_WRITABLE`, `LOG_UNAVAILABLE`
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
  await requireWhole(directory, { own: describeOwnHolder(clock, directory), isServed: false })
  const scratch = makeScratch(dirname(target), basename(target))
  const copy = join(scratch.directory, dataFile)
  // LMDB is at work in threads of its own from here on, and its exit hook unmaps what they read.
  const letExit = killAtExit()
  try {
    await copyLog(directory, scratch.directory, { isCompact, clock, onProgress })
    const check = await checkLog({ path: copy, onProgress, clock })
    if (check.damage !== undefined)
      throw toDamaged(directory, `a copy of it shows that ${check.damage}`)
    await makeStandAlone(scratch.directory)
    publish(copy, target, mayReplace)
    return { ...check, path: target, size: statSync(target).size }
  } catch (error) {
    throw isOfFiles(error) ? toNotWritable(target, error) : await toUnavailable(error, 'backing up')
  } finally {
    letExit()
    scratch.remove()
  }
}

/** A process that has the replaced file open would go on acknowledging events into a file without a name. */
function refuseLogFile(directory: string, target: string): void {
  const isNamed = logFiles.includes(basename(target))
  if (!isNamed && !logFiles.some((name) => isSameFile(join(directory, name), target))) return
  throw new LogError(
    'OPTION_INVALID',
    `target must not be a file of a log; got ${JSON.stringify(target)}. Name another file, such as "tidemark.mdb".`,
  )
}

/** Through links, and on file systems that take capitals for small letters. */
function isSameFile(one: string, other: string): boolean {
  try {
    const [a, b] = [statSync(one, { bigint: true }), statSync(other, { bigint: true })]
    return a.dev === b.dev && a.ino === b.ino
  } catch {
    // What cannot be looked at is told when it cannot be written either.
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
  to: string,
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
  const opened = openEnvironment(directory, undefined)
  const { root, newest } = opened
  const copy = join(to, dataFile)
  const all = estimateBytes(opened, isCompact)
  const look = (): void => {
    const done = statSync(copy, { throwIfNoEntry: false })?.size ?? 0
    onProgress?.({ step: 'copying', done, all: Math.max(done, all) })
    timer = clock.after(copyLookMs, look)
  }
  let timer = clock.after(copyLookMs, look)
  try {
    // Into a directory: LMDB puts its file's name behind the path.
    await root.backup(to, isCompact)
  } finally {
    timer.cancel()
    await root.close()
    newest.close()
  }
}

function estimateBytes({ root }: Environment, isCompact: boolean): number {
  const { pageSize, lastPageNumber, freePages } = root.getStats() as Readonly<
    Record<string, number>
  >
  return (pageSize ?? 0) * ((lastPageNumber ?? 0) + 1 - (isCompact ? (freePages ?? 0) : 0))
}

/** A directory beside the target, so that the file is renamed within one file system. Gone when the process ends, too. */
function makeScratch(beside: string, name: string): { readonly directory: string; remove(): void } {
  const directory = join(beside, `.${name}.${randomBytes(4).toString('hex')}.partial`)
  try {
    mkdirSync(beside, { recursive: true })
    mkdirSync(directory)
  } catch (error) {
    throw toNotWritable(join(beside, name), error)
  }
  const wipe = (): void => rmSync(directory, { recursive: true, force: true })
  process.once('exit', wipe)
  return {
    directory,
    remove() {
      process.off('exit', wipe)
      wipe()
    },
  }
}

/** Gives the whole file its name. A link is not made over a file that came in the meantime; a rename would replace it. */
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

function isOfFiles(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}
