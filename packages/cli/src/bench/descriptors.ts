// Whether the system lets this many connections be opened.

import { readFileSync } from 'node:fs'
import { CliError } from '../errors.ts'
import { descriptorsSpare } from './limits.ts'
import type { Plan } from './plan.ts'

/**
 * Compares what one process needs with its limit. Where the limit cannot be read (not Linux), it says nothing.
 * @throws CliError `BENCH_DESCRIPTORS`
 */
export function checkDescriptors(
  { connections, processes }: Plan,
  limit: number | undefined = readLimit(),
): void {
  const needed = Math.ceil(connections / processes) + descriptorsSpare
  if (limit === undefined || needed <= limit) return
  throw new CliError(
    'BENCH_DESCRIPTORS',
    `${connections} connections over ${processes} processes need ${needed} file descriptors each, and the limit is ${limit}. Raise it in this shell with: ulimit -n ${needed} (as root, or up to the hard limit), or raise --processes.`,
  )
}

/** Node raises the soft limit to the hard one when it starts, so this is what there is. */
function readLimit(): number | undefined {
  try {
    const text = readFileSync('/proc/self/limits', 'utf8')
    const soft = /^Max open files\s+(\d+)/m.exec(text)?.[1]
    return soft === undefined ? undefined : Number(soft)
  } catch {
    return undefined
  }
}
