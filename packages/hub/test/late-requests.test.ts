// Requests that arrived in time, on a server that stood still.

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { waitUntil } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { startTestServer } from './support/test-server.ts'

const times = { headersMs: 100, requestMs: 100, checkMs: 20 }
const standstillMs = 400

/** Stands still for longer than a request may take. */
function standStill(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, standstillMs)
}

interface Conversation {
  readonly socket: Socket
  readonly text: string
}

/** Opens a connection to a new server and writes `request`; the server stands still before it reads the first byte. */
async function sendBeforeStandstill(request: string): Promise<Conversation> {
  let isAccepted = false
  let isWritten = false
  // Timers run next, and only then the server reads.
  const tryStandStill = (): void => {
    if (isAccepted && isWritten) setImmediate(standStill)
  }
  const onConnection = (): void => {
    isAccepted = true
    tryStandStill()
  }
  const port = await startTestServer({ times, onConnection })
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  socket.on('error', () => undefined)
  socket.once('connect', () => {
    socket.write(request)
    isWritten = true
    tryStandStill()
  })
  return {
    socket,
    get text() {
      return text
    },
  }
}

test('an EventSource that connected in time is served however late it is looked at, not ended for good by a 408', async () => {
  const conversation = await sendBeforeStandstill(
    'GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n',
  )
  await waitUntil('it is answered', () => conversation.text !== '')
  expect(conversation.text).toMatch(/^HTTP\/1\.1 200 /)
  await waitUntil('it is ready', () => conversation.text.includes('tidemark.ready'))
})

test('a publish that arrived in time is stored, and its connection goes on', async () => {
  const request = 'POST /topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nok'
  const conversation = await sendBeforeStandstill(request)
  await waitUntil('it is answered', () => conversation.text.includes('cursor'))
  conversation.socket.write(request)
  await waitUntil('the next is, too', () => conversation.text.split('"cursor"').length === 3)
  expect(conversation.text).not.toContain('408')
})

test('half a head is refused after a standstill too', async () => {
  const conversation = await sendBeforeStandstill('GET /events?topic=a HTTP/1.1\r\nHost: loc')
  await waitUntil('it is refused', () => conversation.text.includes('REQUEST_TIMEOUT'))
  expect(conversation.text).toMatch(/^HTTP\/1\.1 408 /)
})

test('a client that is late and goes on byte by byte gains no more than the time between two checks', async () => {
  const conversation = await sendBeforeStandstill('GET /events?topic=a HTTP/1.1\r\nX: ')
  const drip = setInterval(() => conversation.socket.write('x'), 5)
  onTestFinished(() => clearInterval(drip))
  await waitUntil('it is refused', () => conversation.text.includes('REQUEST_TIMEOUT'))
})
