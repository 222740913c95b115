// The requests that are being answered: whom a closing hub waits for, and what a broken connection still owes.

import type { ServerResponse } from 'node:http'
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Server, Socket } from 'node:net'
import type { Clock } from '@tidemark/log'
import { declareFate, isHttp2, isStreaming } from '@tidemark/server/node'
import type { NodeRequest, NodeResponse } from '@tidemark/server/node'

/** Follows the requests of one server. */
export class Traffic {
  /** Of each connection that is being answered the last response in line: answers leave in the order of their requests. */
  readonly #lastInLine = new Map<Socket, ServerResponse>()
  /** Connections of HTTP/2, and the requests on them, each a stream that waits for nobody. */
  readonly #sessions = new Set<ServerHttp2Session>()
  readonly #streams = new Set<ServerHttp2Stream>()
  #isLeaving = false
  #onQuiet: (() => void) | undefined

  /** Begins to follow a server; to be called before it listens. */
  follow(server: Server): void {
    const forget = (socket: Socket): void => this.#forget(socket)
    const isLast = (response: ServerResponse): boolean =>
      this.#lastInLine.get(response.req.socket) === response
    function onSocketClose(this: Socket): void {
      forget(this)
    }
    // Shared by all, and ready to hear that a stream has taken the connection: then nobody waits for an answer on it.
    const onResponseClose = declareFate(function hear(this: ServerResponse): void {
      if (isLast(this)) forget(this.req.socket)
    }, 'told')
    // A response that still waits in line when its connection breaks is never told.
    const onConnection = (socket: Socket): void => void socket.on('close', onSocketClose)
    server.on('connection', onConnection)
    server.on('secureConnection', onConnection)
    server.on('session', (session: ServerHttp2Session) => {
      this.#sessions.add(session)
      session.once('close', () => this.#sessions.delete(session))
    })
    server.on('request', (request: NodeRequest, response: NodeResponse) => {
      if (isHttp2(response)) {
        this.#followStream(response.stream)
        return
      }
      this.#lastInLine.set(request.socket, response)
      if (this.#isLeaving) askToLeave(response)
      response.on('close', onResponseClose)
    })
  }

  /** The response a connection waits for, the last one if there are several. */
  lastOn(socket: Socket): ServerResponse | undefined {
    return this.#lastInLine.get(socket)
  }

  /**
   * From now on every answer says `Connection: close`, or in HTTP/2 GOAWAY goes before it, so that no further request
   * comes on its connection.
   */
  sendAway(): void {
    this.#isLeaving = true
    for (const response of this.#lastInLine.values()) askToLeave(response)
    // What is going on there is finished first; Node ends the connection after its last stream.
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
    if (this.#isLeaving) stream.session?.close()
    stream.once('close', () => {
      this.#streams.delete(stream)
      this.#tellWhenQuiet()
    })
  }

  #forget(socket: Socket): void {
    this.#lastInLine.delete(socket)
    this.#tellWhenQuiet()
  }

  #tellWhenQuiet(): void {
    if (this.#onQuiet === undefined) return
    for (const carrier of [...this.#lastInLine.keys(), ...this.#streams])
      if (!isStreaming(carrier)) return
    this.#onQuiet()
  }
}

function askToLeave(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('Connection', 'close')
}
