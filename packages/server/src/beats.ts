// Heartbeats: one timer for all sessions, one block for all that are live.

import type { Clock, Position } from '@tidemark/log'
import type { Block } from './block.ts'
import { encodeBeat } from './control-events.ts'
import { Deadlines } from './deadlines.ts'
import { beatGrains } from './limits.ts'
import type { Parts, Place } from './place.ts'
import type { Session } from './session.ts'

/** Sends each session a beat every `heartbeatMs`, up to a sixteenth of that late. */
export class Beats {
  readonly #due: Deadlines<Session>
  #block: Block | undefined
  #position: Position | undefined
  readonly #byParts = new WeakMap<Parts, { readonly position: Position; readonly block: Block }>()

  constructor(heartbeatMs: number, clock: Clock) {
    this.#due = new Deadlines({
      clock,
      delayMs: heartbeatMs,
      grainMs: heartbeatMs / beatGrains,
      onDue: (session) => {
        this.#due.add(session)
        session.beat(this.#encode)
      },
    })
  }

  add(session: Session): void {
    this.#due.add(session)
  }

  remove(session: Session): void {
    this.#due.delete(session)
  }

  stop(): void {
    this.#due.stop()
  }

  /**
   * All live sessions stand at one position, so one beat serves them all until it moves; those whose ids carry parts share the
   * beat of their audience, whose parts are one object.
   */
  readonly #encode = (place: Place): Block => {
    if (place.parts.size > 0) return this.#encodeWithParts(place)
    if (this.#block === undefined || this.#position !== place.position) {
      this.#block = encodeBeat(place)
      this.#position = place.position
    }
    return this.#block
  }

  #encodeWithParts(place: Place): Block {
    const last = this.#byParts.get(place.parts)
    if (last !== undefined && last.position === place.position) return last.block
    const block = encodeBeat(place)
    this.#byParts.set(place.parts, { position: place.position, block })
    return block
  }
}
