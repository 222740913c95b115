// The link that the feeds of a client share: when it opens, who joins it, and what a feed that joins gets.

import { expect, test } from 'vitest'
import type { Feed, Fetch } from '../src/index.ts'
import { graceMsDefault, queueCostMax } from '../src/limits.ts'
import { turns } from './model-server.ts'
import { collect, reopen, setUp, settle } from './support/client-bench.ts'

test('a thousand feeds that begin in one turn share one stream, and each gets its own events', async () => {
  const bench = setUp()
  const { client, server } = bench
  const feeds = Array.from({ length: 1_000 }, (_, i) => collect(client.feed([`orders/${i}`])))
  await turns()
  expect(server.sessions).toHaveLength(1)
  expect(server.sessions[0]?.topics).toHaveLength(1_000)
  server.publish('orders/7', 'orders/999', 'orders/7')
  await server.flush()
  expect(feeds[7]?.seen).toEqual(['1', '3'])
  expect(feeds[999]?.seen).toEqual(['2'])
  expect(feeds.reduce((sum, { seen }) => sum + seen.length, 0)).toBe(3)
})

test('topics beyond what a server takes in one subscription go to a second stream', async () => {
  const { client, server } = setUp()
  const feeds = Array.from({ length: 1_001 }, (_, i) => collect(client.feed([`t/${i}`])))
  await turns()
  expect(server.open.map(({ topics }) => topics.length)).toEqual([1_000, 1])
  server.publish('t/0', 't/1000')
  await server.flush()
  expect([feeds[0]?.seen, feeds[1_000]?.seen]).toEqual([['1'], ['2']])
})

test('nothing is asked of the server until somebody takes, whichever way', async () => {
  for (const begin of [
    (feed: Feed): unknown => feed.on('tidemark.gap', () => undefined),
    (feed: Feed): unknown => feed.subscribe(() => undefined),
    (feed: Feed): unknown => feed[Symbol.asyncIterator](),
  ]) {
    const { client, server } = setUp()
    const feed = client.feed(['a'])
    await turns()
    expect(feed.state).toEqual({ phase: 'idle' })
    expect(server.sessions).toHaveLength(0)
    begin(feed)
    await turns()
    expect(feed.state).toEqual({ phase: 'open' })
    expect(server.open).toHaveLength(1)
  }
})

test('a view that changes within the grace keeps its connection; after it nothing is left, and the place is kept', async () => {
  const { client, server, clock } = setUp()
  const feed = client.feed(['a'])
  collect(feed).remove()
  await turns()
  clock.advance(graceMsDefault - 1)
  const second = collect(feed)
  clock.advance(2 * graceMsDefault)
  await turns()
  expect(server.sessions).toHaveLength(1)
  expect(server.open).toHaveLength(1)
  second.remove()
  clock.advance(graceMsDefault)
  await turns()
  expect(server.open).toHaveLength(0)
  expect(feed.state).toEqual({ phase: 'idle' })
  expect(clock.pending).toBe(0)
  server.publish('a', 'a')
  const third = collect(feed)
  await turns()
  await server.flush()
  expect(third.seen).toEqual(['1', '2'])
})

test('a feed that came to an open link, got nothing and left, goes on from where it came', async () => {
  const bench = setUp()
  const { client, server, clock } = bench
  collect(client.feed(['a', 'b']))
  await turns()
  server.publish('b')
  await server.flush()
  const feed = client.feed(['a'])
  collect(feed).remove()
  await turns()
  expect(server.sessions).toHaveLength(1)
  clock.advance(graceMsDefault)
  await reopen(bench)
  server.publish('a')
  await server.flush()
  const { seen } = collect(feed)
  await turns()
  await server.flush()
  expect(server.sessions.at(-1)?.cursor).toBe('c1')
  expect(seen).toEqual(['2'])
})

test('a feed that joins widens the open stream from its cursor, and the first feed loses and doubles nothing', async () => {
  const bench = setUp()
  const { client, server } = bench
  const first = collect(client.feed(['a']))
  await turns()
  server.publish('a', 'b')
  await server.flush()
  const second = collect(client.feed(['b']))
  server.publish('a', 'b')
  await reopen(bench)
  await server.flush()
  expect(server.sessions.map(({ topics, cursor }) => [topics, cursor])).toEqual([
    [['a'], ''],
    [['a', 'b'], 'c1'],
  ])
  expect(first.seen).toEqual(['1', '3'])
  // From the place of the link on: what was published since its last sign of life.
  expect(second.seen).toEqual(['2', '4'])
  expect(server.open).toHaveLength(1)
})

test('a link whose topics change all the time is open all the time, but for moments', async () => {
  const bench = setUp()
  const { client, server, clock } = bench
  const { seen } = collect(client.feed(['a']))
  await turns()
  let closed = 0
  for (let i = 0; i < 100; i++) {
    collect(client.feed([`b/${i}`]))
    await turns(2)
    clock.advance(10)
    await turns(2)
    if (server.open.length === 0) closed++
    server.publish('a')
    await server.flush()
  }
  await reopen(bench)
  await server.flush()
  expect(closed).toBeLessThan(10)
  expect(seen).toHaveLength(100)
})

test('a feed that wants what comes from now on gets nothing old from a link that was cut long ago', async () => {
  const bench = setUp()
  const { client, server } = bench
  collect(client.feed(['a']))
  await turns()
  server.open[0]?.cut()
  await turns()
  server.publish('b', 'b', 'b')
  server.hear(0)
  const { seen } = collect(client.feed(['b']))
  for (let i = 0; i < 5; i++) await reopen(bench)
  for (let i = 0; i < 3; i++) {
    await server.flush()
    for (const session of server.open) session.beat()
    await reopen(bench)
  }
  server.publish('b')
  await server.flush()
  expect(seen).toEqual(['4'])
  expect(server.open).toHaveLength(1)
})

