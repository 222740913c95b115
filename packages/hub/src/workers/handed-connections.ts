// Connections of a worker, accepted by another process.

import type { Server, Socket } from 'node:net'
import type { FromWorker } from './messages.ts'

/** Passes connections to a server that does not listen itself. */
export class HandedConnections {
  readonly #server: Server
  readonly #tell: (message: FromWorker) => void
  readonly #onClose = (): void => this.#noteClosed()
  #closed = 0

  constructor(server: Server, tell: (message: FromWorker) => void) {
    this.#server = server
    this.#tell = tell
    // Node's HTTP server needs this event to look for requests that come too slowly, and to know
    // its connections.
    server.emit('listening')
    server.once('close', () => tell({ kind: 'drained' }))
  }

  /** Serves a connection. It is undefined when it broke on its way. */
  take(socket: Socket | undefined): void {
    this.#tell({ kind: 'taken' })
    if (socket === undefined) {
      this.#noteClosed()
      return
    }
    // Like sockets that the server accepts itself. Of a server without TLS a client that has sent its
    // request may close its side and read on. With TLS nobody may: HTTP/2 would not see its clients go.
    socket.allowHalfOpen = isHalfOpen(this.#server)
    socket.once('close', this.#onClose)
    this.#server.emit('connection', socket)
  }

  /** Connections that end together are reported in one message. */
  #noteClosed(): void {
    this.#closed += 1
    if (this.#closed > 1) return
    setImmediate(() => {
      this.#tell({ kind: 'closed', connections: this.#closed })
      this.#closed = 0
    })
  }
}

/** `node:net` keeps it from the options of each server, and does not document that. */
function isHalfOpen(server: Server): boolean {
  return (server as { readonly allowHalfOpen?: unknown }).allowHalfOpen === true
}
