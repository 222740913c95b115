// LMDB's lock file, as this room opens it beside LMDB.

import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  statSync,
} from 'node:fs'

/**
 * The lock file of one directory, opened once per process: closing any descriptor of it drops the record locks (fcntl)
 * by which LMDB knows that this process holds the directory.
 */
export class LockFile {
  static readonly #open = new Map<string, LockFile>()
  /** Its descriptor. */
  readonly file: number
  readonly #key: string
  #users = 0

  private constructor(path: string, key: string) {
    this.file = openSync(path, 'r+')
    this.#key = key
  }

  /** Opens the file, or shares it with whoever of this process has it open. */
  static open(path: string): LockFile {
    const { dev, ino } = statSync(path)
    const key = `${dev}:${ino}`
    const lock = LockFile.#open.get(key) ?? new LockFile(path, key)
    LockFile.#open.set(key, lock)
    lock.#users += 1
    return lock
  }

  /** Lets go of it; the last user closes it. */
  close(): void {
    this.#users -= 1
    if (this.#users > 0) return
    LockFile.#open.delete(this.#key)
    closeSync(this.file)
  }
}

/** Makes the lock file, or sees that it can be written, without opening one that may be in use. */
export function prepareLockFile(path: string): void {
  if (existsSync(path)) accessSync(path, constants.R_OK | constants.W_OK)
  else closeSync(openSync(path, 'a+'))
}

/**
 * Whether a process holds record locks on the lock file, as the system's list of locks has it (Linux; elsewhere, and for processes
 * of another pid namespace, nobody seems to). By inode alone: the devices of layered file systems differ there.
 */
export function isLockHeld(path: string): boolean {
  try {
    const { ino } = statSync(path)
    const locks = readFileSync('/proc/locks', 'utf8').split('\n')
    return locks.some((line) => line.includes('POSIX') && line.includes(`:${ino} `))
  } catch {
    return false
  }
}
