// The ends of what sessions were granted: told 30 s before, and goodbye when they come. A stream that takes
// nothing is told later, and nothing is kept for it but what it has not been told.

import type { Clock } from '@tidemark/log'
import type { Block } from '../framing/block.ts'
import type { ByeReason } from '../framing/bye-reason.ts'
import { encodeToken } from '../framing/control-events.ts'
import { tokenHintMs, untoldRetryMs } from './limits.ts'
import { DueTimes } from './due-times.ts'
import type { Session } from './session.ts'

/** The parts of the node that it needs. */
interface EndsHost {
  readonly clock: Clock
  dismiss(session: Session, reason: ByeReason): void
}

/** One timer for all sessions. A session without an end takes no memory here. */
export class GrantEnds {
  readonly #host: EndsHost
  readonly #due: DueTimes<Session>
  /** The end that a client was told of, in its last 30 s. */
  readonly #told = new Map<Session, number>()

  constructor(host: EndsHost) {
    this.#host = host
    this.#due = new DueTimes(host.clock, (session) => this.#look(session))
  }

  /** Files a session for the end that it has now, in place of an earlier one. */
  file(session: Session): void {
    const { expiresAt } = session.owner
    if (this.#told.get(session) !== expiresAt) this.#told.delete(session)
    this.#file(session)
  }

  /** The session has closed. */
  forget(session: Session): void {
    this.#due.delete(session)
    this.#told.delete(session)
  }

  stop(): void {
    this.#due.stop()
  }

  /** The hint for the first bytes of a stream whose end is near; undefined: it is not, or was told. */
  takeHint(session: Session): Block | undefined {
    const leftMs = this.#leftMs(session)
    const { expiresAt } = session.owner
    if (expiresAt === undefined || leftMs > tokenHintMs) return undefined
    if (this.#told.get(session) === expiresAt) return undefined
    this.#told.set(session, expiresAt)
    return encodeToken(leftMs)
  }

  #look(session: Session): void {
    const { expiresAt } = session.owner
    if (expiresAt !== undefined && expiresAt <= this.#host.clock.now()) {
      this.#host.dismiss(session, 'expired')
      return
    }
    const isTold = this.#tellHint(session)
    if (!session.isClosed) this.#file(session, isTold)
  }

  #tellHint(session: Session): boolean {
    const { expiresAt } = session.owner
    const leftMs = this.#leftMs(session)
    if (expiresAt === undefined || leftMs > tokenHintMs) return true
    if (this.#told.get(session) === expiresAt) return true
    if (!session.note(encodeToken(leftMs))) return false
    this.#told.set(session, expiresAt)
    return true
  }

  /** @param isTold false: it could not be told what it should be; another try follows */
  #file(session: Session, isTold: boolean = true): void {
    const { expiresAt = Infinity } = session.owner
    const hintAt = this.#told.get(session) === expiresAt ? Infinity : expiresAt - tokenHintMs
    const lookAt = isTold ? hintAt : this.#host.clock.now() + untoldRetryMs
    const dueAt = Math.min(expiresAt, lookAt)
    if (dueAt < Infinity) this.#due.add(session, dueAt)
    else this.#due.delete(session)
  }

  #leftMs({ owner: { expiresAt = Infinity } }: Session): number {
    return Math.max(0, Math.ceil(expiresAt - this.#host.clock.now()))
  }
}
