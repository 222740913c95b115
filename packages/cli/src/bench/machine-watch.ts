// How busy all cores of this machine are together.

import { cpus } from 'node:os'

/** Watches the machine. */
export class MachineWatch {
  #before = readTimes()

  /** Busy share of all cores since the last call, 0 to 1. */
  look(): number {
    const now = readTimes()
    const total = now.total - this.#before.total
    const idle = now.idle - this.#before.idle
    this.#before = now
    return total <= 0 ? 0 : 1 - idle / total
  }
}

function readTimes(): { readonly idle: number; readonly total: number } {
  let idle = 0
  let total = 0
  for (const { times } of cpus()) {
    idle += times.idle
    total += times.user + times.nice + times.sys + times.irq + times.idle
  }
  return { idle, total }
}
