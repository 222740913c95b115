// A note beside the data file that it was closed in good order. As long as the file is the same, nothing has written to it since:
// then it need not be looked through.

import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { dataFile } from './file-names.ts'

/** The file with the note. */
export const sealFile = 'seal'

/** Seals the data file; to be called by the last holder, after LMDB has closed it. A seal that cannot be written costs the next opening a look. */
export function sealDirectory(directory: string): void {
  try {
    const file = openSync(join(directory, dataFile), 'r+')
    try {
      // What `commit` has not flushed would be missing after a stop of the machine, behind a seal that is true.
      fdatasyncSync(file)
      const seal = join(directory, sealFile)
      // A file of another user, such as root, can be removed and not written.
      rmSync(seal, { force: true })
      writeFileSync(seal, describeFile(file), { flag: 'wx' })
    } finally {
      closeSync(file)
    }
  } catch {
    // The disk may be full, or the directory gone.
  }
}

/**
 * Takes the seal away, also for a machine that stops the moment after; to be called before anything is written to the data file. A
 * flush of data need not store the times by which a seal is found to be broken.
 */
export function breakSeal(directory: string): void {
  try {
    rmSync(join(directory, sealFile))
    const list = openSync(directory, 'r')
    try {
      fsyncSync(list)
    } finally {
      closeSync(list)
    }
  } catch {
    // There is none; or the directory may not be written, or not be flushed (Windows). Then the times have to tell.
  }
}

/** Whether the open file is the one that was sealed, and unchanged. */
export function isSealed(directory: string, file: number): boolean {
  try {
    return readFileSync(join(directory, sealFile), 'utf8') === describeFile(file)
  } catch {
    return false
  }
}

/**
 * Whether the seal of a directory is of its data file; `other` where it is of another one, or of this one before somebody else wrote to
 * it, as where a copy was put into the file that was there.
 */
export function compareSeal(directory: string): 'same' | 'other' | 'none' {
  try {
    const seal = readFileSync(join(directory, sealFile), 'utf8')
    const file = openSync(join(directory, dataFile), 'r')
    try {
      return seal === describeFile(file) ? 'same' : 'other'
    } finally {
      closeSync(file)
    }
  } catch {
    return 'none'
  }
}

/** Not the times alone: a file that is put in place with its old time has another inode or another time of change. */
function describeFile(file: number): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = fstatSync(file, { bigint: true })
  return `${JSON.stringify([dev, ino, size, mtimeNs, ctimeNs].map(String))}\n`
}
