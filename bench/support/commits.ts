// Commits of an LMDB directory, counted from outside by the transaction numbers in its file.

import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The number of the newest committed write transaction. LMDB writes it to its two meta pages in turn,
 * and numbers have no gaps. So the difference of two readings is the commits in between, of all
 * processes. See `MDB_page` and `MDB_meta` in the mdb.c that lmdb 3.5 brings. The page header has 24
 * bytes. Then come magic and version (8), address (8), map size (8), two tables of 48, the last page
 * (8), and the number.
 */
export function readCommitCount(directory: string): number {
  const pageBytes = 4096
  const numberAt = 24 + 8 + 8 + 8 + 2 * 48 + 8
  const file = openSync(join(directory, 'data.mdb'), 'r')
  try {
    const bytes = Buffer.alloc(2 * pageBytes)
    readSync(file, bytes, 0, bytes.length, 0)
    return Math.max(
      Number(bytes.readBigUInt64LE(numberAt)),
      Number(bytes.readBigUInt64LE(pageBytes + numberAt)),
    )
  } finally {
    closeSync(file)
  }
}
