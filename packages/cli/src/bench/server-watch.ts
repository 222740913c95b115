// CPU and memory of the server under test, when it runs on this machine.

import { networkInterfaces } from 'node:os'
import { listFamily, readUsage } from '../proc/processes.ts'
import { findListeners } from '../proc/tcp-table.ts'
import { readMicros } from './clock.ts'

/** The resources that the server used since the last look. */
export interface ServerSample {
  /** Cores: 1 is a whole one. */
  readonly cpu: number
  readonly memoryBytes: number
}

/** Watches a server's processes. */
export class ServerWatch {
  readonly #find: () => readonly number[]
  #cpuSeconds = new Map<number, number>()
  #atMicros = 0
  #memoryBeforeBytes = 0

  constructor(find: () => readonly number[]) {
    this.#find = find
  }

  get pids(): readonly number[] {
    return [...this.#cpuSeconds.keys()]
  }

  /** Memory at the first look, bytes. */
  get memoryBeforeBytes(): number {
    return this.#memoryBeforeBytes
  }

  /** CPU time of its processes since they began, seconds. */
  readCpuSeconds(): number {
    return this.pids.reduce((sum, pid) => sum + (readUsage(pid)?.cpuSeconds ?? 0), 0)
  }

  /** Undefined at first, and when all processes have gone. */
  look(): ServerSample | undefined {
    const isFirst = this.#atMicros === 0
    const before = this.#cpuSeconds
    const elapsed = (readMicros() - this.#atMicros) / 1e6
    let pids: readonly number[] = [...before.keys()]
    let usages = pids.map((pid) => [pid, readUsage(pid)] as const)
    if (isFirst || usages.some(([, usage]) => usage === undefined)) {
      // A worker that died may have been replaced by one of another number.
      pids = this.#find()
      usages = pids.map((pid) => [pid, readUsage(pid)] as const)
    }
    let cpuSeconds = 0
    let memoryBytes = 0
    this.#cpuSeconds = new Map()
    for (const [pid, usage] of usages) {
      if (usage === undefined) continue
      cpuSeconds += usage.cpuSeconds - (before.get(pid) ?? usage.cpuSeconds)
      memoryBytes += usage.memoryBytes
      this.#cpuSeconds.set(pid, usage.cpuSeconds)
    }
    this.#atMicros = readMicros()
    if (isFirst) this.#memoryBeforeBytes = memoryBytes
    if (isFirst || this.#cpuSeconds.size === 0) return undefined
    return { cpu: cpuSeconds / elapsed, memoryBytes }
  }
}

/**
 * Watches the given process and its children, else whoever listens on this machine at `url`; undefined
 * when nobody is found.
 */
export function watchServer(options: {
  readonly pid: number | undefined
  /** Undefined when nobody has answered. */
  readonly address: string | undefined
  readonly port: number
}): ServerWatch | undefined {
  const { pid, address, port } = options
  if (address === undefined || (pid === undefined && !isOfThisMachine(address))) return undefined
  const watch = new ServerWatch(() => listFamily(pid === undefined ? findListeners(port) : [pid]))
  watch.look()
  return watch.pids.length === 0 ? undefined : watch
}

function isOfThisMachine(address: string): boolean {
  const plain = address.replace(/^::ffff:/, '')
  if (plain.startsWith('127.') || plain === '::1') return true
  return Object.values(networkInterfaces())
    .flat()
    .some((each) => each?.address === plain)
}
