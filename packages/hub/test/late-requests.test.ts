// Requests that arrived in time, on a server that stood still.

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { memoryLog, parseTopic } from '@tidemark/log'
import { waitUntil } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { exchange } from './support/raw.ts'
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

/**
 * Opens a connection to a new server and writes `request`; the server stands still before it reads the
 * first byte.
 */
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

test('half a head behind answers that are read late does not keep its connection by a byte now and then', async () => {
  const page = 'x'.repeat(1024 * 1024)
  const log = memoryLog()
  await log.append({ events: [{ topic: parseTopic('a'), data: page }] })
  const port = await startTestServer({ times, log })
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  let isClosed = false
  let length = 0
  socket.on('error', () => undefined).once('close', () => (isClosed = true))
  // More than the kernel takes of answers that nobody reads, and less than `answerLimits.connectionBytesMax`.
  const pages = 7
  socket.pause()
  socket.write('GET /topics/a HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(pages))
  socket.write('GET /livez HTTP/1.1\r\nX: ')
  const drip = setInterval(() => socket.write('x'), 5)
  onTestFinished(() => clearInterval(drip))
  // One that comes later and is late alone: by then the first was looked at as well, its answers unread.
  expect(await exchange(port, ['GET / HTTP/1.1\r\nHost'])).toMatchObject({ status: 408 })
  socket.on('data', (chunk: Buffer) => (length += chunk.length)).resume()
  await waitUntil('the connection is ended', () => isClosed)
  // A complete request is answered.
  expect(length).toBeGreaterThan(pages * page.length)
})

test('a publish that was told to be sent again is not stored when the rest of it arrives after all', async () => {
  const log = memoryLog()
  const port = await startTestServer({ times, log })
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  onTestFinished(() => void socket.destroy())
  let text = ''
  let isClosed = false
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  socket.on('error', () => undefined).once('close', () => (isClosed = true))
  socket.write('POST /topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nX: ')
  await waitUntil('it is refused', () => text.includes('REQUEST_TIMEOUT'))
  socket.end('y\r\n\r\nlate')
  await waitUntil('the connection is ended', () => isClosed)
  const answer = await exchange(port, [
    'GET /topics/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
  ])
  expect(answer.body).toContain('"records":[]')
})
