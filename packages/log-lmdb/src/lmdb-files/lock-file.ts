// LMDB's lock file, as this room opens it beside LMDB.

import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  readdirSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'

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
 * of another pid namespace, nobody seems to).
 *
 * Inode numbers are of one volume: two fresh ones give the same. Devices tell them apart, but on layered file systems the list names
 * another device than the file does. There the process with the lock is asked what it has open; of one that hides it, it is assumed.
 *
 * @param proc where the system tells of its processes
 */
export function isLockHeld(path: string, proc: string = '/proc'): boolean {
  try {
    const { dev, ino } = statSync(path, { bigint: true })
    const locks = readLocks(proc)
    const isTold = locks.some((lock) => lock.device === dev)
    return locks
      .filter((lock) => lock.inode === ino)
      .some(({ device, pid }) => device === dev || (hasOpen({ pid, dev, ino }, proc) ?? !isTold))
  } catch {
    return false
  }
}

interface Lock {
  readonly pid: string
  readonly device: bigint
  readonly inode: bigint
}

/** Lines such as `1: POSIX  ADVISORY  READ 16449 fe:00:10084882 0 0`; https://man7.org/linux/man-pages/man5/proc_locks.5.html */
function readLocks(proc: string): readonly Lock[] {
  const lines = readFileSync(join(proc, 'locks'), 'utf8').split('\n')
  return lines.flatMap((line) => {
    const found = / POSIX .* (-?\d+) ([\da-f]+):([\da-f]+):(\d+) /.exec(line)
    if (found === null) return []
    const [pid = '', major = '', minor = '', inode = ''] = found.slice(1)
    return [
      { pid, device: joinDevice(BigInt(`0x${major}`), BigInt(`0x${minor}`)), inode: BigInt(inode) },
    ]
  })
}

/** As `stat` has it: `makedev` of glibc. */
function joinDevice(major: bigint, minor: bigint): bigint {
  const high = ((major & ~0xfffn) << 32n) | ((minor & ~0xffn) << 12n)
  return high | ((major & 0xfffn) << 8n) | (minor & 0xffn)
}

/** Whether a process has a file open; undefined when that cannot be seen, as of another user's process. */
function hasOpen(
  { pid, dev, ino }: { readonly pid: string; readonly dev: bigint; readonly ino: bigint },
  proc: string,
): boolean | undefined {
  const directory = join(proc, pid, 'fd')
  try {
    return readdirSync(directory).some((name) => {
      const file = statSync(join(directory, name), { bigint: true, throwIfNoEntry: false })
      return file?.dev === dev && file.ino === ino
    })
  } catch {
    return undefined
  }
}
