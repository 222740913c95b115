// LMDB's lock file, which this room opens beside LMDB.

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
 * The lock file of one directory, opened once per process. LMDB's record locks (fcntl) say that
 * this process holds the directory. Closing any descriptor of the file would drop them.
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

  /** Opens the file, or shares it with another user in this process. */
  static open(path: string): LockFile {
    const { dev, ino } = statSync(path)
    const key = `${dev}:${ino}`
    const lock = LockFile.#open.get(key) ?? new LockFile(path, key)
    LockFile.#open.set(key, lock)
    lock.#users += 1
    return lock
  }

  /** Releases the file; the last user closes it. */
  close(): void {
    this.#users -= 1
    if (this.#users > 0) return
    LockFile.#open.delete(this.#key)
    closeSync(this.file)
  }
}

/** Makes the lock file, or checks that it can be written. A file that may be in use is not opened. */
export function prepareLockFile(path: string): void {
  if (existsSync(path)) accessSync(path, constants.R_OK | constants.W_OK)
  else closeSync(openSync(path, 'a+'))
}

/**
 * Whether a process holds record locks on the lock file, by the system's list of locks (Linux). On
 * other systems, and for processes of another pid namespace, the answer is no.
 *
 * Inode numbers are unique within one volume only: two new volumes give the same. Devices tell them
 * apart, but on layered file systems the list names another device than the file does. There the
 * process with the lock is asked for its open files. If the process hides them, the file counts as
 * held.
 *
 * @param proc the directory in which the system lists its processes
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

/**
 * Parses lines such as `1: POSIX ADVISORY READ 16449 fe:00:10084882 0 0`;
 * https://man7.org/linux/man-pages/man5/proc_locks.5.html
 */
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

/** The device number as `stat` gives it: `makedev` of glibc. */
function joinDevice(major: bigint, minor: bigint): bigint {
  const high = ((major & ~0xfffn) << 32n) | ((minor & ~0xffn) << 12n)
  return high | ((major & 0xfffn) << 8n) | (minor & 0xffn)
}

/**
 * Whether a process has a file open. Undefined when that cannot be seen, as for another user's
 * process.
 */
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
