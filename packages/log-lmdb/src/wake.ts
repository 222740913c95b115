// Tells the other processes of the directory that something was committed: each commit touches one small file.

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

/** The file that is touched. */
export const wakeFile = 'wake'

const oneByte = Buffer.of(0x2e)

/** Whether anything was ever committed; until then the file is empty, or holds zeros that kept space free. */
export function wasTouched(directory: string): boolean {
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

/** Makes the file of a directory that nobody holds, as after a commit. */
export function writeWake(directory: string): void {
  writeFileSync(join(directory, wakeFile), oneByte)
}

export class Wake {
  readonly #path: string
  readonly #file: number
  #watcher: FSWatcher | undefined

  /** @throws the file system's error when the directory cannot be written */
  constructor(directory: string) {
    this.#path = join(directory, wakeFile)
    // Neither truncated, because another process may be watching, nor opened for appending: Linux would then write
    // each byte to the end and the file would grow with every commit.
    this.#file = openSync(this.#path, constants.O_RDWR | constants.O_CREAT)
  }

  /** A wake-up that fails is not missed for long: the others look by themselves, see `pollMs`. */
  touch(): void {
    try {
      writeSync(this.#file, oneByte, 0, 1, 0)
    } catch {
      // The disk may be full.
    }
  }

  /** Calls `onWake` when any process has touched the file. */
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

  #unwatch(): void {
    this.#watcher?.close()
    this.#watcher = undefined
  }
}
