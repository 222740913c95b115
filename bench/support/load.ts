// A load generator for HTTP: raw keep-alive connections, one request under way on each, no parsing
// beyond what counts.

import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'

/** The requests, their receiver, and for how long. */
export interface Load {
  readonly port: number
  readonly connections: number
  /** The bytes of the next request of a connection; undefined ends that connection. */
  readonly nextRequest: (connection: number) => Uint8Array | undefined
}

/** One answered request. */
export interface Answer {
  /** When its request was written, by `performance.now()`. */
  readonly at: number
  readonly tookMs: number
}

/** Sends requests until `nextRequest` has no more for any connection. Rejects on any answer but 200. */
export async function runLoad(load: Load, onAnswer: (answer: Answer) => void): Promise<void> {
  const sockets = await Promise.all(
    Array.from({ length: load.connections }, async () => {
      const socket = connect({ port: load.port, host: '127.0.0.1', noDelay: true })
      await once(socket, 'connect')
      return socket
    }),
  )
  try {
    await Promise.all(
      sockets.map((socket, index) => drive(socket, () => load.nextRequest(index), onAnswer)),
    )
  } finally {
    for (const socket of sockets) socket.destroy()
  }
}

function drive(
  socket: Socket,
  next: () => Uint8Array | undefined,
  onAnswer: (answer: Answer) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let at = 0
    let answer = ''
    const send = (): void => {
      const request = next()
      if (request === undefined) {
        resolve()
        return
      }
      at = performance.now()
      socket.write(request)
    }
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1')
      if (!isWhole(answer)) return
      if (!answer.startsWith('HTTP/1.1 200 ')) {
        reject(new Error(`The hub answered: ${answer}`))
        return
      }
      answer = ''
      onAnswer({ at, tookMs: performance.now() - at })
      send()
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('The hub closed a connection.')))
    send()
  })
}

function isWhole(answer: string): boolean {
  const headEnd = answer.indexOf('\r\n\r\n')
  if (headEnd === -1) return false
  const length = /^content-length: (\d+)/im.exec(answer)?.[1] ?? '0'
  return answer.length >= headEnd + 4 + Number(length)
}

/** A `POST` as bytes. */
export function postRequest(
  path: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${lines.join('')}\r\n${body}`,
  )
}
