// Checks all of a log or of a backup, and changes nothing. A hub may write to the log meanwhile.

import { statSync } from 'node:fs'
import { systemClock } from '@tidemark/log'
import type { Clock } from '@tidemark/log'
import { checkUpkeep } from '../open/check-options.ts'
import { candidatesOf, findHolding, missingTables } from '../lmdb-files/check-open.ts'
import type { Held } from '../lmdb-files/check-open.ts'
import { DamageSeen } from '../lmdb-files/damage.ts'
import { DataFile } from '../lmdb-files/data-file.ts'
import { findData } from './data-path.ts'
import type { DataPath } from './data-path.ts'
import { toNoLog, toUnreadable } from '../failures.ts'
import { describeOwnHolder } from '../history/held-files.ts'
import { isOfLmdb } from '../lmdb-files/lmdb-traces.ts'
import { openBeside } from '../open/open-environment.ts'
import { hasCommits } from '../tail/wake-file.ts'
import { isOfLog, walkState } from '../lmdb-files/walk-state.ts'
import type { StateSummary, StateWalk } from '../lmdb-files/walk-state.ts'

/** Progress of a long operation. */
export type OnProgress = (progress: LogProgress) => void

export interface LogProgress {
  readonly step: 'copying' | 'checking'
  /** Bytes that are done. */
  readonly done: number
  /** Bytes in all, as far as that is known. */
  readonly all: number
}

export interface CheckOptions {
  /** The directory of a log, or a backup. */
  readonly path: string
  readonly onProgress?: OnProgress | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
}

/** The result of a check. */
export interface LogCheck {
  /** The file that was checked. */
  readonly path: string
  /** Its size in bytes. */
  readonly size: number
  /** The process that holds the log meanwhile, if one does. */
  readonly held: Held | undefined
  /** The damage, if there is any. */
  readonly damage: string | undefined
  /** The contents, if there is no damage. */
  readonly summary: StateSummary | undefined
}

/**
 * Checks every page and every record of a log or of a backup, and compares them with each other.
 *
 * @throws LogError `OPTION_INVALID`, `LOG_FORMAT_FOREIGN` when there is no log, `LOG_UNAVAILABLE`
 *   when it cannot be read
 * @example
 * const { damage, summary } = await checkLog({ path: './tidemark-data' })
 * console.log(damage ?? `${summary?.records} records`)
 */
export async function checkLog(options: CheckOptions): Promise<LogCheck> {
  checkUpkeep(options, 'checkLog', ['path'])
  const { path: named, onProgress, clock = systemClock } = options
  const data = findData(named)
  const { path, damage } = data
  if (damage !== undefined) return { path, size: 0, held: undefined, damage, summary: undefined }
  try {
    return await check(data, clock, onProgress)
  } catch (error) {
    throw toUnreadable(named, error)
  }
}

async function check(
  { path, directory }: Omit<DataPath, 'damage'>,
  clock: Clock,
  onProgress: OnProgress | undefined,
): Promise<LogCheck> {
  let file: DataFile | undefined
  let held: Held | undefined
  try {
    file = new DataFile(path)
    const own = directory === undefined ? undefined : describeOwnHolder(clock, directory)
    held = findHolding(file, own)
    const walk = { file, onProgress: toBytes(file, onProgress) }
    const isBusy = held !== undefined && directory !== undefined
    const summary = isBusy ? await walkHeld(directory, walk) : await walkStill(walk, directory)
    if (!summary.names.includes('meta')) refuseNoLog({ path, directory }, summary)
    return { path, size: file.size, held, damage: undefined, summary }
  } catch (error) {
    if (!(error instanceof DamageSeen)) throw error
    if (file === undefined && !isOurs(path, directory)) throw toNoLog(path, 'it is not of LMDB')
    const damage = error.message
    return { path, size: file?.size ?? statSync(path).size, held, damage, summary: undefined }
  } finally {
    file?.close()
  }
}

/**
 * Whether the file is damaged and not of another program. The directory or the rest of the file
 * says so.
 */
function isOurs(path: string, directory: string | undefined): boolean {
  return isOfLmdb(path) || (directory !== undefined && hasCommits(directory))
}

function refuseNoLog(
  { path, directory }: Omit<DataPath, 'damage'>,
  { names }: StateSummary,
): never {
  if (isOfLog(names) || (directory !== undefined && hasCommits(directory)))
    throw new DamageSeen(missingTables)
  throw toNoLog(
    path,
    names.length === 0 ? 'nothing has been stored in it' : 'it is of another program',
  )
}

type Walk = Pick<StateWalk, 'file' | 'onProgress'>

async function walkStill(walk: Walk, directory: string | undefined): Promise<StateSummary> {
  walk.file.forget()
  const states = walk.file.readStates()
  const [state] = candidatesOf(states)
  try {
    return await walkState({ ...walk, state })
  } catch (error) {
    // A hub may have been started meanwhile.
    const isMoved = walk.file.readStates().newest.transaction !== states.newest.transaction
    if (directory === undefined || !isMoved) throw error
    return await walkHeld(directory, walk)
  }
}

/**
 * Checks the newest state under a snapshot of LMDB. The state is at least as new as the snapshot.
 * So none of its pages is written again until the snapshot is released.
 */
async function walkHeld(directory: string, walk: Walk): Promise<StateSummary> {
  const { root, newest } = await openBeside(directory)
  const snapshot = root.useReadTransaction()
  try {
    walk.file.forget()
    return await walkState({ ...walk, state: walk.file.readStates().newest })
  } finally {
    snapshot.done()
    await root.close()
    newest.close()
  }
}

/** Reports the pages of a walk as bytes of the step `checking`. */
function toBytes(file: DataFile, onProgress: OnProgress | undefined): StateWalk['onProgress'] {
  return (done, all) =>
    onProgress?.({ step: 'checking', done: done * file.pageSize, all: all * file.pageSize })
}
