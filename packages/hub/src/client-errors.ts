// Bytes on a connection of HTTP/1.1 that are no request: answered once, by hand, and then the
// connection ends.

import { STATUS_CODES } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Readable } from 'node:stream'
import type { Clock } from '@tidemark/log'
import { answerCoded, isStreaming } from '@tidemark/server/hub'
import { HubError } from './errors.ts'
import { LateRequests } from './late-requests.ts'
import { discardMs, headerBytesMax } from './limits.ts'
import type { Traffic } from './traffic.ts'

/**
 * Answers client errors of a server. `isSpoken` says whether HTTP is spoken on a connection: during a
 * TLS handshake it is not. The returned function says whether a connection has got its last answer. A
 * request that arrives on such a connection must not be done: its client was told to send it again.
 */
export function answerClientErrors(
  server: Server,
  options: {
    readonly traffic: Traffic
    readonly clock: Clock
    readonly isSpoken: (socket: Socket) => boolean
    /** How long a request that is late and still arrives is waited for. Milliseconds. */
    readonly lateMsMax: number
    /** Headers beside those of the answer. */
    readonly readHeaders?: () => Readonly<Record<string, string>>
  },
): (socket: Socket) => boolean {
  const { traffic, clock, isSpoken, lateMsMax, readHeaders } = options
  const refused = new WeakSet<Socket>()
  const late = new LateRequests({ server, traffic, clock, msMax: lateMsMax })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const isLate = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && isSpoken(socket)
    if (isLate) late.lookAgain(socket, () => refuse(error, socket))
    else refuse(error, socket)
  })
  const refuse = (error: NodeJS.ErrnoException, socket: Socket): void => {
    const isOver = !socket.writable || isStreaming(socket) || error.code === 'ECONNRESET'
    if (isOver || !isSpoken(socket)) {
      if (!refused.has(socket)) socket.destroy()
      return
    }
    // Whatever else arrives on such a connection is an error again; it has got its last answer.
    if (refused.has(socket)) return
    refused.add(socket)
    const response = traffic.lastOn(socket)
    if (response !== undefined && (response.req.complete || response.headersSent)) {
      endAfter(response, socket, clock)
    } else if (response?.socket === null) {
      // An answer now would be taken for that of an earlier request on this connection, which waits for
      // its own.
      socket.destroy()
    } else {
      answerClientError(error, socket, { clock, headers: readHeaders?.() })
      giveUpReading(response?.req, error)
    }
  }
  return (socket) => refused.has(socket)
}

/** A request that was complete is answered, whatever comes behind it; then the connection ends. */
function endAfter(response: ServerResponse, socket: Socket, clock: Clock): void {
  if (!response.headersSent) response.setHeader('Connection', 'close')
  response.once('close', () => {
    socket.end()
    destroyLater(socket, clock)
  })
}

/** A publish whose client was told that it failed must not be stored when the rest of it arrives. */
export function giveUpReading(request: Readable | undefined, cause: Error): void {
  if (request === undefined || request.listenerCount('error') === 0) return
  request.emit('error', new HubError('REQUEST_MALFORMED', 'The request was cut off.', { cause }))
}

const faults: Readonly<Record<string, HubError>> = {
  HPE_HEADER_OVERFLOW: new HubError(
    'HEADERS_TOO_LARGE',
    `Request line and headers may have ${headerBytesMax} bytes together. Send long topic lists in the body of POST /events.`,
  ),
  ERR_HTTP_REQUEST_TIMEOUT: new HubError(
    'REQUEST_TIMEOUT',
    'The request did not arrive in time. Send it again.',
  ),
}

const malformed = new HubError(
  'REQUEST_MALFORMED',
  'The bytes that arrived are not an HTTP/1.1 request. Check the client, or a proxy that speaks another protocol.',
)

interface ByHand {
  readonly clock: Clock
  /** Headers beside those of the answer. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** There is no response object for bytes that are no request, so the answer is written by hand. */
export function answerClientError(
  error: NodeJS.ErrnoException,
  socket: Socket,
  { clock, headers: more }: ByHand,
): void {
  const { status, headers, body } = answerCoded(faults[error.code ?? ''] ?? malformed)
  const lines = Object.entries({ ...headers, ...more, Connection: 'close' })
  const fields = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${fields}\r\n`
  socket.end(Buffer.concat([Buffer.from(head), body]))
  destroyLater(socket, clock)
}

/** Closing with unread bytes makes the kernel reset the connection, and the client never sees the answer. */
function destroyLater(socket: Socket, clock: Clock): void {
  socket.resume()
  const timer = clock.after(discardMs, () => socket.destroy())
  socket.once('close', () => timer.cancel())
}
