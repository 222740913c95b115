// Limits multiplied: large events, long frames and many sessions, none of which may hold a copy of its own
// without a bound.

import { memoryLog, parseTopic, systemClock } from '@tidemark/log'
import type { EventLog, EventRecord } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import { parseSubscriptionQuery } from '../src/hub/index.ts'
import type { Sink } from '../src/hub/index.ts'
import { FramedRecord } from '../src/framing/framed-record.ts'
import {
  backlogsMax,
  eventBytesMax,
  flushBytesMax,
  heldBlocksBytesMax,
  largeWriteBytesMax,
  largeWriteMs,
  recentCharactersMax,
  recentFrameBytesMax,
  replayReadsMax,
  subscriptionBodiesBytesMax,
  subscriptionFreeBytes,
} from '../src/limits.ts'
import { RecentRecords } from '../src/fan-out/recent.ts'
import { KeepingSink } from './support/keeping-sink.ts'
import { listFramings } from './support/list-framings.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'
import { wrapLog } from './support/wrap-log.ts'

const subscription = (query: string): ReturnType<typeof parseSubscriptionQuery> =>
  parseSubscriptionQuery(new URLSearchParams(query))

test.each(['plain', 'envelope', 'batch'])(
  'a large event among small ones is one block for all sessions in %s framing, whatever else each of them follows',
  async (framing) => {
    const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
    const sinks: KeepingSink[] = []
    for (let i = 0; i < 20; i++) {
      const sink = new KeepingSink()
      sinks.push(sink)
      await tide.open(sink, subscription(`topics=big,own/${i}&framing=${framing}`))
    }
    const own = sinks.map((_, i) => ({ topic: `own/${i}`, data: 'small' }))
    await tide.publishAll([...own, { topic: 'big', data: 'x'.repeat(100_000) }, ...own])
    await settle()
    const large = sinks.map(({ blocks }) => blocks.filter(({ bytes }) => bytes.length > 90_000))
    for (const blocks of large) expect(blocks).toHaveLength(1)
    expect(new Set(large.flat()).size).toBe(1)
  },
)

test('control characters, six times as long in an envelope, make no block of many events longer than twice the bound', async () => {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
  const sink = new KeepingSink()
  await tide.open(sink, subscription('topic=a&framing=envelope'))
  const data = '\u0001'.repeat(1_000)
  await tide.publishAll(Array.from({ length: 200 }, () => ({ topic: 'a', data })))
  await settle()
  const sizes = sink.blocks.map(({ bytes }) => bytes.length)
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(200 * 6_000)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(2 * flushBytesMax)
})

test('recent records of control characters, asked for in all 129 framings, keep no more frames than they may', async () => {
  const log = memoryLog()
  const { head } = await log.bounds()
  const records: EventRecord[] = []
  const tail = log.tail(head, { records: (some) => records.push(...some) })
  const data = '\u0001'.repeat(recentCharactersMax / 64)
  for (let i = 0; i < 80; i++) await log.append({ events: [{ topic: parseTopic('a'), data }] })
  await settle()
  tail.close()
  const framings = listFramings()
  expect(new Set(framings.map(({ key }) => key)).size).toBe(129)
  const recent = new RecentRecords(head, systemClock)
  for (const record of records) {
    const framed = new FramedRecord(record)
    for (const framing of framings.slice(0, 5)) framed.frame(framing)
    recent.push([framed])
    expect(recent.frameBytes).toBeLessThanOrEqual(recentFrameBytesMax)
  }
  // Sessions that resume make further ones of what is there.
  const from = records.at(-2)?.position ?? head
  for (const framed of recent.after(from) ?? [])
    for (const framing of framings) framed.frame(framing)
  recent.after(from)
  expect(recent.frameBytes).toBeLessThanOrEqual(recentFrameBytesMax)
  recent.reset(head)
  expect(recent.frameBytes).toBe(0)
})

/** A log with large events, all older than what a node keeps in memory. */
async function fillWithLarge(log: EventLog, count: number): Promise<void> {
  const topic = parseTopic('a')
  for (let i = 0; i < count; i++)
    await log.append({ events: [{ topic, data: 'x'.repeat(eventBytesMax) }] })
}

