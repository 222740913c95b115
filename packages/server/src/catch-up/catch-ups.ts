// All sessions of a node that are on their way to the tail, and the lines in which they wait.

import type { FanOut } from '../fan-out/fan-out.ts'
import type { Block } from '../framing/block.ts'
import type { ByeReason } from '../framing/bye-reason.ts'
import { backlogsMax, readyRetryMs, replayReadsMax } from '../limits.ts'
import type { NodeSettings } from '../node-settings.ts'
import { pickBetween } from '../random.ts'
import type { Beginning } from '../request/start-at.ts'
import type { Session } from '../session/session.ts'
import { catchUp } from './catch-up.ts'
import type { Greeting } from './notices.ts'
import { Slots } from './slots.ts'
import type { CatchUpSource } from './stretch.ts'
import { Turns } from './turns.ts'

interface CatchUpHost {
  readonly settings: NodeSettings
  readonly lagRules: CatchUpSource['lagRules']
  readonly planSnapshot: CatchUpSource['planSnapshot']
  readonly takeHint: (session: Session) => Block | undefined
  /** It is there once a session is. */
  readonly fanOut: () => FanOut
  readonly dismiss: (session: Session, reason: ByeReason) => void
}

export class CatchUps {
  readonly #host: CatchUpHost
  #source: CatchUpSource | undefined
  readonly #lines = {
    turns: new Turns(),
    reads: new Slots(replayReadsMax),
    backlogs: new Slots(backlogsMax),
  }

  constructor(host: CatchUpHost) {
    this.#host = host
  }

  /** Says to a new session where it begins, and brings it all that it lacks from there. */
  greet(session: Session, { resumed, gap, from }: Beginning): void {
    const { settings, takeHint } = this.#host
    const { heartbeatMs, random } = settings
    const retryMs = pickBetween(random, readyRetryMs.from, readyRetryMs.to)
    this.begin(session, { resumed, gap, from, heartbeatMs, retryMs, takeHint })
  }

  /** Brings a session all that it lacks, and then lets it follow its audience. */
  begin(session: Session, greeting?: Greeting): void {
    this.#source ??= this.#createSource()
    catchUp(session, this.#source, greeting).catch((error: unknown) => {
      if (session.isClosed) return
      // The client comes back with its cursor and is served from the log then.
      this.#host.dismiss(session, 'log-unavailable')
      this.#host.settings.onError(error)
    })
  }

  /** A session has closed, and waits in no line any more. */
  leave(session: Session): void {
    const { turns, reads, backlogs } = this.#lines
    turns.leave(session)
    reads.leave(session)
    backlogs.leave(session)
  }

  /** One for all sessions. */
  #createSource(): CatchUpSource {
    const { settings, lagRules, planSnapshot, fanOut, dismiss } = this.#host
    const { log, watch } = settings
    return {
      ...this.#lines,
      log,
      watch,
      fanOut: fanOut(),
      lagRules,
      planSnapshot,
      dismiss: (session) => dismiss(session, 'lagging'),
    }
  }
}
