// HTTP/1.1 on a socket of its own, read by hand: nothing between the test and the bytes.

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { AnswerReader } from 'tidemark/bench'
import type { Door, OpenedStream, StreamListener, StreamRequest } from './door.ts'

/** One connection per stream, with TLS where the URL says so. */
export const http1Door: Door = {
  open(request, listener) {
    const socket = openSocket(request.url)
    socket.write(formatRequest(request))
    read(socket, listener)
    return {
      pause: () => void socket.pause(),
      resume: () => void socket.resume(),
      cut: () => void socket.destroy(),
    } satisfies OpenedStream
  },
  close: () => undefined,
}

function openSocket({ hostname: host, port: text, protocol }: URL): Socket {
  const port = Number(text)
  // The certificate of a test is nobody's.
  if (protocol === 'https:') return connectTls({ host, port, rejectUnauthorized: false })
  return connect({ host, port })
}

function formatRequest({ url, headers }: StreamRequest): string {
  const lines = Object.entries({ Host: url.host, ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  return `GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join('')}\r\n`
}

function read(socket: Socket, listener: StreamListener): void {
  const reader = new AnswerReader({
    opened: ({ status, fields }) => listener.opened(status, fields),
    body: (slice) => listener.bytes(slice),
  })
  socket.on('data', (part: Buffer) => {
    if (socket.destroyed) return
    try {
      reader.push(part)
      if (reader.isComplete) socket.destroy()
    } catch (error) {
      listener.broken(error)
      socket.destroy()
    }
  })
  socket.on('error', () => undefined)
  socket.once('close', () => listener.ended())
}
