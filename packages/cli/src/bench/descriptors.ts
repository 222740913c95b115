// Whether the system lets this many connections be opened.

import { CliError } from '../errors.ts'
import { readDescriptorLimit } from '../proc/processes.ts'
import { descriptorsSpare } from './limits.ts'
import type { Plan } from './plan.ts'

/**
 * Compares what one process needs with its limit. Where the limit cannot be read (not Linux), it says nothing.
 * @throws CliError `BENCH_DESCRIPTORS`
 */
export function checkDescriptors(
  { connections, processes }: Plan,
  limit: number | undefined = readDescriptorLimit(),
): void {
  const needed = Math.ceil(connections / processes) + descriptorsSpare
  if (limit === undefined || needed <= limit) return
  throw new CliError(
    'BENCH_DESCRIPTORS',
    `${connections} connections over ${processes} processes need ${needed} file descriptors each, and the limit is ${limit}. Raise it in this shell with: ulimit -n ${needed} (as root, or up to the hard limit), or raise --processes.`,
  )
}
