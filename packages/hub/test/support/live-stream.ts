// One open stream, read as it comes.

import { sendRaw, waitUntil } from '@tidemark/testkit'
import type { RawClient } from '@tidemark/testkit'
import { onTestFinished } from 'vitest'

export interface LiveStream extends RawClient {
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
  const client = sendRaw(
    port,
    `GET /events?${query} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`,
  )
  onTestFinished(() => void client.socket.destroy())
  return {
    socket: client.socket,
    until: client.until,
    get text() {
      return client.text
    },
    get isClosed() {
      return client.isClosed
    },
    get data() {
      // Each event stands in a chunk, or several in one; control events carry JSON objects.
      return [...client.text.matchAll(/^data: (?!\{)(.*)$/gm)].map(([, data = '']) => data)
    },
  }
}
