// Whether the system lets this many connections be opened.

import { readDescriptorLimit } from '@tidemark/hub'
import { CliError } from '../errors.ts'
import { descriptorsSpare } from './limits.ts'
import type { Plan } from './plan.ts'

/**
 * Compares what one process needs with its limit. A limit that cannot be read (not Linux) is infinite.
 * @throws CliError `BENCH_DESCRIPTORS`
 */
export function checkDescriptors(
  { connections, processes }: Plan,
  limit: number = readDescriptorLimit(),
): void {
  const needed = Math.ceil(connections / processes) + descriptorsSpare
  if (needed <= limit) return
  throw new CliError(
    'BENCH_DESCRIPTORS',
    `${connections} connections over ${processes} processes need ${needed} file descriptors each, and the limit is ${limit}. Raise it in this shell with: ulimit -n ${needed} (as root, or up to the hard limit), or raise --processes.`,
  )
}
