// The ends of what sessions were granted: told 30 s before, and goodbye when they come. A stream that takes
// nothing is told later, and nothing is kept for it but what it has not been told.

import { parseTopicSet } from '@tidemark/log'
import type { Clock } from '@tidemark/log'
import type { Audiences } from '../fan-out/audiences.ts'
import { measureTopicSet } from '../fan-out/measure-topic-set.ts'
import type { Block } from '../framing/block.ts'
import type { ByeReason } from '../framing/bye-reason.ts'
import { encodeToken, encodeTopics } from '../framing/control-events.ts'
import { tokenHintMs, untoldRetryMs } from './limits.ts'
import { DueTimes } from './due-times.ts'
import type { Session } from './session.ts'

/** Topics that a stream has lost and was not told of. */
interface Untold {
  readonly names: readonly string[]
  /** Bytes that they count for among the topic sets. */
  readonly bytes: number
}

/** The parts of the node that it needs. */
interface EndsHost {
  readonly clock: Clock
  readonly audiences: Audiences
  dismiss(session: Session, reason: ByeReason): void
}

/** One timer for all sessions. A session without an end takes no memory here. */
export class GrantEnds {
  readonly #host: EndsHost
  readonly #due: DueTimes<Session>
  /** The end that a client was told of, in its last 30 s. */
  readonly #told = new Map<Session, number>()
  readonly #untold = new Map<Session, Untold>()

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
    this.#release(session)
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

  /** Tells a stream which topics it follows no more: now, or once it takes something. */
  tellTopics(session: Session, removed: readonly string[]): void {
    const names = [...new Set([...(this.#untold.get(session)?.names ?? []), ...removed])]
    this.#release(session)
    if (session.note(encodeTopics(names)) || session.isClosed) return
    const bytes = measureTopicSet(parseTopicSet(names))
    try {
      this.#host.audiences.hold(bytes)
    } catch {
      // It comes back, and hears at the door what it may not have.
      this.#host.dismiss(session, 'full')
      return
    }
    this.#untold.set(session, { names, bytes })
    this.#file(session)
  }

  #look(session: Session): void {
    const { expiresAt } = session.owner
    if (expiresAt !== undefined && expiresAt <= this.#host.clock.now()) {
      this.#host.dismiss(session, 'expired')
      return
    }
    const isTold = this.#retryTopics(session) && this.#tellHint(session)
    if (!session.isClosed) this.#file(session, isTold)
  }

  /** Returns whether nothing is left to be told. */
  #retryTopics(session: Session): boolean {
    const untold = this.#untold.get(session)
    if (untold === undefined) return true
    if (!session.note(encodeTopics(untold.names))) return false
    this.#release(session)
    return true
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
    const isWaiting = !isTold || this.#untold.has(session)
    const lookAt = isWaiting ? this.#host.clock.now() + untoldRetryMs : hintAt
    const dueAt = Math.min(expiresAt, lookAt)
    if (dueAt < Infinity) this.#due.add(session, dueAt)
    else this.#due.delete(session)
  }

  #leftMs({ owner: { expiresAt = Infinity } }: Session): number {
    return Math.max(0, Math.ceil(expiresAt - this.#host.clock.now()))
  }

  #release(session: Session): void {
    const untold = this.#untold.get(session)
    if (untold === undefined) return
    this.#untold.delete(session)
    this.#host.audiences.release(untold.bytes)
  }
}
