// Puts a backup in the place of a log.

import { randomBytes } from 'node:crypto'
import {
  chownSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { LogError, systemClock } from '@tidemark/log'
import type { Clock } from '@tidemark/log'
import { checkUpkeep } from '../open/check-options.ts'
import { checkLog } from './check-log.ts'
import type { LogCheck, OnProgress } from './check-log.ts'
import { asidePrefix, findData, logFiles } from './data-path.ts'
import { toDamaged, toHeld, toNewer, toNotRestored, toNotWritable } from '../failures.ts'
import { dataFile } from '../lmdb-files/file-names.ts'
import { findHolder } from './find-holder.ts'
import { copyBytes } from '../limits.ts'
import { compareSeal, sealDirectory, sealFile } from '../lmdb-files/seal.ts'
import { flush, makeStandAlone } from './stand-alone.ts'
import { wakeFile, writeWakeFile } from '../tail/wake-file.ts'

export interface RestoreOptions {
  /** A backup, or the directory of a log that nobody holds. */
  readonly backup: string
  /** The directory for the log; made if it is missing. */
  readonly directory: string
  /**
   * Moves an existing log into a directory within, `before-restore-<time>`. Default false: the
   * directory must be empty.
   */
  readonly mayReplace?: boolean | undefined
  readonly onProgress?: OnProgress | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
}

/** The result of a restore. */
export interface Restored extends LogCheck {
  /** The directory to which the old log was moved. */
  readonly movedTo: string | undefined
}

/**
 * Puts a backup in the place of a log. The backup is checked first. If the process fails or is
 * killed, the old log is still there. The next process to open the directory finds a log that
 * nobody holds.
 *
 * @throws LogError `OPTION_INVALID`, `LOG_HELD`, `LOG_NOT_EMPTY`, `LOG_FORMAT_FOREIGN`,
 *   `LOG_FORMAT_NEWER`, `LOG_NOT_WRITABLE`; `LOG_DAMAGED`, `LOG_UNAVAILABLE` for the backup
 * @example
 * await restoreLog({ backup: '/backup/monday.mdb', directory: './tidemark-data' })
 */
export async function restoreLog(options: RestoreOptions): Promise<Restored> {
  checkUpkeep(options, 'restoreLog', ['backup', 'directory'])
  const { backup, directory, mayReplace = false, onProgress, clock = systemClock } = options
  refuseOccupied(directory, mayReplace, clock)
  const check = await checkLog({ path: backup, onProgress, clock })
  if (check.held !== undefined) throw toHeld(backup, check.held)
  if (check.damage !== undefined) throw toDamaged(backup, check.damage)
  if (check.summary?.isNewer === true) throw toNewer(backup)
  const scratch = join(directory, `.restore-${randomBytes(4).toString('hex')}.partial`)
  const wipe = (): void => rmSync(scratch, { recursive: true, force: true })
  process.once('exit', wipe)
  try {
    mkdirSync(scratch, { recursive: true })
    await copyFile(findData(backup).path, join(scratch, dataFile), onProgress)
    await makeStandAlone(scratch, wipe)
    // The log holds events. If its data is lost before the next opening, that is damage.
    writeWakeFile(scratch)
    // The file will be sealed, so that the next process trusts it without a check.
    const copied = await checkLog({ path: join(scratch, dataFile), onProgress, clock })
    if (copied.damage !== undefined)
      throw toDamaged(backup, `a copy of it shows that ${copied.damage}`)
    // A hub may have been started meanwhile.
    refuseOccupied(directory, mayReplace, clock)
    const movedTo = putInPlace(scratch, directory, clock)
    sealDirectory(directory)
    takeOverOwner(directory, join(directory, sealFile))
    return { ...check, path: join(directory, dataFile), movedTo }
  } catch (error) {
    throw await toNotRestored(directory, error)
  } finally {
    process.off('exit', wipe)
    wipe()
  }
}

/** @throws LogError `LOG_HELD`, `LOG_NOT_EMPTY` */
function refuseOccupied(directory: string, mayReplace: boolean, clock: Clock): void {
  const names = listFiles(directory)
  if (names === undefined) return
  const held = findHolder(directory, clock)
  if (held !== undefined) throw toHeld(directory, held)
  const other = names.find(
    (name) => name !== 'lost+found' && !name.startsWith('.') && !name.startsWith(asidePrefix),
  )
  if (other === undefined) return
  // The data file itself may be what was lost.
  const isLog = names.includes(dataFile) || names.includes(wakeFile)
  if (mayReplace && isLog) return
  throw new LogError(
    'LOG_NOT_EMPTY',
    isLog
      ? `${JSON.stringify(directory)} holds a log. Say that it may be moved aside, or name an empty directory.`
      : `${JSON.stringify(directory)} holds ${JSON.stringify(other)} and no log. Name an empty directory, or one that does not exist.`,
  )
}

function listFiles(directory: string): readonly string[] | undefined {
  try {
    return readdirSync(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw toNotWritable(directory, error)
  }
}

/**
 * Moves old files aside, and the restored files into their place. At any moment there is one data
 * file, the old one or the new one. So a process that is killed in between leaves a log. The other
 * old files do no harm beside the new one.
 */
function putInPlace(scratch: string, directory: string, clock: Clock): string | undefined {
  for (const name of [dataFile, wakeFile]) takeOverOwner(directory, join(scratch, name))
  const old = logFiles.filter((name) => existsSync(join(directory, name)))
  const wasSealed = compareSeal(directory) === 'same'
  const aside = old.length === 0 ? undefined : makeAside(directory, clock)
  if (aside !== undefined && old.includes(dataFile)) linkOrMove(join(directory, dataFile), aside)
  renameSync(join(scratch, dataFile), join(directory, dataFile))
  for (const name of old)
    if (aside !== undefined && name !== dataFile)
      renameSync(join(directory, name), join(aside, name))
  // Renaming changes a file's time of change. The new seal keeps it from looking like a file that
  // somebody wrote to.
  if (aside !== undefined && wasSealed) sealDirectory(aside)
  renameSync(join(scratch, wakeFile), join(directory, wakeFile))
  if (aside !== undefined) flush(aside)
  flush(directory)
  return aside
}

/** Within the directory, because that may be a mount, and its owner and mode must stay. */
function makeAside(directory: string, clock: Clock): string {
  const time = new Date(clock.now()).toISOString().replaceAll(':', '-').slice(0, 19)
  const first = join(directory, `${asidePrefix}${time}Z`)
  let aside = first
  // Two restores within a second.
  for (let count = 2; existsSync(aside); count++) aside = `${first}-${count}`
  mkdirSync(aside)
  takeOverOwner(directory, aside)
  return aside
}

function linkOrMove(file: string, to: string): void {
  try {
    linkSync(file, join(to, basename(file)))
  } catch {
    // Some file systems have no links.
    renameSync(file, join(to, basename(file)))
  }
}

/**
 * Gives a file the owner of the directory. An operator may restore as root, and the hub's user must
 * be able to write.
 */
function takeOverOwner(directory: string, file: string): void {
  if (process.getuid?.() !== 0 || !existsSync(file)) return
  const { uid, gid } = statSync(directory)
  chownSync(file, uid, gid)
}

async function copyFile(
  from: string,
  to: string,
  onProgress: OnProgress | undefined,
): Promise<void> {
  const source = openSync(from, 'r')
  try {
    const target = openSync(to, 'wx')
    try {
      const all = statSync(from).size
      const bytes = Buffer.allocUnsafe(copyBytes)
      for (let done = 0; ;) {
        const read = readSync(source, bytes, 0, copyBytes, done)
        if (read === 0) break
        for (let at = 0; at < read;) at += writeSync(target, bytes, at, read - at)
        done += read
        onProgress?.({ step: 'copying', done, all })
        await new Promise((resolve) => setImmediate(resolve))
      }
    } finally {
      closeSync(target)
    }
  } finally {
    closeSync(source)
  }
}
