// HTTP by hand: requests no client library would send, answers byte by byte.

import { connect } from 'node:net'
import type { Socket } from 'node:net'

export interface Answer {
  readonly status: number
  readonly headers: string
  readonly body: string
  /** How the connection ended: `end` in good order, `reset` without. */
  readonly ending: 'end' | 'reset'
}

/** Sends bytes and collects what comes back until the server closes. */
export function exchange(port: number, parts: readonly (string | Uint8Array)[]): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    let ending: Answer['ending'] = 'end'
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => (text += chunk))
    socket.on('error', () => (ending = 'reset'))
    socket.on('close', () => resolve(readAnswer(text, ending)))
    for (const part of parts) socket.write(part)
  })
}

/** Opens a connection, sends bytes, and resolves once `part` has come back. */
export function openUntil(port: number, request: string, part: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    socket.setEncoding('utf8')
    socket.on('error', () => undefined)
    socket.once('close', () => reject(new Error(`closed before ${part}: ${text}`)))
    socket.on('data', (chunk: string) => {
      text += chunk
      if (text.includes(part)) resolve(socket)
    })
    socket.write(request)
  })
}

function readAnswer(text: string, ending: Answer['ending']): Answer {
  const [headers = '', ...rest] = text.split('\r\n\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(headers)?.[1] ?? 0)
  return { status, headers, body: rest.join('\r\n\r\n'), ending }
}
