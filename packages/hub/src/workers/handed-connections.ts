// A worker's connections, which another process has accepted for it.

import type { Server, Socket } from 'node:net'
import type { FromWorker } from './messages.ts'

/** Brings connections to a server that does not listen itself. */
export class HandedConnections {
  readonly #server: Server
  readonly #tell: (message: FromWorker) => void
  readonly #onClose = (): void => this.#noteClosed()
  #closed = 0

  constructor(server: Server, tell: (message: FromWorker) => void) {
    this.#server = server
    this.#tell = tell
    // Without this event Node's HTTP server neither looks for requests that come too slowly nor knows its connections.
    server.emit('listening')
    server.once('close', () => tell({ kind: 'drained' }))
  }

  /** Serves a connection; it is undefined when it broke on its way here. */
  take(socket: Socket | undefined): void {
    this.#tell({ kind: 'taken' })
    if (socket === undefined) {
      this.#noteClosed()
      return
    }
    // As the sockets that an HTTP server accepts itself: who has sent a request may close his side and read on.
    socket.allowHalfOpen = true
    socket.once('close', this.#onClose)
    this.#server.emit('connection', socket)
  }

  /** Many connections that end together are told in one message. */
  #noteClosed(): void {
    this.#closed += 1
    if (this.#closed > 1) return
    setImmediate(() => {
      this.#tell({ kind: 'closed', connections: this.#closed })
      this.#closed = 0
    })
  }
}
