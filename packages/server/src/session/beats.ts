// Heartbeats: one timer for all sessions, one block for all that are live.

import type { Clock, Position } from '@tidemark/log'
import type { Block } from '../framing/block.ts'
import { encodeBeat } from '../framing/control-events.ts'
import { Deadlines } from './deadlines.ts'
import { beatGrains } from '../limits.ts'
import type { Audience } from '../fan-out/audience.ts'
import { isPlain } from '../framing/place.ts'
import type { Place } from '../framing/place.ts'
import type { Session } from './session.ts'

/** The beat of an audience with parts. */
interface SharedBeat {
  readonly position: Position
  readonly block: Block
}

/** Sends each session a beat every `heartbeatMs`, up to a sixteenth of that late. */
export class Beats {
  readonly #due: Deadlines<Session>
  #block: Block | undefined
  #position: Position | undefined
  readonly #byAudience = new WeakMap<Audience, SharedBeat>()

  constructor(heartbeatMs: number, clock: Clock) {
    this.#due = new Deadlines({
      clock,
      delayMs: heartbeatMs,
      lateMsMax: heartbeatMs / beatGrains,
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
   * All live sessions stand at one position, so one beat serves them all until it moves. Sessions whose ids
   * carry parts share a beat with their audience.
   */
  readonly #encode = (place: Place, audience: Audience): Block => {
    if (!isPlain(place)) return this.#encodeWithParts(place, audience)
    if (this.#block === undefined || this.#position !== place.position) {
      this.#block = encodeBeat(place)
      this.#position = place.position
    }
    return this.#block
  }

  #encodeWithParts(place: Place, audience: Audience): Block {
    // A replay of added topics is one session's own.
    if (place.before !== '') return encodeBeat(place)
    const last = this.#byAudience.get(audience)
    if (last !== undefined && last.position === place.position) return last.block
    const block = encodeBeat(place)
    this.#byAudience.set(audience, { position: place.position, block })
    return block
  }
}
