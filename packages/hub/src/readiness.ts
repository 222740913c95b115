// Can this hub publish and deliver? One probe answers everybody who asks at about the same time.

import type { Clock } from '@tidemark/log'
import { probeFreshMs, probeMs } from './limits.ts'

/** What readiness needs of the engine. */
interface Probed {
  readonly isDraining: boolean
  probe(timeoutMs: number): Promise<boolean>
}

/** Probes at most once at a time and once per second: each probe is an event that is flushed to the disk. */
export class Readiness {
  readonly #tide: Probed
  readonly #clock: Clock
  #running: Promise<string | undefined> | undefined

  constructor(tide: Probed, clock: Clock) {
    this.#tide = tide
    this.#clock = clock
  }

  /** Why the hub is not ready; undefined when it is. At most one second old. */
  async findFault(): Promise<string | undefined> {
    if (this.#tide.isDraining) return 'it is shutting down'
    this.#running ??= this.#probe()
    return this.#running
  }

  async #probe(): Promise<string | undefined> {
    const fault = await this.#describeFault()
    this.#clock.after(probeFreshMs, () => {
      this.#running = undefined
    })
    return fault
  }

  async #describeFault(): Promise<string | undefined> {
    try {
      const isDelivered = await this.#tide.probe(probeMs)
      return isDelivered ? undefined : `a probe was not delivered within ${probeMs} ms`
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
}
