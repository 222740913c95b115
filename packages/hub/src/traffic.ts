// The requests that are being answered: whom a closing hub waits for, and what a broken connection
// still owes.

import type { ServerResponse } from 'node:http'
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Server, Socket } from 'node:net'
import type { Clock } from '@tidemark/log'
import { declareFate, isHttp2, isStreaming } from '@tidemark/server/hub'
import type { NodeRequest, NodeResponse } from '@tidemark/server/node'
import type { LineLimits } from './limits.ts'

/** The answers that a connection of HTTP/1.1 still owes: answers leave in the order of their requests. */
interface Line {
  last: ServerResponse
  /** Requests without an answer. */
  count: number
}

/** Follows the requests of one server. */
export class Traffic {
  readonly #limits: LineLimits
  readonly #lines = new Map<Socket, Line>()
  /** Requests that are not the first of their connection's line. */
  #behind = 0
  /** Connections of HTTP/2, and the requests on them, each a stream that waits for nobody. */
  readonly #sessions = new Set<ServerHttp2Session>()
  readonly #streams = new Set<ServerHttp2Stream>()
  #isDraining = false
  #onQuiet: (() => void) | undefined

  constructor(limits: LineLimits) {
    this.#limits = limits
  }

  /** Begins to follow a server; to be called before it listens. */
  follow(server: Server): void {
    const forget = (socket: Socket): void => this.#forget(socket)
    const finish = (response: ServerResponse): void => this.#finish(response)
    function onSocketClose(this: Socket): void {
      forget(this)
    }
    // Shared by all, and ready to hear that a stream has taken the connection: then nobody waits for an
    // answer on it.
    const onResponseClose = declareFate(function hear(this: ServerResponse): void {
      finish(this)
    }, 'told')
    // A response that still waits in line when its connection breaks is never told.
    const onConnection = (socket: Socket): void => void socket.on('close', onSocketClose)
    server.on('connection', onConnection)
    server.on('secureConnection', onConnection)
    server.on('session', (session: ServerHttp2Session) => {
      this.#sessions.add(session)
      session.once('close', () => this.#sessions.delete(session))
    })
    server.on('request', (_request: NodeRequest, response: NodeResponse) => {
      if (isHttp2(response)) {
        this.#followStream(response.stream)
        return
      }
      this.#enter(response)
      if (this.#isDraining) askToClose(response)
      response.on('close', onResponseClose)
    })
  }

  /** The response a connection waits for, the last one if there are several. */
  lastOn(socket: Socket): ServerResponse | undefined {
    return this.#lines.get(socket)?.last
  }

  /**
   * Whether a connection of HTTP/1.1 has more requests in line than it may; nothing of them is done any
   * more then.
   */
  isCrowded(response: ServerResponse): boolean {
    const { socket } = response.req
    const { connectionMax, behindMax } = this.#limits
    const count = this.#lines.get(socket)?.count ?? 0
    return socket.destroyed || count > connectionMax || (count > 1 && this.#behind > behindMax)
  }

  /**
   * From now on every answer says `Connection: close`, or in HTTP/2 GOAWAY goes before it, so that no
   * further request comes on its connection.
   */
  beginDrain(): void {
    this.#isDraining = true
    for (const { last } of this.#lines.values()) askToClose(last)
    // Streams that are open are finished first; Node ends the connection after its last stream.
    for (const session of this.#sessions) session.close()
  }

  /** Resolves when every request is answered, or after `msMax`. Open streams do not count. */
  untilQuiet(clock: Clock, msMax: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = clock.after(msMax, resolve, { isAwaited: true })
      this.#onQuiet = () => {
        timer.cancel()
        resolve()
      }
      this.#tellWhenQuiet()
    })
  }

  #followStream(stream: ServerHttp2Stream): void {
    this.#streams.add(stream)
    if (this.#isDraining) stream.session?.close()
    stream.once('close', () => {
      this.#streams.delete(stream)
      this.#tellWhenQuiet()
    })
  }

  #enter(response: ServerResponse): void {
    const { socket } = response.req
    const line = this.#lines.get(socket)
    if (line === undefined) {
      // The rest of a packet whose connection has been closed is nobody's.
      if (!socket.destroyed) this.#lines.set(socket, { last: response, count: 1 })
      return
    }
    line.last = response
    line.count += 1
    this.#behind += 1
  }

  #finish(response: ServerResponse): void {
    const { socket } = response.req
    const line = this.#lines.get(socket)
    if (line === undefined) return
    if (line.last === response) {
      this.#forget(socket)
      return
    }
    line.count -= 1
    this.#behind -= 1
  }

  /** Also the answers behind others, which are never told when their connection breaks. */
  #forget(socket: Socket): void {
    const line = this.#lines.get(socket)
    if (line !== undefined) this.#behind -= line.count - 1
    this.#lines.delete(socket)
    this.#tellWhenQuiet()
  }

  #tellWhenQuiet(): void {
    if (this.#onQuiet === undefined) return
    for (const carrier of [...this.#lines.keys(), ...this.#streams])
      if (!isStreaming(carrier)) return
    this.#onQuiet()
  }
}

function askToClose(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('Connection', 'close')
}
