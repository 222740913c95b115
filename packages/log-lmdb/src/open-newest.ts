// Opens LMDB beside other processes that may hold the directory.

import type { RootDatabase } from 'lmdb'
import { NewestState } from './newest-state.ts'
import { openRoot } from './schema.ts'

export interface NewestRoot {
  readonly root: RootDatabase<Buffer, Buffer>
  readonly newest: NewestState
}

/** Opens LMDB, and mends at once what that may have done to the other processes; see `newest-state.ts`. */
export function openNewest(directory: string, overlappingSync: boolean | undefined): NewestRoot {
  const root = openRoot(directory, overlappingSync)
  const newest = new NewestState(directory)
  root.transactionSync(() => void newest.isBaseOf(root.getWriteTxnId()))
  return { root, newest }
}
