// Limits multiplied: many small things at once, each within its own limit.

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { memoryLog, parseTopic } from '@tidemark/log'
import type { EventLog, ReadQuery } from '@tidemark/log'
import { collectGarbage } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { pageDataMax } from '../../log/src/limits.ts'
import { eventBytesMax } from '../../server/src/limits.ts'
import { eventOverheadBytes, lineLimits } from '../src/limits.ts'
import { exchange } from './support/raw.ts'
import { startTestServer } from './support/test-server.ts'

const KiB = 1024

/** A log that answers appends, or reads, only when the test lets it. */
function holdLog(): {
  log: EventLog
  waiting: () => number
  reading: () => number
  release: () => void
} {
  const inner = memoryLog()
  let held: (() => void)[] = []
  let reading = 0
  let isOpen = false
  const pass = async (): Promise<void> => {
    if (!isOpen) await new Promise<void>((resolve) => held.push(resolve))
  }
  return {
    log: {
      append: async (batch) => {
        await pass()
        return inner.append(batch)
      },
      read: async (query: ReadQuery) => {
        // The hub's own ledgers are read at the start.
        if (!query.topics.matches(parseTopic('a'))) return inner.read(query)
        reading += 1
        await pass()
        return inner.read(query)
      },
      tail: (after, handler) => inner.tail(after, handler),
      locate: (query) => inner.locate(query),
      bounds: () => inner.bounds(),
      retention: inner.retention,
      ruleFor: (topic) => inner.ruleFor(topic),
      close: () => inner.close(),
    },
    waiting: () => held.length,
    reading: () => reading,
    release() {
      isOpen = true
      for (const go of held) go()
      held = []
    },
  }
}

