// The `node:http` server of the hub: its limits, and answers to what is no request at all.

import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '@tidemark/log'
import { isStreaming } from '@tidemark/server/node'
import { answer } from './answer.ts'
import type { AnswerContext } from './answer.ts'
import { hubErrors } from './errors.ts'
import type { HubErrorCode } from './errors.ts'
import { discardMs, headerBytesMax, keepAliveMs } from './limits.ts'

/** Makes the server; it does not listen yet. */
export function createHttpServer(context: AnswerContext): Server {
  const server = createServer(
    { maxHeaderSize: headerBytesMax, keepAliveTimeout: keepAliveMs },
    (request, response) => {
      void answer(request, response, context)
    },
  )
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    answerClientError(error, socket as Socket, context.clock)
  })
  return server
}

interface ClientFault {
  readonly status: string
  readonly code: HubErrorCode
  readonly detail: string
}

const faults: Readonly<Record<string, ClientFault>> = {
  HPE_HEADER_OVERFLOW: {
    status: '431 Request Header Fields Too Large',
    code: 'HEADERS_TOO_LARGE',
    detail: `Request line and headers may have ${headerBytesMax} bytes together. Send long topic lists in the body of POST /events.`,
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: '408 Request Timeout',
    code: 'REQUEST_TIMEOUT',
    detail: 'The request did not arrive in time. Send it again.',
  },
}

const malformed: ClientFault = {
  status: '400 Bad Request',
  code: 'REQUEST_MALFORMED',
  detail:
    'What arrived is not an HTTP/1.1 request. Check the client, or a proxy that speaks another protocol.',
}

/** There is no response object for bytes that are no request, so the answer is written by hand. */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket, clock: Clock): void {
  if (!socket.writable || isStreaming(socket) || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const { status, code, detail } = faults[error.code ?? ''] ?? malformed
  const body = `${JSON.stringify({ status: Number.parseInt(status, 10), code, title: hubErrors[code], detail })}\n`
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
  // Closing with unread bytes makes the kernel reset the connection, and the client never sees the answer.
  socket.resume()
  const timer = clock.after(discardMs, () => socket.destroy())
  socket.once('close', () => timer.cancel())
}
