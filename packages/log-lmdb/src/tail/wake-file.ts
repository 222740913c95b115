// Tells the other processes of the directory about a commit: each commit touches one small file.
//
// The file also names the transaction. If somebody copies over the data, the holders' entries are
// lost with it. The note then tells a new process that the data is older than it was.

import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readSync,
  watch,
  writeFileSync,
  writeSync,
} from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { join } from 'node:path'
import type { Lineage } from '@tidemark/log/driver'

/** The name of the file. */
export const wakeFile = 'wake'

const oneByte = Buffer.of(0x2e)

/**
 * Bytes of a note. The note is a dot, an epoch of up to 29 characters, a transaction of 16 digits,
 * spaces and a line break: 49.
 */
const noteBytes = 64
/**
 * Places of two notes: the newest commit, and the commit that a holder knew when it found the data
 * to be older.
 */
const commitAt = 0
const lossAt = noteBytes
const noteShape = /^\. ([0-9a-z]+) (\d+)\n/

/**
 * Whether anything was ever committed. Until then the file is empty, or holds zeros that reserved
 * space.
 */
export function hasCommits(directory: string): boolean {
  const path = join(directory, wakeFile)
  if (!existsSync(path)) return false
  const file = openSync(path, 'r')
  try {
    const byte = Buffer.alloc(1)
    return readSync(file, byte, 0, 1, 0) === 1 && byte.equals(oneByte)
  } finally {
    closeSync(file)
  }
}

/** Makes the file of a directory that nobody holds, in the state after a commit. */
export function writeWakeFile(directory: string): void {
  writeFileSync(join(directory, wakeFile), oneByte)
}

export class WakeFile {
  readonly #path: string
  readonly #file: number
  #watcher: FSWatcher | undefined

  /** @throws the file system's error when the directory cannot be written */
  constructor(directory: string) {
    this.#path = join(directory, wakeFile)
    // The file is not truncated, because another process may be watching it. It is not opened for
    // appending either: Linux would then write each byte to the end, and the file would grow with
    // every commit.
    this.#file = openSync(this.#path, constants.O_RDWR | constants.O_CREAT)
  }

  /**
   * Notes a commit and wakes the others. They notice a failed wake-up soon, because they also poll;
   * see `pollMs`.
   */
  touch(lineage: Lineage, transactionId: number): void {
    this.#write(commitAt, lineage, transactionId)
  }

  /** Notes for later processes that the data was as new as `transactionId`, and is not any more. */
  noteLoss(lineage: Lineage, transactionId: number): void {
    // The first note also says that something was committed at all, and may have been overwritten
    // as well.
    this.#write(commitAt, lineage, transactionId)
    this.#write(lossAt, lineage, transactionId)
  }

  /** The newest noted transaction of the current epoch; 0 for none. */
  readNewest({ epochs }: Lineage): number {
    const bytes = Buffer.alloc(2 * noteBytes)
    const read = readSync(this.#file, bytes, 0, bytes.length, 0)
    let newest = 0
    for (const at of [commitAt, lossAt]) {
      const note = noteShape.exec(bytes.toString('latin1', at, Math.min(at + noteBytes, read)))
      if (note?.[1] === epochs.at(-1)) newest = Math.max(newest, Number(note?.[2]))
    }
    return newest
  }

  /** Calls `onWake` when any process touches the file. */
  listen(onWake: () => void): void {
    if (this.#watcher !== undefined) return
    try {
      this.#watcher = watch(this.#path, { persistent: false }, onWake)
      this.#watcher.on('error', () => this.#unwatch())
    } catch {
      // No watches left, or a file system without them.
    }
  }

  close(): void {
    this.#unwatch()
    closeSync(this.#file)
  }

  #write(at: number, { epochs }: Lineage, transactionId: number): void {
    try {
      writeSync(this.#file, `. ${epochs.at(-1)} ${transactionId}\n`, at, 'latin1')
    } catch {
      // The disk may be full.
    }
  }

  #unwatch(): void {
    this.#watcher?.close()
    this.#watcher = undefined
  }
}
