// Whether a node takes new sessions.

import { ServerError } from '../errors.ts'

/** The parts of the node that it needs. */
interface AdmissionHost {
  readonly sessionsMax: number
  readonly sessions: { readonly size: number }
  /** Ends a session whose client takes nothing; returns whether there was one. */
  makeRoom(): boolean
}

export class Admission {
  /**
   * Sessions that wait for the log to say where they begin. They count like open ones, because a log that
   * hangs would gather them without end.
   */
  opening = 0
  isDraining = false
  readonly #host: AdmissionHost

  constructor(host: AdmissionHost) {
    this.#host = host
  }

  /**
   * Refuses a new session while the node is full or draining.
   * @throws ServerError `FULL`, `DRAINING`
   */
  admit(): void {
    if (this.isDraining) {
      throw new ServerError(
        'DRAINING',
        'This node is shutting down and takes no new sessions. Try again.',
      )
    }
    const { sessionsMax, sessions } = this.#host
    if (sessions.size + this.opening < sessionsMax || this.#host.makeRoom()) return
    throw new ServerError(
      'FULL',
      `This node holds ${sessionsMax} sessions, as many as it may. Try again later, or raise sessionsMax.`,
    )
  }
}
