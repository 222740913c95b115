// Checks a directory before lmdb touches it, because lmdb 3.5.6 crashes the process when opening
// fails.

import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { LogError } from '@tidemark/log'
import { describeBrokenOff } from '../upkeep/data-path.ts'
import { dataVersion, readDataVersion } from '../lmdb-files/data-file.ts'
import { hasTraces } from '../lmdb-files/lmdb-traces.ts'
import { toDamaged, toForeign, toNotWritable } from '../failures.ts'
import { dataFile, lockFile } from '../lmdb-files/file-names.ts'
import { newDataBytes } from '../limits.ts'
import { prepareLockFile } from '../lmdb-files/lock-file.ts'
import { sealFile } from '../lmdb-files/seal.ts'
import { WakeFile, wakeFile, hasCommits } from '../tail/wake-file.ts'

/**
 * Makes the directory if it is missing. Checks that its files can be opened and belong to a log.
 * @throws LogError `LOG_NOT_WRITABLE`, `LOG_FORMAT_FOREIGN`, `LOG_DAMAGED`
 */
export function prepareDirectory(directory: string): WakeFile {
  let wake: WakeFile | undefined
  try {
    makeDirectory(directory)
    if (existsSync(join(directory, dataFile))) checkDataFile(directory)
    else refuseOther(directory)
    prepareLockFile(join(directory, lockFile))
    wake = new WakeFile(directory)
    if (!existsSync(join(directory, dataFile))) requireSpace(directory)
    return wake
  } catch (error) {
    wake?.close()
    throw error instanceof LogError ? error : toNotWritable(directory, error)
  }
}

/**
 * Node's recursive mkdir never returns if the system answers ENOENT below a parent that exists, as
 * /proc does. Other processes may make the same directories at the same moment.
 */
function makeDirectory(directory: string): void {
  const parent = dirname(directory)
  if (parent !== directory && !existsSync(parent)) makeDirectory(parent)
  try {
    mkdirSync(directory)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EEXIST' || !statSync(directory).isDirectory()) throw error
  }
}

function refuseOther(directory: string): void {
  if (hasCommits(directory)) {
    // Another process may have made it in the meantime.
    if (existsSync(join(directory, dataFile))) return
    throw toDamaged(directory, `its ${dataFile} is gone, and events have been appended to it`)
  }
  // Another process may have opened the directory in the meantime, and made the data file.
  const harmless = new Set([wakeFile, lockFile, dataFile, sealFile, 'lost+found'])
  const other = readdirSync(directory).find((name) => !harmless.has(name) && !name.startsWith('.'))
  if (other === undefined) return
  const brokenOff = describeBrokenOff(directory)
  if (brokenOff !== undefined) throw toDamaged(directory, `its ${dataFile} is gone: ${brokenOff}`)
  throw toForeign(directory, `it holds ${JSON.stringify(other)} and no ${dataFile}`)
}

/**
 * Checks the head of LMDB's first page. An empty file is one whose creation was cut off. If events
 * were appended to the log, an empty file or another beginning is damage. It is damage too if the
 * rest of the file is LMDB's. Otherwise the file belongs to another program.
 */
function checkDataFile(directory: string): void {
  const file = openSync(join(directory, dataFile), 'r+')
  try {
    // A commit can be visible and not yet flushed, if its process was killed while it waited for
    // the disk.
    fdatasyncSync(file)
    const wasUsed = hasCommits(directory)
    if (fstatSync(file).size === 0) {
      if (!wasUsed) return
      throw toDamaged(directory, `its ${dataFile} has 0 bytes, and events have been appended to it`)
    }
    const version = readDataVersion(file, 0)
    if (version === dataVersion) return
    const isOf = version === undefined ? 'is not of LMDB' : `is of LMDB data version ${version}`
    if (wasUsed)
      throw toDamaged(directory, `its ${dataFile} ${isOf}, and events have been appended to it`)
    if (hasTraces(file))
      throw toDamaged(directory, `its ${dataFile} is of LMDB and begins otherwise`)
    throw toForeign(directory, `its ${dataFile} ${isOf}`)
  } finally {
    closeSync(file)
  }
}

/** Nothing was committed yet, so the wake file can stand in for the first pages. */
function requireSpace(directory: string): void {
  const file = openSync(join(directory, wakeFile), 'r+')
  try {
    writeSync(file, Buffer.alloc(newDataBytes), 0, newDataBytes, 0)
    fdatasyncSync(file)
  } finally {
    ftruncateSync(file, 0)
    closeSync(file)
  }
}
