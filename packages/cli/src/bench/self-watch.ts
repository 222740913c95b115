// How busy this process of the load tester is itself: a generator at its limit measures itself.

import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import type { EventLoopUtilization } from 'node:perf_hooks'
import process from 'node:process'
import { readMicros } from './clock.ts'

/** Since the last look. */
export interface BusyShare {
  readonly seconds: number
  /** CPU time over elapsed time: 1 is a whole core. */
  readonly cpu: number
  /** Share of the time in which the event loop had something to do, waiting for a core included. */
  readonly loop: number
  /** 99th percentile of how late the event loop was, milliseconds. */
  readonly loopDelayMs: number
}

/** Milliseconds between two probes of the event loop; Node's histogram includes it. */
const resolutionMs = 10

/** Watches the process it is created in. */
export class SelfWatch {
  readonly #delays = monitorEventLoopDelay({ resolution: resolutionMs })
  #cpu: NodeJS.CpuUsage = process.cpuUsage()
  #loop: EventLoopUtilization = performance.eventLoopUtilization()
  #at = readMicros()

  constructor() {
    this.#delays.enable()
  }

  /** How busy the process was since the last call. */
  look(): BusyShare {
    const at = readMicros()
    const cpu = process.cpuUsage(this.#cpu)
    const loop = performance.eventLoopUtilization()
    const elapsed = Math.max(1, at - this.#at)
    const busy = {
      seconds: elapsed / 1e6,
      cpu: (cpu.user + cpu.system) / elapsed,
      loop: performance.eventLoopUtilization(loop, this.#loop).utilization,
      loopDelayMs: Math.max(0, this.#delays.percentile(99) / 1e6 - resolutionMs),
    }
    this.#delays.reset()
    this.#cpu = process.cpuUsage()
    this.#loop = loop
    this.#at = at
    return busy
  }
}
