// Makes a copied data file independent: of one state, and held by nobody.

import { closeSync, fsyncSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { candidatesOf } from '../lmdb-files/check-open.ts'
import { keepState } from '../lmdb-files/data-file.ts'
import { dataFile, lockFile } from '../lmdb-files/file-names.ts'
import { clearHolders } from '../lmdb-files/stored-holders.ts'
import { killAtExit } from '../append/kill-at-exit.ts'
import { openRoot } from '../tables/schema.ts'

/**
 * Keeps only the state that a check looks at, because in a copy of all pages those of other states
 * are torn. Removes the entries of holders, who hold the original. Flushes the file. The file must
 * have been checked before, because LMDB opens it.
 *
 * @param wipe removes the directory if the process exits meanwhile
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
