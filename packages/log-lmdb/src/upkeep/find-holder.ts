// Finds the process that holds a directory, whatever the state of its files.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '@tidemark/log'
import { findHolding } from '../lmdb-files/check-open.ts'
import type { Held } from '../lmdb-files/check-open.ts'
import { DamageSeen } from '../lmdb-files/damage.ts'
import { DataFile } from '../lmdb-files/data-file.ts'
import { toNotWritable } from '../failures.ts'
import { dataFile, lockFile } from '../lmdb-files/file-names.ts'
import { describeOwnHolder } from '../history/held-files.ts'
import { isLockHeld } from '../lmdb-files/lock-file.ts'

/** @throws LogError `LOG_NOT_WRITABLE` when the directory cannot be read */
export function findHolder(directory: string, clock: Clock): Held | undefined {
  if (isLockHeld(join(directory, lockFile))) return { pid: undefined }
  const path = join(directory, dataFile)
  if (!existsSync(path)) return undefined
  let file: DataFile | undefined
  try {
    file = new DataFile(path)
    return findHolding(file, describeOwnHolder(clock, directory))
  } catch (error) {
    // A damaged file names no holder. The lock has been checked.
    if (error instanceof DamageSeen) return undefined
    throw toNotWritable(directory, error)
  } finally {
    file?.close()
  }
}
