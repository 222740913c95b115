// Tells one start of the machine from another, in LMDB's own terms.

import { readFileSync } from 'node:fs'

/**
 * The first eight digits of the kernel's boot id, as `mdb_env_open` of lmdb 3.5.6 reads them.
 * Undefined if there is no such id.
 */
export function readBootNumber(): bigint | undefined {
  try {
    const id = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')
    return BigInt(`0x${id.slice(0, 8)}`)
  } catch {
    return undefined
  }
}
