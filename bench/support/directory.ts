// Data directories that live as long as a benchmark, and their size on the disk.

import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Runs `use` with a new directory below the system's temporary one, and removes it afterwards. */
export async function withDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-bench-'))
  try {
    return await use(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Bytes of the files of a directory. */
export interface DirectorySize {
  /** As their lengths say. */
  readonly apparent: number
  /** As blocks of the disk. */
  readonly allocated: number
}

/** Measures the files of a directory. */
export function measureDirectory(directory: string): DirectorySize {
  let apparent = 0
  let allocated = 0
  for (const name of readdirSync(directory)) {
    const { size, blocks } = statSync(join(directory, name))
    apparent += size
    // POSIX counts `st_blocks` in units of 512 bytes, whatever the file system's own are.
    allocated += blocks * 512
  }
  return { apparent, allocated }
}
