// The one way into a write transaction.

import type { Tables } from './schema.ts'

const stale = Symbol('stale')

/**
 * Runs `task` in a write transaction that goes on from the newest state; see `newest-state.ts`. What it throws
 * leaves nothing behind.
 */
export async function transact<T>({ root, newest }: Tables, task: () => T): Promise<T> {
  for (;;) {
    // A child transaction, so that an error undoes all of it.
    const result = await root.childTransaction(() =>
      newest.isBaseOf(root.getWriteTxnId()) ? task() : stale,
    )
    if (result !== stale) return result
  }
}
