// Which start of the machine this is, in LMDB's own terms.

import { readFileSync } from 'node:fs'

/** The first eight digits of the kernel's id, as `mdb_env_open` of lmdb 3.5.6 reads it; undefined where there is none to read. */
export function readBootNumber(): bigint | undefined {
  try {
    const id = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')
    return BigInt(`0x${id.slice(0, 8)}`)
  } catch {
    return undefined
  }
}
