// One session's trouble stays its own: sinks that throw, sockets that stall, logs that are away, long
// replays.

import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { memoryLog, parseTopic } from '@tidemark/log'
import type { EventLog, EventRecord } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import { parseSubscriptionQuery } from '../src/hub/index.ts'
import type { Block, Sink, SinkListener } from '../src/hub/index.ts'
import { get, sendRaw } from './support/node-server.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'
import { wrapLog } from './support/wrap-log.ts'

const subscription = (query: string): ReturnType<typeof parseSubscriptionQuery> =>
  parseSubscriptionQuery(new URLSearchParams(query))

const dataOf = (client: TestClient): string[] => client.published.map((event) => event.data)

async function fill(log: EventLog, count: number, size: number): Promise<void> {
  const topic = parseTopic('a')
  const filling = 'x'.repeat(size)
  for (let i = 0; i < count; i += 1_000) {
    const part = Math.min(1_000, count - i)
    await log.append({
      events: Array.from({ length: part }, (_, j) => ({ topic, data: `${i + j} ${filling}` })),
    })
  }
}

test('a sink that throws ends its own session and loses nothing for the others', async () => {
  const errors: unknown[] = []
  const onError = (error: unknown): number => errors.push(error)
  // On a busy machine the window would open, and the third event would wait for it.
  const tide = createTidemark({
    authorize: 'everyone',
    log: memoryLog(),
    flushWindowMs: 0,
    onError,
  })
  let isBroken = false
  const broken: Sink = {
    write() {
      if (isBroken) throw new Error('middleware at fault')
      return true
    },
    end: () => undefined,
    abort: () => undefined,
    listen: () => undefined,
  }
  await tide.open(broken, subscription('topic=a'))
  const client = new TestClient()
  await tide.open(client.connect(), subscription('topic=a'))
  const other = new TestClient()
  await tide.open(other.connect(), subscription('topic=*'))
  isBroken = true
  for (const data of ['one', 'two', 'three']) await tide.publish('a', { data })
  await settle()
  expect(dataOf(client)).toEqual(['one', 'two', 'three'])
  expect(dataOf(other)).toEqual(['one', 'two', 'three'])
  expect(errors).toHaveLength(1)
  expect(tide.sessionCount).toBe(2)
})

test('a sink that throws while its session replays is let go for good', async () => {
  const log = memoryLog()
  await fill(log, 10, 10)
  const tide = createTidemark({ authorize: 'everyone', log })
  let writes = 0
  const broken: Sink = {
    write() {
      writes += 1
      throw new Error('middleware at fault')
    },
    end: () => undefined,
    abort: () => undefined,
    listen: () => undefined,
  }
  const witness = new TestClient()
  await tide.open(witness.connect(), subscription('topic=a'))
  await tide.open(broken, subscription('topic=a&since=earliest'))
  await expect.poll(() => tide.sessionCount).toBe(1)
  expect(await tide.publish('a', { data: 'later' })).toMatchObject({ sessions: 1 })
  await settle()
  expect(dataOf(witness)).toEqual(['later'])
  expect(writes).toBe(1)
})

