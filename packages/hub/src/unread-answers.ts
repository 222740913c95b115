// Answers on their way to clients that may not read them: bounded per connection and all together, and
// cut when they take too long.

import { constants } from 'node:http2'
import type { Http2Session } from 'node:http2'
import type { Socket } from 'node:net'
import type { Clock, Timer } from '@tidemark/log'
import { isHttp2 } from '@tidemark/server/hub'
import type { NodeResponse } from '@tidemark/server/node'
import { HubError } from './errors.ts'
import type { AnswerLimits } from './limits.ts'

type Connection = Socket | Http2Session

/** The bytes that one connection has not taken yet. */
interface Holding {
  bytes: number
  /** One per answer; each keeps its answer in memory. */
  readonly timers: Set<Timer>
  readonly letGo: () => void
}

/**
 * Counts the bytes of large answers from when they are given to Node until the system, or nobody, has
 * them.
 */
export class UnreadAnswers {
  readonly #limits: AnswerLimits
  readonly #clock: Clock
  readonly #holdings = new Map<Connection, Holding>()
  #heldBytes = 0

  constructor(limits: AnswerLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  /**
   * Counts the answer that is about to be sent.
   * @throws HubError `OVERLOADED` when too much waits already
   */
  hold(response: NodeResponse, bytes: number): void {
    const connection = connectionOf(response)
    if (connection === undefined || connection.destroyed) return
    this.#check(this.#holdings.get(connection)?.bytes ?? 0, bytes)
    const holding = this.#holdings.get(connection) ?? this.#begin(connection)
    this.#count(holding, bytes)
    const timer = this.#clock.after(this.#limits.readMsMax, () => cut(response))
    holding.timers.add(timer)
    response.once('close', () => {
      // The connection has let go of everything when it broke.
      if (this.#holdings.get(connection) !== holding) return
      timer.cancel()
      holding.timers.delete(timer)
      this.#count(holding, -bytes)
      if (holding.bytes === 0) this.#end(connection, holding)
    })
  }

  #check(ownBytes: number, bytes: number): void {
    const { heldBytesMax, connectionBytesMax } = this.#limits
    if (ownBytes > 0 && ownBytes + bytes > connectionBytesMax) {
      throw new HubError(
        'OVERLOADED',
        `Answers of ${ownBytes} bytes wait to be read on this connection, which may have ${connectionBytesMax}. Read them first.`,
      )
    }
    if (this.#heldBytes > 0 && this.#heldBytes + bytes > heldBytesMax) {
      throw new HubError(
        'OVERLOADED',
        `The hub holds ${heldBytesMax} bytes of answers that clients have not read yet, as many as it may. Try again later.`,
      )
    }
  }

  /** Answers that wait in line behind others are never told that their connection has broken. */
  #begin(connection: Connection): Holding {
    const holding: Holding = {
      bytes: 0,
      timers: new Set(),
      letGo: () => this.#end(connection, holding),
    }
    this.#holdings.set(connection, holding)
    connection.once('close', holding.letGo)
    return holding
  }

  #end(connection: Connection, holding: Holding): void {
    connection.off('close', holding.letGo)
    this.#holdings.delete(connection)
    for (const timer of holding.timers) timer.cancel()
    this.#heldBytes -= holding.bytes
  }

  #count(holding: Holding, bytes: number): void {
    holding.bytes += bytes
    this.#heldBytes += bytes
  }
}

function cut(response: NodeResponse): void {
  if (isHttp2(response)) response.stream.close(constants.NGHTTP2_CANCEL)
  else response.req.socket.destroy()
}

function connectionOf(response: NodeResponse): Connection | undefined {
  return isHttp2(response) ? response.stream.session : response.req.socket
}
