// Heartbeats: one timer for all sessions, one block for all that are live.

import type { Clock, Timer } from '@tidemark/log'
import type { Block } from './block.ts'
import { encodeBeat } from './control-events.ts'
import { beatSlots } from './limits.ts'
import type { Session } from './session.ts'

/** Sends each live session a beat every `heartbeatMs`, a sixteenth of them at a time. */
export class Beats {
  readonly heartbeatMs: number
  readonly #clock: Clock
  readonly #slots: Set<Session>[] = Array.from({ length: beatSlots }, () => new Set())
  readonly #slotOf = new Map<Session, Set<Session>>()
  #turn = 0
  #timer: Timer | undefined

  constructor(heartbeatMs: number, clock: Clock) {
    this.heartbeatMs = heartbeatMs
    this.#clock = clock
  }

  /** Sessions are filed just behind the turn that has passed, so that the first beat comes a full interval later. */
  add(session: Session): void {
    const slot = this.#slots[(this.#turn + beatSlots - 1) % beatSlots]
    if (slot === undefined) return
    slot.add(session)
    this.#slotOf.set(session, slot)
    this.#timer ??= this.#clock.after(this.heartbeatMs / beatSlots, () => this.#tick())
  }

  remove(session: Session): void {
    this.#slotOf.get(session)?.delete(session)
    this.#slotOf.delete(session)
    if (this.#slotOf.size === 0) this.stop()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #tick(): void {
    this.#timer = this.#clock.after(this.heartbeatMs / beatSlots, () => this.#tick())
    const slot = this.#slots[this.#turn]
    this.#turn = (this.#turn + 1) % beatSlots
    // All live sessions stand at one cursor, so one beat serves them all.
    let beat: Block | undefined
    for (const session of slot ?? []) {
      session.beat(() => {
        beat ??= encodeBeat(session.cursor)
        return beat
      })
    }
  }
}
