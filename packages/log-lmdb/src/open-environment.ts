// LMDB's environment of a directory, opened so that the other processes that hold it notice nothing.

import type { RootDatabase } from 'lmdb'
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

/** Windows flushes slowly beside writes; there `commit` is as durable as `fsync`. */
export function overlapsSync(durability: Durability): boolean {
  return durability === 'commit' && process.platform !== 'win32'
}
