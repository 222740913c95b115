// All sessions of a node that are on their way to the tail, and the lines in which they wait.

import type { FanOut } from '../fan-out/fan-out.ts'
import type { ByeReason } from '../framing/bye-reason.ts'
import { backlogsMax, replayReadsMax } from '../limits.ts'
import type { NodeSettings } from '../node-settings.ts'
import type { Session } from '../session/session.ts'
import { catchUp } from './catch-up.ts'
import type { Greeting } from './catch-up.ts'
import type { CatchUpSource } from './stretch.ts'
import { Slots } from './slots.ts'
import { Turns } from './turns.ts'

interface CatchUpHost {
  readonly settings: NodeSettings
  readonly lagRules: CatchUpSource['lagRules']
  /** It is there once a session is. */
  readonly fanOut: () => FanOut
  readonly dismiss: (session: Session, reason: ByeReason) => void
}

export class CatchUps {
  readonly #host: CatchUpHost
  readonly #lines = {
    turns: new Turns(),
    reads: new Slots(replayReadsMax),
    backlogs: new Slots(backlogsMax),
  }

  constructor(host: CatchUpHost) {
    this.#host = host
  }

  /** Brings a session all that it lacks, and then lets it follow its audience. */
  begin(session: Session, greeting?: Greeting): void {
    const { settings, lagRules, fanOut, dismiss } = this.#host
    const { log, watch, onError } = settings
    const source = {
      ...this.#lines,
      log,
      watch,
      fanOut: fanOut(),
      lagRules,
      dismiss: (behind: Session) => dismiss(behind, 'lagging'),
    }
    catchUp(session, source, greeting).catch((error: unknown) => {
      if (session.isClosed) return
      // The client comes back with its cursor and is served from the log then.
      dismiss(session, 'log-unavailable')
      onError(error)
    })
  }

  /** A session has closed, and waits in no line any more. */
  leave(session: Session): void {
    for (const line of Object.values(this.#lines)) line.leave(session)
  }
}
