// A note beside the data file: the file was closed in good order. While the file is the same,
// nothing has written to it, so it needs no full check.

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

/** The name of the note's file. */
export const sealFile = 'seal'

/**
 * Seals the data file. The last holder calls this after LMDB has closed the file. If the seal
 * cannot be written, the next opening checks the file.
 */
export function sealDirectory(directory: string): void {
  try {
    const file = openSync(join(directory, dataFile), 'r+')
    try {
      // Under `commit`, unflushed data would be missing after a stop of the machine, and the seal
      // would still be true.
      fdatasyncSync(file)
      const seal = join(directory, sealFile)
      // The file may belong to another user, such as root. Then it can be removed, but not written.
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
 * Removes the seal, and flushes the removal. Call it before anything is written to the data file. A
 * flush of data need not store the times by which a broken seal is found.
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
    // There is no seal, or the directory cannot be written, or not be flushed (Windows). Then the
    // times have to tell.
  }
}

/** Whether the open file is the sealed one, and unchanged. */
export function isSealed(directory: string, file: number): boolean {
  try {
    return readFileSync(join(directory, sealFile), 'utf8') === describeFile(file)
  } catch {
    return false
  }
}

/**
 * Compares the seal of a directory with its data file. `other`: the seal is of another file, or
 * somebody else has written to this file since. A copy into an existing file does that.
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

/**
 * Compares more than times: a file that is put in place with its old times has another inode, or
 * another time of change.
 */
function describeFile(file: number): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = fstatSync(file, { bigint: true })
  return `${JSON.stringify([dev, ino, size, mtimeNs, ctimeNs].map(String))}\n`
}
