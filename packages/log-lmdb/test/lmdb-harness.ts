// Directories of logs for tests, removed after them; and the harness the contract suite wants.

import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EventLog } from '@tidemark/log'
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
  const opened = new Map<EventLog, string>()
  const directories: string[] = []
  let newest: LmdbEventLog | undefined
  let options: OpenOptions | undefined
  const openIn = async (directory: string | undefined): Promise<LmdbEventLog> => {
    if (directory === undefined || options === undefined) throw new Error('Open the log first.')
    const log = await openLmdbLog({
      ...options,
      directory,
      durability,
      // The contract has handlers that throw on purpose.
      onHandlerError: () => {},
    })
    opened.set(log, directory)
    newest = log
    return log
  }
  return {
    async open(given) {
      directories.push(await makeDirectory())
      options = given
      return await openIn(directories[0])
    },
    openSecond: () => openIn(directories[0]),
    reopen: () => openIn(directories[0]),
    async copy(of) {
      const source = of === undefined ? directories[0] : opened.get(of)
      if (source === undefined) throw new Error('Open the log first.')
      const target = await makeDirectory()
      directories.push(target)
      // Nothing is being written in this moment, so a plain copy is whole; the entries of the
      // holders come along.
      await cp(source, target, { recursive: true })
      return { open: () => openIn(target) }
    },
    async flushRetention() {
      await newest?.sweep()
    },
    async dispose() {
      for (const log of opened.keys()) await log.close()
      for (const directory of directories) await removeDirectory(directory)
    },
  }
}

export async function openAt(
  directory: string,
  options: Partial<LmdbLogOptions> = {},
): Promise<LmdbEventLog> {
  return await openLmdbLog({ directory, ...options })
}
