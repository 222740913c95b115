// Requests that are late by the clock: had they arrived in time, and was it this process that looked at
// them late?

import type { IncomingMessage } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Clock } from '@tidemark/log'
import { isStreaming } from '@tidemark/server/hub'
import { lateLookMs } from './limits.ts'
import type { Traffic } from './traffic.ts'

/** The parts that looking again needs. */
export interface LateRequestsOptions {
  readonly server: Server
  readonly traffic: Traffic
  readonly clock: Clock
  /** The longest wait for a request of which more and more arrives. Milliseconds. */
  readonly msMax: number
}

/** A connection whose request is late. */
interface Late {
  readonly socket: Socket
  readonly onLate: () => void
  /** By the clock's `elapsed`. */
  readonly until: number
  bytesRead: number
  /**
   * The one whose body was on its way, then the one that has arrived since. Such a request may be
   * answered, and forgotten by all others, before this looks for it. Not one that was complete already:
   * what is late then lies behind it, and Node will not look for it again.
   */
  request: IncomingMessage | undefined
}

/**
 * Node looks for late requests in a timer, and timers run before the event loop reads. A process may
 * stand still: a burst of work, a machine asleep, SIGSTOP. Then it finds late all complete requests
 * that wait in the kernel. But a status ends an `EventSource` for good. So what is there is read first,
 * and then judged.
 */
export class LateRequests {
  readonly #options: LateRequestsOptions
  readonly #late = new Map<Socket, Late>()

  constructor(options: LateRequestsOptions) {
    this.#options = options
    options.server.on('request', (request: IncomingMessage) => {
      const late = this.#late.get(request.socket)
      if (late !== undefined) late.request = request
    })
  }

  /** Calls `onLate` unless the request turns out to be there, or arrives while it is looked at. */
  lookAgain(socket: Socket, onLate: () => void): void {
    const { traffic, clock, msMax } = this.#options
    const until = clock.elapsed() + msMax
    const { bytesRead } = socket
    const last = traffic.lastOn(socket)?.req
    const request = last?.complete === true ? undefined : last
    const late: Late = { socket, onLate, until, bytesRead, request }
    this.#late.set(socket, late)
    setImmediate(() => this.#look(late))
  }

  #look(late: Late): void {
    const { socket } = late
    if (this.#late.get(socket) !== late) return
    const { clock } = this.#options
    const isOver = socket.destroyed || isStreaming(socket) || late.request?.complete === true
    const isArriving = socket.bytesRead > late.bytesRead && clock.elapsed() < late.until
    if (!isOver && isArriving) {
      late.bytesRead = socket.bytesRead
      clock.after(lateLookMs, () => setImmediate(() => this.#look(late)))
      return
    }
    this.#late.delete(socket)
    if (!isOver) late.onLate()
  }
}
