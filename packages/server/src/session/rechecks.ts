// Asking `authorize` again for streams that are open: each after its time, a bounded number at once.

import type { Clock } from '@tidemark/log'
import { Slots } from '../catch-up/slots.ts'
import type { ByeReason } from '../framing/bye-reason.ts'
import { recheckRetryMs, recheckSpreadShare, rechecksMax } from './limits.ts'
import { pickBetween } from '../random.ts'
import type { Random } from '../random.ts'
import { CodedError, isFault } from '../refusal/coded-error.ts'
import { recheckRequest } from '../request/authorize.ts'
import type { Permit, RequestFacts } from '../request/authorize.ts'
import type { Grant } from '../request/grant.ts'
import { namesOf } from './changed-topics.ts'
import { DueTimes } from './due-times.ts'
import type { Recheck } from './recheck.ts'
import type { Session } from './session.ts'

/** The parts of the node that it needs. */
interface RechecksHost {
  readonly clock: Clock
  readonly random: Random
  readonly permit: Permit | undefined
  readonly onError: (error: unknown) => void
  dismiss(session: Session, reason: ByeReason): void
  /** Gives a session what was answered. */
  renew(session: Session, grant: Grant, request: RequestFacts): Promise<unknown>
}

/** Only sessions whose grant says so keep their request. */
export class Rechecks {
  readonly #host: RechecksHost
  readonly #due: DueTimes<Session>
  readonly #kept = new Map<Session, Recheck>()
  readonly #slots = new Slots(rechecksMax)

  constructor(host: RechecksHost) {
    this.#host = host
    const { clock } = host
    // By the time that passes: a clock that is set back must not put a look at a grant off.
    const passing: Clock = {
      now: () => clock.elapsed(),
      elapsed: () => clock.elapsed(),
      after: (ms, run, options) => clock.after(ms, run, options),
    }
    this.#due = new DueTimes(passing, (session) => void this.#begin(session))
  }

  /** In place of an earlier one; undefined: never again. */
  set(session: Session, recheck: Recheck | undefined): void {
    this.forget(session)
    if (recheck === undefined) return
    this.#kept.set(session, recheck)
    const { afterMs } = recheck
    this.#file(session, { from: afterMs * (1 - recheckSpreadShare), to: afterMs })
  }

  /** The session has closed, or its grant has come another way. */
  forget(session: Session): void {
    if (!this.#kept.delete(session)) return
    this.#due.delete(session)
    this.#slots.leave(session)
  }

  stop(): void {
    this.#due.stop()
  }

  #file(session: Session, delayMs: { readonly from: number; readonly to: number }): void {
    const { clock, random } = this.#host
    this.#due.add(session, clock.elapsed() + pickBetween(random, delayMs.from, delayMs.to))
  }

  async #begin(session: Session): Promise<void> {
    try {
      const ask = (): Promise<Grant | undefined> => this.#ask(session)
      const recheck = this.#kept.get(session)
      const grant = await this.#slots.runFor(session, ask)
      if (grant === undefined || recheck === undefined) return
      await this.#host.renew(session, grant, recheck.request)
    } catch (error) {
      this.#refuse(session, error)
    }
  }

  /** Undefined where the answer is not wanted any more. */
  async #ask(session: Session): Promise<Grant | undefined> {
    const recheck = this.#kept.get(session)
    const { permit } = this.#host
    if (recheck === undefined || permit === undefined) return undefined
    const topics = namesOf(session.audience.topics)
    try {
      const grant = await permit.review(recheckRequest(recheck.request, topics))
      return this.#kept.get(session) === recheck ? grant : undefined
    } catch (error) {
      if (this.#kept.get(session) === recheck) throw error
      return undefined
    }
  }

  /** A refusal ends the stream. Where nobody can say now, the stream goes on, and is asked about again. */
  #refuse(session: Session, error: unknown): void {
    if (isFault(error)) this.#host.onError(error)
    const status = error instanceof CodedError ? error.status : 500
    if (status === 401) this.#host.dismiss(session, 'expired')
    else if (status < 500 && status !== 429) this.#host.dismiss(session, 'forbidden')
    else if (this.#kept.has(session)) this.#file(session, recheckRetryMs)
  }
}
