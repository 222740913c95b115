// LMDB's environment of a directory, opened so that the other processes that hold it notice nothing.

import type { RootDatabase } from 'lmdb'
import { busyLooksMax } from './limits.ts'
import { NewestState } from './newest-state.ts'
import { openRoot } from './schema.ts'
import type { Durability } from './settings.ts'

export interface Environment {
  readonly root: RootDatabase<Buffer, Buffer>
  readonly newest: NewestState
}

/** Opens LMDB, and mends at once what that may have done to the other processes; see `newest-state.ts`. */
export function openEnvironment(
  directory: string,
  overlappingSync: boolean | undefined,
): Environment {
  const root = openRoot(directory, overlappingSync)
  const newest = new NewestState(directory)
  root.transactionSync(() => {
    if (!newest.isBaseOf(root.getWriteTxnId())) newest.mend()
  })
  return { root, newest }
}

/**
 * Opens LMDB to read a log that other processes hold, without the write lock: a process that stands still may hold that for ever,
 * and {@link openEnvironment} would wait with it, deaf to signals. Only where opening has set the others back the lock is taken.
 */
export async function openBeside(directory: string): Promise<Environment> {
  const root = openRoot(directory, undefined, true)
  const newest = new NewestState(directory)
  for (let looks = 0; looks < busyLooksMax; looks++) {
    const visible = newest.visibleId
    newest.look()
    // In the middle of a commit they differ too.
    if (visible === newest.highestId) return { root, newest }
    await new Promise((resolve) => setImmediate(resolve))
  }
  await root.close()
  newest.close()
  return openEnvironment(directory, undefined)
}

/** Windows flushes slowly beside writes; there `commit` is as durable as `fsync`. */
export function overlapsSync(durability: Durability): boolean {
  return durability === 'commit' && process.platform !== 'win32'
}
