// Makes a copied data file one that stands for itself: of one state, and held by nobody.

import { closeSync, fsyncSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { candidatesOf } from '../lmdb-files/check-open.ts'
import { keepState } from '../lmdb-files/data-file.ts'
import { dataFile, lockFile } from '../lmdb-files/file-names.ts'
import { clearHolders } from '../lmdb-files/stored-holders.ts'
import { killAtExit } from '../append/kill-at-exit.ts'
import { openRoot } from '../tables/schema.ts'

/**
 * Leaves only the state that a check looks through, because a copy of all pages has torn ones of others; takes out the holders, which
 * hold the original; and flushes. The file has been looked through before: LMDB opens it.
 *
 * @param wipe removes the directory, should the process exit meanwhile
 */
export async function makeStandAlone(directory: string, wipe: () => void): Promise<void> {
  const path = join(directory, dataFile)
  keepState(path, (states) => candidatesOf(states)[0])
  const letExit = killAtExit(wipe)
  const root = openRoot(directory, false)
  try {
    const meta = root.openDB<Buffer, Buffer>('meta', { encoding: 'binary', keyEncoding: 'binary' })
    await root.transaction(() => clearHolders(meta))
  } finally {
    await root.close()
    letExit()
  }
  rmSync(join(directory, lockFile), { force: true })
  flush(path)
}

/** Flushes a file, or a directory's list of files where the system can. */
export function flush(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } catch (error) {
    // Windows flushes neither directories nor files that are open for reading only.
    if (process.platform !== 'win32') throw error
  } finally {
    closeSync(file)
  }
}
