// Who holds a log, read without LMDB; and copies of a log, which nobody holds.

import { holderPrefix, isAlive, readHolders } from '../open/holders.ts'
import type { HeldBy, Holder } from '../open/holders.ts'
import { textKey } from '../tables/schema.ts'
import type { Table } from '../tables/schema.ts'

/** @param entries of `meta`, as they are stored; those that cannot be read count as none */
export function parseHolders(entries: ReadonlyMap<string, Buffer>): readonly HeldBy[] {
  const holders: HeldBy[] = []
  for (const [name, bytes] of entries) {
    if (!name.startsWith(holderPrefix)) continue
    try {
      const holder = JSON.parse(bytes.toString()) as Holder
      holders.push({ ...holder, key: textKey(name) })
    } catch {
      // Nobody is known by it.
    }
  }
  return holders
}

/** The first process that holds this very file. A backup is a file that nobody has opened: it has no `own`. */
export function findAlive(holders: readonly Holder[], own: Holder | undefined): Holder | undefined {
  return own === undefined ? undefined : holders.find((holder) => isAlive(holder, own))
}

/** Takes out the entries of those who hold the original. To be called inside of a transaction. */
export function clearHolders(meta: Table): void {
  for (const { key } of readHolders(meta)) void meta.remove(key)
}