test('sessions that replay large events and read nothing hold no more of them than all may, and the others have their turn', async () => {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  await fillWithLarge(log, 2)
  const tide = createTidemark({ authorize: 'everyone', log, clock })
  const places = largeWriteBytesMax / eventBytesMax
  const sinks = Array.from({ length: places + 20 }, () => new KeepingSink(true))
  for (const sink of sinks) await tide.open(sink, subscription('topic=a&since=earliest'))
  await settle(4 * sinks.length)
  const held = (): number => sinks.reduce((sum, { bytesWaiting }) => sum + bytesWaiting, 0)
  // Each that holds one has its greeting besides.
  expect(held()).toBeLessThanOrEqual(largeWriteBytesMax + sinks.length * 1_000)
  expect(held()).toBeGreaterThan(largeWriteBytesMax - 2 * eventBytesMax)
  const reader = new TestClient()
  await tide.open(reader.connect(), subscription('topic=a&since=earliest'))
  await settle(10)
  expect(reader.published).toEqual([])
  clock.advance(2 * largeWriteMs)
  await settle(6 * sinks.length)
  expect(reader.published).toHaveLength(2)
  expect(held()).toBeLessThanOrEqual(largeWriteBytesMax + sinks.length * 1_000)
  for (const sink of sinks) sink.abort()
  expect(tide.sessionCount).toBe(1)
})

test('a session whose sink fails just before its large event leaves no place taken', async () => {
  const topic = parseTopic('a')
  const log = memoryLog()
  await log.append({ events: [{ topic, data: 'small' }] })
  await fillWithLarge(log, 1)
  const tide = createTidemark({ authorize: 'everyone', log })
  const places = largeWriteBytesMax / eventBytesMax
  for (let i = 0; i < 2 * places; i++) {
    let writes = 0
    const broken: Sink = {
      write: () => {
        writes += 1
        if (writes > 1) throw new Error('middleware at fault')
        return true
      },
      end: () => undefined,
      abort: () => undefined,
      listen: () => undefined,
    }
    await tide.open(broken, subscription('topic=a&since=earliest'))
  }
  await settle(8 * places)
  expect(tide.sessionCount).toBe(0)
  const reader = new TestClient()
  const sink = reader.connect()
  await tide.open(sink, subscription('topic=a&since=earliest'))
  await settle(8)
  expect(reader.published).toHaveLength(2)
})

test('slow readers of large events that do read are all served in turn, and nobody is sent away', async () => {
  const log = memoryLog()
  await fillWithLarge(log, 1)
  const tide = createTidemark({ authorize: 'everyone', log })
  const places = largeWriteBytesMax / eventBytesMax
  const sinks = Array.from({ length: places + 30 }, () => new KeepingSink(true))
  let got = 0
  for (const sink of sinks) await tide.open(sink, subscription('topic=a&since=earliest'))
  for (let round = 0; round < 5; round++) {
    await settle(2 * sinks.length)
    for (const sink of sinks) {
      got += sink.blocks.filter(({ bytes }) => bytes.length >= eventBytesMax).length
      sink.drain()
    }
  }
  expect(got).toBe(sinks.length)
  expect(tide.sessionCount).toBe(sinks.length)
  expect(sinks.some(({ isAborted }) => isAborted)).toBe(false)
})

/** A log whose reads are answered when the test says so, but for those of a node that starts. */
function holdReads(inner: EventLog): { log: EventLog; readonly open: number; release: () => void } {
  let held: (() => void)[] = []
  return {
    log: wrapLog(inner, {
      read: async (query) => {
        if (query.topics.topics.some((name) => name.startsWith('$hub/'))) return inner.read(query)
        await new Promise<void>((resolve) => held.push(resolve))
        return inner.read(query)
      },
    }),
    get open() {
      return held.length
    },
    release() {
      const due = held
      held = []
      for (const go of due) go()
    },
  }
}

test('a thousand sessions that resume from a log that takes long have a bounded number of pages read at a time', async () => {
  const inner = memoryLog()
  for (let i = 0; i < 3; i++)
    await inner.append({ events: [{ topic: parseTopic('a'), data: 'x' }] })
  const reads = holdReads(inner)
  const tide = createTidemark({ authorize: 'everyone', log: reads.log })
  const clients: TestClient[] = []
  for (let i = 0; i < 1_000; i++) {
    const client = new TestClient()
    clients.push(client)
    await tide.open(client.connect(), subscription('topic=a&since=earliest'))
  }
  await settle(300)
  expect(reads.open).toBe(replayReadsMax)
  while (reads.open > 0) {
    reads.release()
    await settle(300)
  }
  for (const client of clients) expect(client.published).toHaveLength(3)
})

