// Notices silence: where a heartbeat is known, no more than 2.5 of them may pass between two beats.

import type { Clock, Timer } from './clock.ts'
import { silentHeartbeatsMax, timerDelayMaxMs } from './limits.ts'

/** A timer that is started anew whenever something came. */
export class Watch {
  readonly #clock: Clock
  readonly #onSilence: (silentMs: number) => void
  #silentMs: number
  #timer: Timer | undefined

  /**
   * Without a heartbeat silence means nothing: servers that announce none may have nothing to say for
   * days.
   */
  constructor(
    clock: Clock,
    heartbeatMs: number | undefined,
    onSilence: (silentMs: number) => void,
  ) {
    this.#clock = clock
    this.#silentMs = (heartbeatMs ?? Infinity) * silentHeartbeatsMax
    this.#onSilence = onSilence
  }

  /** Takes over what the server announced; counts from the next start. */
  expectHeartbeat(heartbeatMs: number): void {
    this.#silentMs = heartbeatMs * silentHeartbeatsMax
  }

  /** `limitMs` holds where no heartbeat sets less. */
  start(limitMs: number = Infinity): void {
    this.stop()
    const waitMs = Math.min(this.#silentMs, limitMs)
    if (waitMs > timerDelayMaxMs) return
    this.#timer = this.#clock.after(waitMs, () => this.#onSilence(waitMs))
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
