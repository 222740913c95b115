// One open stream, read as it comes.

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { waitUntil } from '@tidemark/testkit'
import { onTestFinished } from 'vitest'

export interface LiveStream {
  readonly socket: Socket
  /** All that came so far. */
  readonly text: string
  readonly isClosed: boolean
  /** The data of the published events that came so far. */
  readonly data: readonly string[]
}

/** Opens a stream on a connection of its own; resolves when it is ready. */
export async function openLiveStream(port: number, query: string): Promise<LiveStream> {
  const stream = beginStream(port, query)
  await waitUntil('the stream is ready', () => stream.text.includes('event: tidemark.ready'))
  return stream
}

/** Asks for a stream on a connection of its own. */
export function beginStream(port: number, query: string): LiveStream {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  let isClosed = false
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => (text += chunk))
  socket.on('error', () => undefined)
  socket.once('close', () => (isClosed = true))
  socket.write(
    `GET /events?${query} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`,
  )
  onTestFinished(() => void socket.destroy())
  return {
    socket,
    get text() {
      return text
    },
    get isClosed() {
      return isClosed
    },
    get data() {
      // Each event stands in a chunk, or several in one; control events carry JSON objects.
      return [...text.matchAll(/^data: (?!\{)(.*)$/gm)].map(([, data = '']) => data)
    },
  }
}
