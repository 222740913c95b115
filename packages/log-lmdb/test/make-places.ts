// Where a test has its log, and where it has an older copy of that log.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { makeDirectory, removeDirectory } from './lmdb-harness.ts'

interface Places {
  readonly home: string
  /** An empty directory for the log. */
  readonly data: string
  /** For the copy. No directory is there yet. */
  readonly backup: string
}

/** Removed when the test has ended. */
export async function makePlaces(): Promise<Places> {
  const home = await makeDirectory()
  onTestFinished(() => removeDirectory(home))
  const data = join(home, 'data')
  await mkdir(data)
  return { home, data, backup: join(home, 'backup') }
}
