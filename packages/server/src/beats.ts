// Heartbeats: one timer for all sessions, one block for all that are live.

import type { Clock, Position } from '@tidemark/log'
import type { Block } from './block.ts'
import { encodeBeat } from './control-events.ts'
import { Deadlines } from './deadlines.ts'
import { beatGrains } from './limits.ts'
import type { Session } from './session.ts'

/** Sends each session a beat every `heartbeatMs`, up to a sixteenth of that late. */
export class Beats {
  readonly #due: Deadlines<Session>
  #block: Block | undefined
  #position: Position | undefined

  constructor(heartbeatMs: number, clock: Clock) {
    this.#due = new Deadlines({
      clock,
      delayMs: heartbeatMs,
      grainMs: heartbeatMs / beatGrains,
      onDue: (session) => {
        this.#due.add(session)
        session.beat((position) => this.#encode(position))
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

  /** All live sessions stand at one position, so one beat serves them all until it moves. */
  #encode(position: Position): Block {
    if (this.#block === undefined || this.#position !== position) {
      this.#block = encodeBeat(position)
      this.#position = position
    }
    return this.#block
  }
}
