// Requests of this node to others, until they answer or it is too late.

import type { EventRecord } from '@tidemark/log'
import { ServerError } from '../errors.ts'
import { controlAnswerMs, controlMs, controlWaitingMax } from '../limits.ts'
import type { NodeSettings } from '../node-settings.ts'
import { makeRequestId } from '../random.ts'
import { wrapLogError } from '../refusal/log-faults.ts'
import type { Command } from './command.ts'
import { encodeRequest } from './control-record.ts'
import type { ControlAnswer } from './control-record.ts'

/** One request that waits. */
interface Waiting {
  readonly resolve: (outcome: boolean) => void
  readonly reject: (error: Error) => void
}

export class FarRequests {
  readonly #settings: NodeSettings
  readonly #follow: () => Promise<unknown>
  readonly #waiting = new Map<string, Waiting>()
  /** The newest time of a record of `$hub/control`: the log's clock may be ahead of the machine's. */
  #logTime = 0

  /** @param follow resolves when this node's tail hands over what is appended from now on */
  constructor(settings: NodeSettings, follow: () => Promise<unknown>) {
    this.#settings = settings
    this.#follow = follow
  }

  /**
   * Asks the node of a session; resolves to what it has done.
   * @throws ServerError `SESSION_UNREACHABLE`, `LOG_UNAVAILABLE`, `FULL`, and what that node answers
   */
  async ask(session: string, command: Command): Promise<boolean> {
    if (this.#waiting.size >= controlWaitingMax) {
      throw new ServerError(
        'FULL',
        `This node waits for ${controlWaitingMax} answers of other nodes already. Try again later.`,
      )
    }
    const { clock, random, nodeName } = this.#settings
    const id = makeRequestId(random)
    const deadline = Math.max(clock.now(), this.#logTime) + controlMs
    const answered = new Promise<boolean>((resolve, reject) =>
      this.#waiting.set(id, { resolve, reject }),
    )
    const giveUp = (): void => this.#waiting.get(id)?.reject(unreachable(session))
    const timer = clock.after(controlMs + controlAnswerMs, giveUp, { isAwaited: true })
    try {
      const request = { id, from: nodeName, session, deadline, command }
      // A log that hangs is waited for no longer than a node that does.
      await Promise.race([this.#append(request), answered])
      return await answered
    } finally {
      timer.cancel()
      this.#waiting.delete(id)
    }
  }

  noteTime({ time }: EventRecord): void {
    this.#logTime = Math.max(this.#logTime, time)
  }

  /** Later answers, and those to what nobody has asked, are passed over. */
  take({ id, outcome }: ControlAnswer): void {
    const waiting = this.#waiting.get(id)
    if (typeof outcome === 'boolean') waiting?.resolve(outcome)
    else waiting?.reject(outcome)
  }

  /** The tail ends: no answer comes any more. */
  close(): void {
    for (const { reject } of this.#waiting.values()) {
      reject(
        new ServerError(
          'SESSION_UNREACHABLE',
          'This node was closed before the node of the session had answered. What was asked for may have been done.',
        ),
      )
    }
  }

  async #append(request: Parameters<typeof encodeRequest>[0]): Promise<void> {
    await this.#follow()
    // Nobody waits any more.
    if (!this.#waiting.has(request.id)) return
    await this.#settings.log.append({ events: [encodeRequest(request)] }).catch(wrapLogError)
  }
}

function unreachable(session: string): ServerError {
  return new ServerError(
    'SESSION_UNREACHABLE',
    `The node of the session ${session} has not answered for ${controlMs + controlAnswerMs} ms: it is gone, or slow. What was asked for may have been done, and will not be done later.`,
  )
}
