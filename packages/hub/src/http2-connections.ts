// Connections of HTTP/2: how long an idle one is kept, how many streams all of them may have, how long
// a body may take.

import { constants } from 'node:http2'
import type { Http2ServerResponse, ServerHttp2Session } from 'node:http2'
import type { Server } from 'node:net'
import type { Clock, Timer } from '@tidemark/log'
import { answerCoded, endLostConnection, isStreaming, sendAnswer } from '@tidemark/server/hub'
import { giveUpReading } from './client-errors.ts'
import { HubError } from './errors.ts'
import { keepAliveMs } from './limits.ts'
import type { RequestTimes } from './limits.ts'

/** The limits they are held to. */
export interface Http2ConnectionOptions {
  readonly clock: Clock
  readonly times: RequestTimes
  /** Open streams of all connections together. */
  readonly streamsMax: number
}

/** Follows the HTTP/2 connections of one server. */
export class Http2Connections {
  readonly #options: Http2ConnectionOptions
  /** Open streams of each connection. */
  readonly #streams = new WeakMap<ServerHttp2Session, number>()
  /** When an idle connection is closed. */
  readonly #idle = new WeakMap<ServerHttp2Session, Timer>()
  /** When a connection is looked at next. */
  readonly #looks = new WeakMap<ServerHttp2Session, Timer>()
  #streamCount = 0

  constructor(options: Http2ConnectionOptions) {
    this.#options = options
  }

  /** Begins to follow a server; to be called before it listens. */
  follow(server: Server): void {
    server.on('session', (session: ServerHttp2Session) => {
      // Each stream of a connection is told what breaks the connection.
      session.on('error', () => undefined)
      session.once('close', () => {
        this.#idle.get(session)?.cancel()
        this.#looks.get(session)?.cancel()
      })
      this.#watchIdle(session, this.#options.times.headersMs)
      this.#watchLost(session)
    })
  }

  /**
   * Counts a request. False when there are too many: it is refused as a stream that nothing has been
   * done for, which clients may send again.
   */
  admit(response: Http2ServerResponse): boolean {
    const { stream } = response
    const { session } = stream
    if (session === undefined || this.#streamCount >= this.#options.streamsMax) {
      stream.close(constants.NGHTTP2_REFUSED_STREAM)
      return false
    }
    const connection = session as ServerHttp2Session
    this.#idle.get(connection)?.cancel()
    this.#idle.delete(connection)
    this.#count(connection, 1)
    stream.once('close', () => {
      this.#count(connection, -1)
      if (this.#streams.get(connection) === 0) this.#watchIdle(connection, keepAliveMs)
    })
    if (!stream.endAfterHeaders) this.#watchBody(response)
    return true
  }

  #count(connection: ServerHttp2Session, change: number): void {
    this.#streamCount += change
    this.#streams.set(connection, (this.#streams.get(connection) ?? 0) + change)
  }

  /**
   * By the time since the last stream: pings and half a header every now and then are no reason to keep
   * a connection.
   */
  #watchIdle(session: ServerHttp2Session, delayMs: number): void {
    if (session.destroyed) return
    const timer = this.#options.clock.after(delayMs, () =>
      // Timers run before the loop reads: what has arrived while the process stood still is looked at first.
      setImmediate(() => {
        if (this.#idle.get(session) !== timer) return
        if (!endLostConnection(session)) session.destroy()
      }),
    )
    this.#idle.set(session, timer)
  }

  /**
   * A stream of events ends with its next events when its connection is lost. An answer that nobody takes
   * has none, and would keep the connection. One system call per connection and look.
   */
  #watchLost(session: ServerHttp2Session): void {
    const timer = this.#options.clock.after(keepAliveMs, () => {
      if (!session.destroyed && !endLostConnection(session)) this.#watchLost(session)
    })
    this.#looks.set(session, timer)
  }

  #watchBody(response: Http2ServerResponse): void {
    const refuse = (): void => {
      const { stream } = response
      // A handler that reads no body does not see the end of it; and an event stream waits for nothing.
      if (stream.destroyed || stream.state.remoteClose === 1 || isStreaming(stream)) return
      // The client may send on for ever; it is told that nobody listens, once it has its answer (RFC
      // 9113 §8.1).
      stream.once('finish', () => stream.close(constants.NGHTTP2_NO_ERROR))
      sendAnswer(response, answerCoded(requestTimeout))
      giveUpReading(response.req, requestTimeout)
    }
    // The end of the body may have arrived while the process stood still, and is read before the
    // immediate runs.
    const timer = this.#options.clock.after(this.#options.times.requestMs, () =>
      setImmediate(refuse),
    )
    response.req.once('end', () => timer.cancel())
    response.stream.once('close', () => timer.cancel())
  }
}

const requestTimeout = new HubError(
  'REQUEST_TIMEOUT',
  'The request did not arrive in time. Send it again.',
)
