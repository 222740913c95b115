// Clients that send too slowly, too much at once, or more than a request.

import { once } from 'node:events'
import { connect } from 'node:net'
import { memoryLog } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { expect, onTestFinished, test } from 'vitest'
import { exchange, openUntil } from './support/raw.ts'
import { startTestServer } from './support/test-server.ts'

/** Long beside the pauses that a busy machine makes in the middle of a request, short beside a test. */
const times = { headersMs: 400, requestMs: 500, checkMs: 50 }

const post = (bytes: number, headers = ''): string =>
  `POST /topics/a HTTP/1.1\r\nHost: localhost\r\n${headers}Content-Length: ${bytes}\r\n\r\n`

const close = 'Connection: close\r\n'

async function publish(port: number, bytes: number): Promise<number> {
  return (await exchange(port, [post(bytes, close), 'x'.repeat(bytes)])).status
}

async function countEvents(port: number): Promise<number> {
  const history = `GET /topics/a HTTP/1.1\r\nHost: localhost\r\n${close}\r\n`
  const { body } = await exchange(port, [history])
  return (JSON.parse(body) as { records: unknown[] }).records.length
}

test('a client that never finishes its headers gets 408 and holds its connection no longer', async () => {
  const port = await startTestServer({ times })
  const answer = await exchange(port, ['GET /livez HTTP/1.1\r\nHost: loc'])
  expect(answer).toMatchObject({ status: 408, ending: 'end' })
  expect(JSON.parse(answer.body)).toMatchObject({ status: 408, code: 'REQUEST_TIMEOUT' })
})

test('a body that comes too slowly gets one 408, and is not published when the rest comes after all', async () => {
  const port = await startTestServer({ times })
  const socket = await openUntil(port, `${post(6)}slo`, 'REQUEST_TIMEOUT')
  let after = ''
  socket.on('data', (text: string) => (after += text))
  socket.write('wly')
  await once(socket, 'close')
  expect(after).not.toContain('HTTP/1.1')
  expect(await countEvents(port)).toBe(0)
})

test('unfinished bodies together stay below a limit, while small publishes go on', async () => {
  const KiB = 1024
  const port = await startTestServer({
    bodies: { requestBytesMax: 512 * KiB, heldBytesMax: 256 * KiB },
  })
  const holder = connect(port, '127.0.0.1')
  onTestFinished(() => void holder.destroy())
  holder.write(`${post(400 * KiB)}${'x'.repeat(250 * KiB)}`)
  await expect.poll(() => publish(port, 200 * KiB)).toBe(503)
  const answer = await exchange(port, [post(200 * KiB, close), 'x'.repeat(200 * KiB)])
  expect(answer).toMatchObject({ status: 503, ending: 'end' })
  expect(answer.headers).toMatch(/Retry-After: \d+/)
  expect(JSON.parse(answer.body)).toMatchObject({ code: 'OVERLOADED' })
  expect(await publish(port, 4 * KiB)).toBe(200)
  holder.destroy()
  await expect.poll(() => publish(port, 200 * KiB)).toBe(200)
})

test('a body sent byte by byte counts for what its chunks cost', async () => {
  const port = await startTestServer({
    bodies: { requestBytesMax: 64 * 1024, heldBytesMax: 64 * 1024 },
  })
  const head = `POST /topics/a HTTP/1.1\r\nHost: localhost\r\n${close}Transfer-Encoding: chunked\r\n\r\n`
  const answer = await exchange(port, [head, '1\r\nx\r\n'.repeat(8 * 1024), '0\r\n\r\n'])
  expect(answer).toMatchObject({ status: 503 })
})

test('a body is let go once it is published', async () => {
  const port = await startTestServer({
    bodies: { requestBytesMax: 64 * 1024, heldBytesMax: 64 * 1024 },
  })
  for (let round = 0; round < 10; round++) expect(await publish(port, 60 * 1024)).toBe(200)
})

test('connections beyond the limit are closed', async () => {
  const port = await startTestServer({ connectionsMax: 2 })
  const live = 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n'
  const open = [await openUntil(port, live, '200'), await openUntil(port, live, '200')]
  onTestFinished(() => open.forEach((socket) => socket.destroy()))
  expect(await exchange(port, [live])).toMatchObject({ status: 0 })
})

/** A log whose appends wait until they are let through. */
function holdAppends(): { log: EventLog; begun: Promise<void>; release: () => void } {
  const inner = memoryLog()
  const begun = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  const log: EventLog = {
    append: async (batch) => {
      begun.resolve()
      await gate.promise
      return inner.append(batch)
    },
    read: (query) => inner.read(query),
    tail: (after, handler) => inner.tail(after, handler),
    bounds: () => inner.bounds(),
    retention: inner.retention,
    ruleFor: (topic) => inner.ruleFor(topic),
    locate: (since) => inner.locate(since),
    close: () => inner.close(),
  }
  return { log, begun: begun.promise, release: () => gate.resolve() }
}

test.each([
  ['with it', 'x\0\0 garbage \r\n\r\n', ''],
  ['after it', 'x', '\0\0 garbage \r\n\r\n'],
])(
  'a publish that is stored is not called malformed for the garbage that comes %s',
  async (_, body, later) => {
    const { log, begun, release } = holdAppends()
    const port = await startTestServer({ log })
    const socket = connect(port, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => (text += chunk))
    socket.write(post(1) + body)
    await begun
    if (later !== '') {
      await new Promise((resolve) => socket.write(later, resolve))
      // The server has read the garbage once it has answered what was sent behind it on another connection.
      await exchange(port, [`GET /livez HTTP/1.1\r\nHost: localhost\r\n${close}\r\n`])
    }
    release()
    await once(socket, 'close')
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200'])
    expect(text).toContain('"cursor"')
    expect(await countEvents(port)).toBe(1)
  },
)

test('a publish that comes behind a request for a stream belongs to no request, and is not stored', async () => {
  const port = await startTestServer({})
  const body = '{"topics":["a"]}'
  const subscribe = `POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  await exchange(port, [`${subscribe}${post(2)}no`])
  expect(await countEvents(port)).toBe(0)
})