test('laggards under a rule hold their backlogs in memory a few at a time', async () => {
  const reads = holdReads(memoryLog())
  const tide = createTidemark({
    authorize: 'everyone',
    log: reads.log,
    rules: { lag: [{ pattern: 'a/**', whenLagging: 'conflate' }] },
  })
  const clients: TestClient[] = []
  const sinks = []
  for (let i = 0; i < 50; i++) {
    const client = new TestClient()
    clients.push(client)
    const sink = client.connect()
    sinks.push(sink)
    await tide.open(sink, subscription('topic=a/*'))
  }
  await settle()
  for (const sink of sinks) sink.block()
  await tide.publish('a/b', { data: 'by which they notice' })
  await settle()
  // More than the recent records hold, so that the log is asked.
  for (let i = 0; i < 3; i++) {
    await tide.publishAll(
      Array.from({ length: 600 }, (_, j) => ({ topic: 'a/b', key: String(j), data: `${i}` })),
    )
  }
  await settle()
  for (const sink of sinks) sink.unblock()
  await settle(200)
  expect(reads.open).toBe(backlogsMax)
  for (let round = 0; round < 100 && reads.open > 0; round++) {
    reads.release()
    await settle(100)
  }
  for (const client of clients) expect(client.published.at(-1)?.data).toBe('2')
})

test('bodies of subscriptions that arrive slowly are bounded together, and short ones go on', async () => {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
  const part = new TextEncoder().encode(' '.repeat(500 * 1024))
  const bodies: ReadableStreamDefaultController<Uint8Array>[] = []
  const send = (): Promise<Response> => {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        bodies.push(controller)
        controller.enqueue(part)
      },
    })
    const init = { method: 'POST', body, duplex: 'half', headers: { accept: 'application/json' } }
    return tide.fetch(new Request('http://localhost/events', init))
  }
  const places = Math.floor(subscriptionBodiesBytesMax / (part.length - subscriptionFreeBytes))
  const slow = Array.from({ length: places }, send)
  await settle(places)
  const refused = await send()
  expect(refused.status).toBe(503)
  expect(await refused.json()).toMatchObject({ code: 'FULL' })
  const short = await tide.fetch(
    new Request('http://localhost/events', { method: 'POST', body: '{"topics":["a"]}' }),
  )
  expect(short.status).toBe(200)
  // Cut off, too large, not JSON: nothing of any of them stays counted.
  for (const [i, controller] of bodies.entries()) {
    if (i % 3 === 0) controller.error(new Error('cut off'))
    else if (i % 3 === 1) controller.enqueue(part)
    else controller.close()
  }
  for (const answer of slow) expect((await answer).status).toBeGreaterThanOrEqual(400)
  expect(tide.bodies.heldBytes).toBe(0)
})

test('live sessions that stall one after another, each at another large event, hold a bounded number of events', async () => {
  const tide = createTidemark({
    authorize: 'everyone',
    log: memoryLog({ retention: { maxBytes: 4 * eventBytesMax } }),
  })
  const places = heldBlocksBytesMax / eventBytesMax
  const sinks: KeepingSink[] = []
  const crowd = Array.from({ length: 5 }, () => new KeepingSink(true))
  for (const sink of crowd) await tide.open(sink, subscription('topic=crowd'))
  await tide.publish('crowd', { data: 'x'.repeat(eventBytesMax) })
  for (let i = 0; i < places + 10; i++) {
    const sink = new KeepingSink(true)
    sinks.push(sink)
    await tide.open(sink, subscription('topic=a'))
    await settle()
    await tide.publish('a', { data: `${i} ${'x'.repeat(eventBytesMax - 10)}` })
    await settle()
  }
  const held = new Set(
    [...crowd, ...sinks].filter(({ isAborted }) => !isAborted).flatMap(({ blocks }) => blocks),
  )
  const bytes = [...held].reduce((sum, block) => sum + block.bytes.length, 0)
  expect(bytes).toBeLessThanOrEqual(heldBlocksBytesMax + sinks.length * 1_000)
  expect(bytes).toBeGreaterThan(heldBlocksBytesMax - 2 * eventBytesMax)
  // Those that have stood still the longest went first; an event that many hold counts once.
  expect(crowd.every(({ isAborted }) => isAborted)).toBe(true)
  expect(sinks.at(-1)?.isAborted).toBe(false)
})
