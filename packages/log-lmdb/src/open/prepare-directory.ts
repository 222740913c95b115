// What can be found out about a directory before lmdb touches it: lmdb 3.5.6 crashes the process when opening fails.

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
 * Makes the directory if it is missing, and sees that its files can be opened and are a log's.
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
 * Node's own recursive mkdir never returns where the system answers ENOENT below a parent that exists, as /proc does.
 * Other processes may be making the same directories at this moment.
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
  // The data file is there now when another process has opened the directory in the meantime.
  const harmless = new Set([wakeFile, lockFile, dataFile, sealFile, 'lost+found'])
  const other = readdirSync(directory).find((name) => !harmless.has(name) && !name.startsWith('.'))
  if (other === undefined) return
  const brokenOff = describeBrokenOff(directory)
  if (brokenOff !== undefined) throw toDamaged(directory, `its ${dataFile} is gone: ${brokenOff}`)
  throw toForeign(directory, `it holds ${JSON.stringify(other)} and no ${dataFile}`)
}

/**
 * Looks for the head of LMDB's first page. An empty file is one whose creation was cut off, unless something has been
 * appended to it; then any other beginning is damage too, and not the file of another program. So it is where the rest is LMDB's.
 */
function checkDataFile(directory: string): void {
  const file = openSync(join(directory, dataFile), 'r+')
  try {
    // A commit of a process that was killed while it waited for the disk can be visible and not yet flushed.
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

/** The wake file holds nothing, so it can stand in for the first pages. */
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