function open(port: number): Socket & { text?: string } {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  onTestFinished(() => void socket.destroy())
  return socket
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`
const post = (path: string, body: string, headers = ''): string =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`

test('a packet full of requests for pages has four of them read at a time, not all before the first is counted', async () => {
  const { log, reading, release } = holdLog()
  const port = await startTestServer({ log })
  const socket = open(port)
  socket.write(get('/topics/a').repeat(200))
  await expect.poll(reading).toBe(4)
  // Another connection's turn has come and gone by the time it is answered.
  expect(
    (await exchange(port, [get('/livez').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')]))
      .status,
  ).toBe(200)
  expect(reading()).toBe(4)
  let text = ''
  socket.setEncoding('latin1').on('data', (part: string) => (text += part))
  release()
  await expect.poll(() => text.match(/HTTP\/1\.1 200/g)?.length).toBe(200)
  expect(reading()).toBe(200)
})

test('a page of history has six times the characters of a page of the log and one event at most', async () => {
  const log = memoryLog()
  const topic = parseTopic('a')
  // The first leaves just too much room for a page to end; the second is the largest there is.
  for (const characters of [pageDataMax - 1, eventBytesMax])
    await log.append({ events: [{ topic, data: '\u0001'.repeat(characters) }] })
  await log.append({ events: [{ topic, data: 'on the next page' }] })
  const port = await startTestServer({ log })
  const close = get('/topics/a?limit=1000').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')
  const { body } = await exchange(port, [close])
  expect((JSON.parse(body) as { records: unknown[] }).records).toHaveLength(2)
  expect(body.length).toBeGreaterThan(6 * (pageDataMax - 1 + eventBytesMax))
  expect(body.length).toBeLessThanOrEqual(6 * (pageDataMax + eventBytesMax) + 1024)
})

test.each([
  ['of one character of two bytes', 'text/plain', `€${'x'.repeat(16_000)}`],
  ['of ASCII', 'text/plain', 'x'.repeat(16_000)],
  [
    'of large events',
    'application/x-ndjson',
    `{"topic":"a","data":"€${'x'.repeat(3_900)}"}\n`.repeat(4),
  ],
  [
    'of escapes',
    'application/json',
    JSON.stringify([{ topic: 'a', data: '\u0001'.repeat(2_600) }]),
  ],
])('bodies %s that wait for the log hold twice their bytes at most', async (_, type, body) => {
  const { log, waiting } = holdLog()
  const port = await startTestServer({ log, connectionsMax: 1_000 })
  const path = type === 'text/plain' ? '/topics/a' : '/publish'
  const bytes = Buffer.byteLength(body)
  const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nContent-Length: `
  const send = async (content: string, count: number): Promise<void> => {
    const done = waiting() + count
    for (let i = 0; i < count; i++)
      open(port).write(`${head}${Buffer.byteLength(content)}\r\n\r\n${content}`)
    await expect.poll(waiting).toBe(done)
  }
  const small = type === 'text/plain' ? '' : '{"topic":"a","data":""}'
  const count = 100
  await send(type === 'application/json' ? `[${small}]` : small, count)
  const empty = collectGarbage()
  // A connection and a request cost as much, whatever their bodies.
  await send(type === 'application/json' ? `[${small}]` : small, count)
  const between = collectGarbage()
  await send(body, count)
  const held = (collectGarbage() - between - (between - empty)) / count
  expect(held).toBeLessThan(2.2 * bytes)
})

test('a page that is asked for by a client who has left is not read', async () => {
  const { log, reading, release } = holdLog()
  const port = await startTestServer({ log })
  const socket = open(port)
  socket.write(get('/topics/a').repeat(50))
  await expect.poll(reading).toBe(4)
  socket.destroy()
  const close = get('/topics/a').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')
  const other = exchange(port, [close])
  await expect.poll(() => reading()).toBe(4)
  await new Promise((resolve) => setImmediate(resolve))
  release()
  expect((await other).status).toBe(200)
  expect(reading()).toBe(5)
})

test('a client that publishes on end without waiting for answers is closed, not collected, while the log stands still', async () => {
  const { log, waiting } = holdLog()
  const port = await startTestServer({ log })
  const socket = open(port)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  const packet = post('/topics/a', 'x').repeat(50)
  const push = (): void => void (socket.destroyed || socket.write(packet, push))
  push()
  await closed
  expect(waiting()).toBeLessThanOrEqual(lineLimits.connectionMax)
})

test('many connections with requests in line hold no more of them than all may, and one request each is always taken', async () => {
  const { log, waiting, release } = holdLog()
  const port = await startTestServer({ log, lines: { connectionMax: 256, behindMax: 100 } })
  const crowd = Array.from({ length: 10 }, () => open(port))
  for (const socket of crowd) socket.write(post('/topics/a', 'x').repeat(40))
  await expect.poll(() => crowd.filter(({ destroyed }) => destroyed).length).toBeGreaterThan(6)
  expect(waiting()).toBeLessThanOrEqual(10 * 40)
  const one = open(port)
  let text = ''
  one.setEncoding('latin1').on('data', (part: string) => (text += part))
  one.write(post('/topics/b', 'x'))
  const before = waiting()
  await expect.poll(waiting).toBeGreaterThanOrEqual(before)
  release()
  await expect.poll(() => text).toContain('HTTP/1.1 200')
})

test('clients that pipeline within the limit are all answered, however often', async () => {
  const port = await startTestServer({ lines: { connectionMax: 256, behindMax: 255 } })
  const socket = open(port)
  let text = ''
  socket.setEncoding('latin1').on('data', (part: string) => (text += part))
  for (let round = 1; round <= 5; round++) {
    socket.write(get('/livez').repeat(256))
    await expect.poll(() => text.match(/HTTP\/1\.1 200/g)?.length).toBe(round * 256)
  }
})

test('small bodies of many events count for their events, which wait while the log stands still', async () => {
  const { log, waiting, release } = holdLog()
  const heldBytesMax = 512 * KiB
  const port = await startTestServer({ log, bodies: { requestBytesMax: 64 * KiB, heldBytesMax } })
  // 15 KB, which is free as bytes, and 600 events.
  const body = '{"topic":"a","data":1}\n'.repeat(600)
  const headers = 'Content-Type: application/x-ndjson\r\nConnection: close\r\n'
  const each = body.length + 600 * eventOverheadBytes - 16 * KiB
  const fitting = Math.floor(heldBytesMax / each)
  const answers = Array.from({ length: 10 }, () =>
    exchange(port, [post('/publish', body, headers)]),
  )
  await expect.poll(waiting).toBeGreaterThan(0)
  const early = await Promise.race(answers)
  expect(early).toMatchObject({ status: 503, ending: 'end' })
  expect(JSON.parse(early.body)).toMatchObject({ code: 'OVERLOADED' })
  // The others are answered while the log stands still; one that came later would find room.
  let answered = 0
  for (const answer of answers) void answer.then(() => (answered += 1))
  await expect.poll(() => answered).toBe(10 - fitting)
  expect(waiting()).toBeLessThanOrEqual(fitting)
  release()
  const statuses = (await Promise.all(answers)).map(({ status }) => status)
  expect(statuses.filter((status) => status === 200)).toHaveLength(fitting)
  expect(statuses.filter((status) => status === 503)).toHaveLength(10 - fitting)
  // The memory that was held is free again.
  expect((await exchange(port, [post('/publish', body, headers)])).status).toBe(200)
})
