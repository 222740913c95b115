// Holders of a log, read without LMDB. A copy of a log has no holders.

import { holderPrefix, isAlive, readHolders } from '../open/holders.ts'
import type { HeldBy, Holder } from '../open/holders.ts'
import { textKey } from '../tables/schema.ts'
import type { Table } from '../tables/schema.ts'

/** @param entries of `meta` as stored; unreadable ones are skipped */
export function parseHolders(entries: ReadonlyMap<string, Buffer>): readonly HeldBy[] {
  const holders: HeldBy[] = []
  for (const [name, bytes] of entries) {
    if (!name.startsWith(holderPrefix)) continue
    try {
      const holder = JSON.parse(bytes.toString()) as Holder
      holders.push({ ...holder, key: textKey(name) })
    } catch {
      // An unreadable entry names no process.
    }
  }
  return holders
}

/** The first process that holds this very file. A backup has no `own`: nobody has opened it. */
export function findAlive(holders: readonly Holder[], own: Holder | undefined): Holder | undefined {
  return own === undefined ? undefined : holders.find((holder) => isAlive(holder, own))
}

/** Removes the entries of processes that hold the original. Call it inside of a transaction. */
export function clearHolders(meta: Table): void {
  for (const { key } of readHolders(meta)) void meta.remove(key)
}
