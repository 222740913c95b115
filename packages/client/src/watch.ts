// Notices silence: between two beats of the server there must not pass more than 2.5 of its heartbeats.

import type { Clock, Timer } from './clock.ts'
import { heartbeatMaxMs, heartbeatMinMs, silentHeartbeatsMax } from './limits.ts'

/** A timer that is started anew whenever something came. */
export class Watch {
  readonly #clock: Clock
  readonly #onSilence: (silentMs: number) => void
  #silentMs: number
  #timer: Timer | undefined

  constructor(clock: Clock, heartbeatMs: number, onSilence: (silentMs: number) => void) {
    this.#clock = clock
    this.#silentMs = heartbeatMs * silentHeartbeatsMax
    this.#onSilence = onSilence
  }

  /** Takes over what the server announced, within sane bounds; counts from the next start. */
  expectHeartbeat(heartbeatMs: number): void {
    const bounded = Math.min(Math.max(heartbeatMs, heartbeatMinMs), heartbeatMaxMs)
    this.#silentMs = bounded * silentHeartbeatsMax
  }

  start(): void {
    this.stop()
    if (this.#silentMs === Infinity) return
    this.#timer = this.#clock.after(this.#silentMs, () => this.#onSilence(this.#silentMs))
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