test('a feed that wants what comes from now on gets nothing old from a link that was cut for long and has just come back', async () => {
  const bench = setUp()
  const { client, server, clock } = bench
  collect(client.feed(['a']))
  await turns()
  server.open[0]?.cut()
  await turns()
  server.publish('b', 'b', 'b')
  server.hear(0)
  clock.advance(10 * 60_000)
  await turns()
  expect(server.open).toHaveLength(1)
  const { seen } = collect(client.feed(['b']))
  await settle(bench)
  server.publish('b')
  await server.flush()
  expect(seen).toEqual(['4'])
  expect(server.open).toHaveLength(1)
})

test('a feed that wants what comes from now on gets nothing old from a link that a slow loop has paused', async () => {
  const bench = setUp()
  const { client, server, clock } = bench
  const slow = client.feed(['b', 'd'])[Symbol.asyncIterator]()
  await turns()
  server.publish(...Array<string>(30).fill('b'), 'd')
  await server.flush()
  clock.advance(10 * 60_000)
  const { seen } = collect(client.feed(['d']))
  await settle(bench)
  server.publish('d')
  await server.flush()
  expect(seen).toEqual(['32'])
  const read: unknown[] = []
  for (let i = 0; i < 32; i++) {
    const next = slow.next()
    await settle(bench)
    read.push(Number((await next).value?.text))
  }
  expect(read).toEqual(Array.from({ length: 32 }, (_, i) => i + 1))
  await settle(bench)
  expect(server.open).toHaveLength(1)
})

test('a feed joins a link that was away for moments: what it gets is seconds old', async () => {
  const bench = setUp()
  const { client, server } = bench
  collect(client.feed(['a']))
  await turns()
  server.open[0]?.cut()
  await reopen(bench)
  collect(client.feed(['b']))
  await reopen(bench)
  expect(server.open.map(({ topics }) => topics)).toEqual([['a', 'b']])
})

test('a feed that joins a stream which has no place yet is not open before the stream has one', async () => {
  const controllers: ReadableStreamDefaultController<Uint8Array>[] = []
  const fetch: Fetch = async () => {
    const body = new ReadableStream<Uint8Array>({ start: (each) => void controllers.push(each) })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }
  const { client } = setUp({ fetch })
  const feeds = [client.feed(['a']), client.feed(['a'])] as const
  collect(feeds[0])
  await turns()
  collect(feeds[1])
  await turns()
  // Cut now, the stream would begin at another moment, and nobody would know what is missing.
  expect(feeds.map(({ state }) => state.phase)).toEqual(['connecting', 'connecting'])
  controllers[0]?.enqueue(new TextEncoder().encode('id: c1\nevent: tidemark.beat\ndata: {}\n\n'))
  await turns()
  expect(feeds.map(({ state }) => state.phase)).toEqual(['open', 'open'])
  expect(controllers).toHaveLength(1)
})

test('a feed that comes back while the stream is about to leave its topics out loses nothing', async () => {
  const bench = setUp()
  const { client, server, clock } = bench
  collect(client.feed(['a']))
  const feed = client.feed(['b'])
  const before = collect(feed)
  await turns()
  server.publish('a', 'b')
  await server.flush()
  before.remove()
  clock.advance(graceMsDefault)
  // The grace is over and the shared stream will open anew without `b`, when its turn has come.
  const after = collect(feed)
  await turns(1)
  server.open.at(-1)?.beat()
  for (let i = 0; i < 4; i++) await reopen(bench)
  server.publish('b', 'a', 'b')
  await server.flush()
  for (let i = 0; i < 4; i++) await reopen(bench)
  await server.flush()
  expect([...before.seen, ...after.seen]).toEqual(['2', '3', '5'])
})

test('a loop that stands still does not hold up the other feeds, and misses nothing', async () => {
  const bench = setUp()
  const { client, server } = bench
  // `b` carries 300,000 characters per event.
  const slow = client.feed(['b'])[Symbol.asyncIterator]()
  const fast = collect(client.feed(['a', 'b']))
  await turns()
  const count = Math.ceil(queueCostMax / 300_000) + 4
  for (let i = 0; i < count; i++) {
    server.publish('b')
    await server.flush()
  }
  expect(fast.seen).toHaveLength(count)
  const read: string[] = []
  for (let i = 0; i < count; i++) {
    const next = slow.next()
    await server.flush()
    read.push(String((await next).value?.text).trim())
  }
  expect(read).toEqual(fast.seen)
})

test('a loop that stands still and is alone pauses the stream', async () => {
  const { client, server } = setUp()
  const slow = client.feed(['b'])[Symbol.asyncIterator]()
  await turns()
  server.publish(...Array<string>(40).fill('b'))
  await server.flush()
  expect(server.sessions).toHaveLength(1)
  for (let i = 1; i <= 40; i++) {
    const { value } = await slow.next()
    expect(value?.text.trim()).toBe(String(i))
  }
  expect(server.sessions).toHaveLength(1)
})

test('a gap is told to every feed of the link, in its place', async () => {
  const { client, server } = setUp()
  const told: string[] = []
  for (const topic of ['a', 'b']) {
    const feed = client.feed([topic])
    feed.on('tidemark.gap', ({ reason }) => void told.push(`${topic} ${reason}`))
    feed.on('message', (_data, { text }) => void told.push(`${topic} ${text.trim()}`))
  }
  await turns()
  server.publish('a')
  await server.flush()
  server.open[0]?.gap()
  await turns()
  expect(told).toEqual(['a 1', 'a retention', 'b retention'])
})
