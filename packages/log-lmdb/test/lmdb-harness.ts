// Directories of logs for tests, removed after them; and the harness the contract suite wants.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EventLogHarness, OpenOptions } from '@tidemark/testkit'
import { openLmdbLog } from '../src/index.ts'
import type { LmdbEventLog, LmdbLogOptions } from '../src/index.ts'

export async function makeDirectory(): Promise<string> {
  return await mkdtemp(join(tmpdir(), 'tidemark-lmdb-'))
}

export async function removeDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true })
}

export function createLmdbHarness(durability: 'fsync' | 'commit' = 'fsync'): EventLogHarness {
  const opened: LmdbEventLog[] = []
  let directory: string | undefined
  let options: OpenOptions | undefined
  const openAgain = async (): Promise<LmdbEventLog> => {
    if (directory === undefined || options === undefined) throw new Error('Open the log first.')
    const log = await openLmdbLog({
      ...options,
      directory,
      durability,
      // The contract has handlers that throw on purpose.
      onHandlerError: () => {},
    })
    opened.push(log)
    return log
  }
  return {
    async open(given) {
      directory = await makeDirectory()
      options = given
      return await openAgain()
    },
    openSecond: openAgain,
    reopen: openAgain,
    async flushRetention() {
      await opened.at(-1)?.sweep()
    },
    async dispose() {
      for (const log of opened) await log.close()
      if (directory !== undefined) await removeDirectory(directory)
    },
  }
}

export async function openAt(
  directory: string,
  options: Partial<LmdbLogOptions> = {},
): Promise<LmdbEventLog> {
  return await openLmdbLog({ directory, ...options })
}
