// Requests of other nodes to sessions of this one: each is done at most once, and never after its deadline.

import type { EventRecord } from '@tidemark/log'
import { ServerError } from '../errors.ts'
import {
  controlAnswerMs,
  controlCarriedCharactersMax,
  controlMs,
  controlSeenMax,
} from './limits.ts'
import type { NodeSettings } from '../node-settings.ts'
import { translateLogError } from '../refusal/log-faults.ts'
import { CodedError } from '../refusal/coded-error.ts'
import type { IsLate } from '../session/is-late.ts'
import { carryOut } from './command.ts'
import type { CommandNode } from './command.ts'
import { encodeAnswer } from './control-record.ts'
import type { ControlAnswer, ControlRequest, Outcome } from './control-record.ts'
import { isLateAfter } from '../session/is-late.ts'

export class NearRequests {
  readonly #settings: NodeSettings
  readonly #node: CommandNode
  readonly #answerHere: (answer: ControlAnswer) => void
  /**
   * Until when a request that was begun is remembered, by `Clock.elapsed`, which never goes back. By id, the
   * oldest first. One that comes again is passed over.
   */
  readonly #seen = new Map<string, number>()
  /** Characters of requests that are not done yet. */
  #carried = 0

  /** @param answerHere takes what this node itself has asked every node for */
  constructor(
    settings: NodeSettings,
    node: CommandNode,
    answerHere: (answer: ControlAnswer) => void,
  ) {
    this.#settings = settings
    this.#node = node
    this.#answerHere = answerHere
  }

  /** Begins a request that the tail has handed over. A late one is passed over: its asker has given up. */
  take(request: ControlRequest, record: EventRecord): void {
    const { clock } = this.#settings
    // The log's clock may be ahead of the machine's. A record that an application writes itself may name any
    // time.
    const begun = Math.min(record.time, clock.now())
    const left = Math.min(request.deadline, begun + controlMs) - clock.now()
    const isLate = isLateAfter(left, clock)
    this.#forgetLate()
    if (isLate() || this.#seen.has(request.id)) return
    this.#begin(request, { isLate, characters: record.data.length })
      .then((outcome) => this.#answer(request, outcome))
      .catch(this.#settings.onError)
  }

  async #begin(
    { id, session, command }: ControlRequest,
    { isLate, characters }: { readonly isLate: IsLate; readonly characters: number },
  ): Promise<Outcome> {
    const isFull = this.#carried > 0 && this.#carried + characters > controlCarriedCharactersMax
    if (this.#seen.size >= controlSeenMax || isFull) {
      return new ServerError(
        'FULL',
        'The node of the session carries out as many requests as it may. Try again later.',
      )
    }
    // The clock of the asker may be a second ahead. A retried append can put its request into the log again.
    this.#seen.set(id, this.#settings.clock.elapsed() + controlMs + controlAnswerMs)
    this.#carried += characters
    try {
      return await carryOut(this.#node, command, { session, isLate })
    } catch (thrown) {
      return this.#toAnswer(thrown)
    } finally {
      this.#carried -= characters
    }
  }

  async #answer({ id, from, session }: ControlRequest, outcome: Outcome): Promise<void> {
    if (session === undefined) return this.#answerNobody({ id, from, outcome })
    await this.#settings.log.append({ events: [encodeAnswer({ id, outcome }, from)] })
  }

  /** A command for every node is answered to no other node: the asker cannot know how many there are. */
  #answerNobody({ id, from, outcome }: ControlAnswer & { readonly from: string }): void {
    if (from === this.#settings.nodeName) this.#answerHere({ id, outcome })
    else if (outcome instanceof ServerError) this.#settings.onError(outcome)
  }

  #toAnswer(thrown: unknown): ServerError {
    const error = translateLogError(thrown)
    if (error instanceof ServerError) return error
    if (!(error instanceof CodedError)) this.#settings.onError(error)
    return new ServerError(
      'INTERNAL',
      'The node of the session could not do it because of a fault of its own. Try again; if it stays, report it.',
    )
  }

  #forgetLate(): void {
    const now = this.#settings.clock.elapsed()
    for (const [id, end] of this.#seen) {
      if (end >= now) return
      this.#seen.delete(id)
    }
  }
}
