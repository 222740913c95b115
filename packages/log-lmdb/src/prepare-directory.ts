// What can be found out about a directory before lmdb touches it: lmdb 3.5.6 crashes the process when opening fails.

import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  readdirSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { LogError } from '@tidemark/log'
import { findDamage } from './data-file.ts'
import { toDamaged, toForeign, toNotWritable } from './failures.ts'
import { dataFile, lockFile } from './file-names.ts'
import { newDataBytes } from './limits.ts'
import { prepareLockFile } from './lock-file.ts'
import { Wake, wakeFile, wasTouched } from './wake.ts'

/**
 * Makes the directory if it is missing, and sees that its files can be opened and are a log's.
 * @throws LogError `LOG_NOT_WRITABLE`, `LOG_FORMAT_FOREIGN`, `LOG_DAMAGED`
 */
export function prepareDirectory(directory: string): Wake {
  let wake: Wake | undefined
  try {
    makeDirectory(directory)
    if (existsSync(join(directory, dataFile))) checkDataFile(directory)
    else refuseForeign(directory)
    prepareLockFile(join(directory, lockFile))
    wake = new Wake(directory)
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

function refuseForeign(directory: string): void {
  // The data file is there now when another process has opened the directory in the meantime.
  const harmless = new Set([wakeFile, lockFile, dataFile, 'lost+found'])
  const other = readdirSync(directory).find((name) => !harmless.has(name) && !name.startsWith('.'))
  if (other === undefined) return
  throw toForeign(directory, `it holds ${JSON.stringify(other)} and no ${dataFile}`)
}

/**
 * Looks for the head of LMDB's first page: flags, magic number and data version, in the order of this machine.
 * See `MDB_page_header` and `MDB_meta` in LMDB's mdb.c. An empty file is one whose creation was
 * cut off, unless something has been appended to it.
 */
function checkDataFile(directory: string): void {
  const path = join(directory, dataFile)
  const file = openSync(path, 'r+')
  try {
    // A commit of a process that was killed while it waited for the disk can be visible and not yet flushed.
    fdatasyncSync(file)
    if (fstatSync(file).size === 0) {
      if (!wasTouched(directory)) return
      throw toDamaged(path, 'it has 0 bytes, and events have been appended to it')
    }
    const head = new Uint32Array(8)
    const bytes = Buffer.from(head.buffer)
    readSync(file, bytes, 0, bytes.length, 0)
    const isMeta = (head[4] ?? 0) >>> 16 === 0x08
    if (!isMeta || head[6] !== 0xbeefc0de) {
      throw toForeign(directory, `its ${dataFile} is not of LMDB`)
    }
    if (head[7] !== 2)
      throw toForeign(directory, `its ${dataFile} is of LMDB data version ${head[7]}, not 2`)
    const damage = findDamage(file)
    if (damage !== undefined) throw toDamaged(path, damage)
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
