// Can this hub publish and deliver? One probe answers everybody who asks at about the same time.

import type { Clock } from '@tidemark/log'
import { ServerError } from '@tidemark/server'
import { translateLogError } from '@tidemark/server/hub'
import { KeptAnswer } from './kept-answer.ts'
import { probeFreshMs, probeMs } from './limits.ts'
import type { LogAbilities } from './log-abilities.ts'
import type { HeldCertificate } from './tls/held-certificate.ts'

/** The parts of the hub that readiness needs. */
interface ReadinessOptions {
  readonly tide: {
    readonly isDraining: boolean
    probe(timeoutMs: number): Promise<boolean>
  }
  readonly abilities: Pick<LogAbilities, 'faults' | 'warnings'>
  /** Remarks that are not the log's. */
  readonly warnings?: () => readonly string[]
  /** Undefined without TLS. */
  readonly held?: Pick<HeldCertificate, 'listWarnings'> | undefined
  readonly clock: Clock
  /** Told of what is no fault of the log's: its text is for the operator, not for everybody who asks. */
  readonly onError: (error: unknown) => void
}

/** Probes at most once at a time and once per second: each probe is an event that is flushed to the disk. */
export class Readiness {
  readonly #options: ReadinessOptions
  readonly #probes: KeptAnswer<unknown>

  constructor(options: ReadinessOptions) {
    this.#options = options
    const ask = (): Promise<unknown> => this.#describeFault()
    this.#probes = new KeptAnswer({ clock: options.clock, keptMs: probeFreshMs, ask })
  }

  /** Remarks for the operator of a hub that is ready. */
  get warnings(): readonly string[] {
    const { abilities, held, warnings, clock } = this.#options
    return [
      ...(abilities.warnings?.warnings ?? []),
      ...(held?.listWarnings(clock.now()) ?? []),
      ...(warnings?.() ?? []),
    ]
  }

  /**
   * Why the hub is not ready: a text, or the coded error that publishing fails with; undefined when it
   * is. At most one second old.
   */
  async findFault(): Promise<unknown> {
    const { tide, abilities } = this.#options
    if (tide.isDraining) return 'it is shutting down'
    // Faults that the log has found by itself. The answer to the last probe may be from before.
    const fault = abilities.faults?.fault
    if (fault !== undefined) return translateLogError(fault)
    return this.#probes.read()
  }

  async #describeFault(): Promise<unknown> {
    try {
      const isDelivered = await this.#options.tide.probe(probeMs)
      return isDelivered ? undefined : `a probe was not delivered within ${probeMs} ms`
    } catch (error) {
      if (error instanceof ServerError) return error
      this.#options.onError(error)
      return "something failed that the hub's own log describes"
    }
  }
}
