// Requests of this node to others, until they answer or it is too late.

import type { NewEvent } from '@tidemark/log'
import { ServerError } from '../errors.ts'
import {
  controlAnswerMs,
  controlCarriedCharactersMax,
  controlMs,
  controlWaitingMax,
} from './limits.ts'
import type { NodeSettings } from '../node-settings.ts'
import { makeRequestId } from '../random.ts'
import { wrapLogError } from '../refusal/log-faults.ts'
import type { Command } from './command.ts'
import { encodeRequest } from './control-record.ts'
import { unreachable } from './unreachable.ts'
import type { ControlAnswer, Result } from './control-record.ts'

/** One request that waits. */
interface Waiting {
  readonly resolve: (outcome: Result) => void
  readonly reject: (error: Error) => void
}

export class FarRequests {
  readonly #settings: NodeSettings
  readonly #follow: () => Promise<unknown>
  readonly #waiting = new Map<string, Waiting>()
  /** Characters of the records of those that wait, and of those that the log has not taken yet. */
  #carried = 0
  #isClosed = false

  /** @param follow resolves when this node's tail hands over what is appended from now on */
  constructor(settings: NodeSettings, follow: () => Promise<unknown>) {
    this.#settings = settings
    this.#follow = follow
  }

  /**
   * Asks the node of a session, or every node; resolves to what it has done, or what this node has.
   * @throws ServerError `SESSION_UNREACHABLE`, `LOG_UNAVAILABLE`, `FULL`, and what that node answers
   */
  async ask(session: string | undefined, command: Command): Promise<Result> {
    if (this.#isClosed) throw closed()
    const { clock, random, nodeName } = this.#settings
    const id = makeRequestId(random)
    const deadline = clock.now() + controlMs
    const event = encodeRequest({ id, from: nodeName, session, deadline, command })
    const characters = event.data.length
    this.#requireRoom(characters)
    const answered = new Promise<Result>((resolve, reject) =>
      this.#waiting.set(id, { resolve, reject }),
    )
    const giveUp = (): void => this.#waiting.get(id)?.reject(unreachable(session))
    const timer = clock.after(controlMs + controlAnswerMs, giveUp, { isAwaited: true })
    this.#carried += characters
    const appended = this.#append(id, event)
    try {
      // A log that hangs is waited for no longer than a node that does.
      await Promise.race([appended, answered])
      return await answered
    } finally {
      timer.cancel()
      this.#waiting.delete(id)
      // A log that hangs still holds the text.
      const giveBack = (): void => void (this.#carried -= characters)
      appended.then(giveBack, giveBack)
    }
  }

  /** Later answers, and those to what nobody has asked, are passed over. */
  take({ id, outcome }: ControlAnswer): void {
    const waiting = this.#waiting.get(id)
    if (outcome instanceof ServerError) waiting?.reject(outcome)
    else waiting?.resolve(outcome)
  }

  /** The tail ends: no answer comes any more. */
  close(): void {
    this.#isClosed = true
    for (const { reject } of this.#waiting.values()) reject(closed())
  }

  /** An id may name a node that never was, so that a request waits for as long as it may. */
  #requireRoom(characters: number): void {
    const isCarryingMuch =
      this.#carried > 0 && this.#carried + characters > controlCarriedCharactersMax
    if (this.#waiting.size < controlWaitingMax && !isCarryingMuch) return
    throw new ServerError(
      'FULL',
      `This node waits for ${this.#waiting.size} answers of other nodes already. Try again later.`,
    )
  }

  async #append(id: string, event: NewEvent): Promise<void> {
    await this.#follow()
    // Nobody waits any more.
    if (!this.#waiting.has(id)) return
    await this.#settings.log.append({ events: [event] }).catch(wrapLogError)
  }
}

function closed(): ServerError {
  return new ServerError(
    'SESSION_UNREACHABLE',
    'This node was closed before the node of the session had answered. What was asked for may have been done.',
  )
}
