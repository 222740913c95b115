// HTTP by hand: requests no client library would send, answers byte by byte.

import type { Socket } from 'node:net'
import { sendRaw } from '@tidemark/testkit'

export interface Answer {
  readonly status: number
  readonly headers: string
  readonly body: string
  /** How the connection ended: `end` in good order, `reset` without. */
  readonly ending: 'end' | 'reset'
}

/** Sends bytes and collects what comes back until the server closes. */
export function exchange(
  port: number,
  [first = '', ...more]: readonly (string | Uint8Array)[],
): Promise<Answer> {
  const client = sendRaw(port, first)
  const { socket } = client
  for (const part of more) socket.write(part)
  return new Promise((resolve) => {
    let ending: Answer['ending'] = 'end'
    socket.on('error', () => (ending = 'reset'))
    socket.on('close', () => resolve(readAnswer(client.text, ending)))
  })
}

/** Opens a connection, sends bytes, and resolves once `part` has come back. */
export async function openUntil(port: number, request: string, part: string): Promise<Socket> {
  const client = sendRaw(port, request)
  const closed = new Promise<never>((_, reject) => {
    client.socket.once('close', () => reject(new Error(`closed before ${part}: ${client.text}`)))
  })
  // Later its end is no news.
  closed.catch(() => undefined)
  await Promise.race([client.until(part), closed])
  return client.socket
}

function readAnswer(text: string, ending: Answer['ending']): Answer {
  const [headers = '', ...rest] = text.split('\r\n\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(headers)?.[1] ?? 0)
  return { status, headers, body: rest.join('\r\n\r\n'), ending }
}
