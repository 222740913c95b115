// Garbage collections on demand.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { settle } from './settle.ts'

let collect: (() => void) | undefined

/**
 * Collects garbage until what nobody holds is gone: weak references stay strong for the turn in which they
 * were looked at.
 */
export async function collectGarbage(): Promise<void> {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  for (let turn = 0; turn < 5; turn++) {
    await settle()
    collect()
  }
}