test('a response that somebody else has answered meanwhile leaves no session and no unhandled rejection', async () => {
  const log = memoryLog()
  let release = (): void => undefined
  const slow = wrapLog(log, {
    locate: async (query) => {
      await new Promise<void>((resolve) => (release = resolve))
      return log.locate(query)
    },
  })
  const tide = createTidemark({ authorize: 'everyone', log: slow })
  const server = createServer((request, response) => {
    void tide.subscribe(request, response)
    response.writeHead(504).end('too late')
    setImmediate(() => release())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = sendRaw((server.address() as AddressInfo).port, get('/?topic=a&since=earliest'))
  await client.until('too late')
  await expect.poll(() => tide.sessionCount).toBe(0)
  expect(client.text).not.toContain('tidemark.ready')
  client.socket.destroy()
  server.closeAllConnections()
  server.close()
})

test('a server with a high water mark above ours still drains', async () => {
  const log = memoryLog()
  await fill(log, 100, 64 * 1024)
  const tide = createTidemark({ authorize: 'everyone', log })
  const server = createServer({ highWaterMark: 4 * 1024 * 1024 }, (request, response) => {
    void tide.subscribe(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = sendRaw((server.address() as AddressInfo).port, get('/?topic=a&since=earliest'))
  await client.until('data: 99 ')
  client.socket.destroy()
  await tide.close()
  server.closeAllConnections()
  server.close()
})

test('HEAD is answered with the head, and opens nothing', async () => {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
  const server = createServer((request, response) => void tide.subscribe(request, response)).listen(
    0,
    '127.0.0.1',
  )
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = sendRaw(
    port,
    'HEAD /?topic=a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
  )
  await once(client.socket, 'close')
  expect(client.text).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
  expect(client.text).toContain('text/event-stream')
  expect(client.text.endsWith('\r\n\r\n')).toBe(true)
  expect(tide.sessionCount).toBe(0)
  server.close()
})

test('a log that is away at the start refuses so that clients come back, and is tried again', async () => {
  const log = memoryLog()
  let isAway = true
  const flaky = wrapLog(log, {
    bounds: () => (isAway ? Promise.reject(new Error('no disk yet')) : log.bounds()),
  })
  const tide = createTidemark({ authorize: 'everyone', log: flaky })
  const client = new TestClient()
  await expect(tide.ready).rejects.toThrow('no disk yet')
  isAway = false
  await tide.open(client.connect(), subscription('topic=a'))
  await tide.publish('a', { data: 'at last' })
  await settle()
  expect(dataOf(client)).toEqual(['at last'])
})

test('a stalled client costs its cursor, not a page of records', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const log = memoryLog()
  await fill(log, 4_000, 1_024)
  const held: WeakRef<EventRecord>[] = []
  const copying = wrapLog(log, {
    // Copies, as a log on disk makes them: the memory log's own records stay alive anyway.
    read: async (query) => {
      const page = await log.read(query)
      const records = page.records.map((record) => ({ ...record }))
      held.push(...records.map((record) => new WeakRef<EventRecord>(record)))
      return { ...page, records }
    },
  })
  const tide = createTidemark({ authorize: 'everyone', log: copying })
  const clients = Array.from({ length: 20 }, () => new TestClient())
  for (const client of clients) {
    const sink = client.connect()
    sink.block()
    await tide.open(sink, subscription('topic=a&since=earliest'))
  }
  await settle()
  expect(held.length).toBeGreaterThan(20)
  await settle()
  collect()
  expect(held.filter((ref) => ref.deref() !== undefined)).toHaveLength(0)
  for (const client of clients) for (let i = 0; i < 400; i++) client.connection?.unblock()
  const haveAll = (): boolean => clients.every((client) => dataOf(client).length === 4_000)
  await expect.poll(haveAll).toBe(true)
})

test('a long replay gives every other turn to somebody else', async () => {
  const log = memoryLog()
  await fill(log, 20_000, 10)
  const tide = createTidemark({ authorize: 'everyone', log })
  const client = new TestClient()
  await tide.open(client.connect(), subscription('topic=a&since=earliest'))
  let turns = 0
  while (dataOf(client).length < 20_000) {
    turns += 1
    await settle()
  }
  expect(turns).toBeGreaterThan(40)
})

test('a herd of replays gets one page per turn together, so that newcomers and publishers are served in between', async () => {
  const log = memoryLog()
  await fill(log, 5_000, 10)
  let pages = 0
  const counting = wrapLog(log, {
    read: (query) => {
      pages += 1
      return log.read(query)
    },
  })
  const tide = createTidemark({ authorize: 'everyone', log: counting })
  const clients = Array.from({ length: 50 }, () => new TestClient())
  await Promise.all(
    clients.map((client) => tide.open(client.connect(), subscription('topic=a&since=earliest'))),
  )
  let most = 0
  while (clients.some((client) => dataOf(client).length < 5_000)) {
    const before = pages
    await settle()
    most = Math.max(most, pages - before)
  }
  expect(most).toBeLessThanOrEqual(2)
})

test('a long replay of little keeps its place by beats of its own', async () => {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  await fill(log, 30_000, 10)
  const tide = createTidemark({ authorize: 'everyone', log, clock, heartbeatMs: 1_600 })
  const client = new TestClient()
  const sink = client.connect()
  await tide.open(sink, subscription('topics=*/never,nobody&since=earliest'))
  await settle()
  clock.advance(1_600)
  const beats = client.events.filter((event) => event.type === 'tidemark.beat')
  expect(beats).toHaveLength(1)
  await settle()
})

/** A socket that takes what it is given, or nothing; what was written to it and whether it was cut. */
function createStuckSink(isWritable: boolean) {
  const written: string[] = []
  const sink = {
    isCut: false,
    listener: undefined as SinkListener | undefined,
    write(block: Block) {
      written.push(new TextDecoder().decode(block.bytes))
      return isWritable
    },
    end: () => undefined,
    abort() {
      sink.isCut = true
    },
    listen(listener: SinkListener) {
      sink.listener = listener
    },
  }
  return { sink, written }
}

test.each([true, false])(
  'a client that does not read the goodbye is cut off when its time is over (socket takes bytes: %s)',
  async (isWritable) => {
    const clock = createFakeClock()
    const tide = createTidemark({ authorize: 'everyone', log: memoryLog({ clock }), clock })
    const { sink, written } = createStuckSink(isWritable)
    await tide.open(sink, subscription('topic=a'))
    await tide.close()
    expect(tide.sessionCount).toBe(0)
    expect(written.at(-1)).toContain('event: tidemark.bye')
    expect(sink.isCut).toBe(false)
    clock.advance(5_400)
    expect(sink.isCut).toBe(true)
  },
)

test('a client that takes nothing for too long is told that it stalled, and cut off', async () => {
  const clock = createFakeClock()
  const tide = createTidemark({
    authorize: 'everyone',
    log: memoryLog({ clock }),
    clock,
    stalledAfterMs: 60_000,
  })
  const { sink, written } = createStuckSink(false)
  await tide.open(sink, subscription('topic=a'))
  const witness = new TestClient()
  await tide.open(witness.connect(), subscription('topic=a'))
  clock.advance(59_000)
  expect(tide.sessionCount).toBe(2)
  clock.advance(5_000)
  expect(tide.sessionCount).toBe(1)
  expect(written.at(-1)).toContain('"reason":"stalled"')
  clock.advance(5_400)
  expect(sink.isCut).toBe(true)
})

test('a slow client that goes on reading never counts as stalled', async () => {
  const clock = createFakeClock()
  const tide = createTidemark({
    authorize: 'everyone',
    log: memoryLog({ clock }),
    clock,
    stalledAfterMs: 60_000,
  })
  const { sink } = createStuckSink(false)
  await tide.open(sink, subscription('topic=a'))
  for (let i = 0; i < 10; i++) {
    clock.advance(50_000)
    sink.listener?.drained()
    await settle()
    await tide.publish('a', { data: 'more' })
    await settle()
  }
  expect(tide.sessionCount).toBe(1)
})

test('a client that reads slowly but steadily is not stalled, though its connection never runs dry', async () => {
  const clock = createFakeClock()
  const tide = createTidemark({
    authorize: 'everyone',
    log: memoryLog({ clock }),
    clock,
    stalledAfterMs: 60_000,
  })
  const { sink } = createStuckSink(false)
  const waiting = { bytesWaiting: 100_000 }
  await tide.open(Object.assign(sink, waiting), subscription('topic=a'))
  for (let minute = 0; minute < 10; minute++) {
    Object.assign(sink, { bytesWaiting: 90_000 - minute * 1_000 })
    clock.advance(64_000)
  }
  expect(tide.sessionCount).toBe(1)
  clock.advance(64_000)
  expect(tide.sessionCount).toBe(0)
})
