// Copies the files of one directory over those of another that is in use, as `dd conv=notrunc` does.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/**
 * Writes in one turn, without truncating the files first. LMDB maps them, and a process that
 * touches a page behind the end of a mapped file dies by SIGBUS.
 */
export function putOver(
  from: string,
  to: string,
  names: readonly string[] = ['data.mdb', 'lock.mdb'],
): void {
  for (const name of names) {
    const files = [`if=${join(from, name)}`, `of=${join(to, name)}`]
    execFileSync('dd', [...files, 'bs=1M', 'conv=notrunc', 'status=none'])
  }
}
