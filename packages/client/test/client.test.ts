// One client: what its feeds share, what each has to itself, and what is left when nobody takes any more.

import { matchesPattern, parsePattern, parseTopic } from '@tidemark/log'
import { collectGarbage, createFakeClock } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createClient } from '../src/index.ts'
import type { Client, ClientOptions, Feed, FeedOptions, Fetch } from '../src/index.ts'
import {
  catchUpLinksMax,
  comparedCostMax,
  comparedEventsMax,
  graceMsDefault,
  queueCostMax,
  sliceBytesMax,
} from '../src/limits.ts'
import { RequestPace } from '../src/request-pace.ts'
import { ModelServer, matches, turns } from './model-server.ts'

interface Bench {
  readonly clock: FakeClock
  readonly server: ModelServer
  readonly client: Client
}

function setUp(options: ClientOptions = {}): Bench {
  const clock = createFakeClock()
  const server = new ModelServer()
  const settings = { fetch: server.fetch, clock, random: () => 0, ...options }
  const client = createClient('http://model.test', settings)
  onTestFinished(() => client.close())
  return { clock, server, client }
}

/** Texts of the feed's events, from now on. */
function collect(feed: Feed): { readonly seen: string[]; readonly remove: () => void } {
  const seen: string[] = []
  return { seen, remove: feed.on('message', (_data, { text }) => void seen.push(text.trim())) }
}

/** Lets a link whose topics have changed open anew. */
async function reopen({ clock }: Bench): Promise<void> {
  await turns()
  clock.advance(1_000)
  await turns()
}

/** Everything is written and read, beats too, and links open anew. */
async function settle(bench: Bench): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await reopen(bench)
    await bench.server.flush()
    for (const session of bench.server.open) session.beat()
    await turns()
  }
}

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

test('what the shared stream has lost is no loss of a feed that reads on its own', async () => {
  const bench = setUp()
  const { client, server } = bench
  collect(client.feed(['a']))
  await turns()
  const feed = client.feed(['d'], { since: 'earliest' })
  const { seen } = collect(feed)
  await turns()
  const own = server.open[1]
  own?.beat()
  // Another place, so that no two cursors are equal.
  server.publish('a')
  server.hear(0)
  server.open[0]?.pump(1)
  await reopen(bench)
  const main = server.open.find((session) => session !== own)
  server.publish('d', 'd', 'd')
  server.hear(0)
  main?.pump(1)
  await turns()
  // The second event is removed before the shared stream has brought it.
  main?.skip(1)
  main?.gap()
  main?.pump(1)
  await turns()
  own?.pump(3)
  await turns()
  expect(seen).toEqual(['2', '3', '4'])
})

test('a feed is level at an event that is too large to be held', async () => {
  const bench = setUp()
  const { client, server } = bench
  collect(client.feed(['a']))
  await turns()
  const { seen } = collect(client.feed(['b'], { since: 'earliest' }))
  await turns()
  const own = server.open[1]
  own?.beat()
  server.publish('a')
  server.hear(0)
  server.open[0]?.pump(1)
  await reopen(bench)
  server.publish('b', 'b')
  server.hear(0)
  for (const session of server.open.filter((each) => each !== own)) session.pump(2)
  await turns()
  await server.flush()
  expect(server.open).toHaveLength(1)
  server.publish('b')
  await server.flush()
  expect(seen).toEqual(['2', '3', '4'])
})

test('a feed that is ahead of the shared stream is not set back by its beats', async () => {
  const bench = setUp()
  const { client, server, clock } = bench
  collect(client.feed(['a']))
  await turns()
  const feed = client.feed(['d'], { since: 'earliest' })
  const before = collect(feed)
  await turns()
  const own = server.open[1]
  own?.beat()
  server.publish('a')
  server.hear(0)
  server.open[0]?.pump(1)
  await reopen(bench)
  const main = server.open.find((session) => session !== own)
  server.publish('d', 'd', 'd')
  server.hear(0)
  own?.pump(3)
  await turns()
  main?.pump(1)
  main?.beat()
  await turns()
  expect(feed.lastEventId).toBe('c4')
  main?.pump(2)
  await turns()
  expect(server.open).toEqual([main])
  expect(feed.lastEventId).toBe('c4')
  before.remove()
  clock.advance(graceMsDefault)
  await reopen(bench)
  const after = collect(feed)
  server.publish('d')
  await reopen(bench)
  await server.flush()
  expect([...before.seen, ...after.seen]).toEqual(['2', '3', '4', '5'])
})

test('what a feed was not shown of its past is not brought later, out of order, by a shared stream that is behind', async () => {
  const bench = setUp()
  const { client, server } = bench
  collect(client.feed(['a']))
  await turns()
  const { seen } = collect(client.feed(['d'], { since: 'earliest' }))
  await turns()
  const own = server.open[1]
  own?.beat()
  server.publish('a')
  server.hear(0)
  server.open[0]?.pump(1)
  await reopen(bench)
  const main = server.open.find((session) => session !== own)
  server.publish('d', 'd', 'd')
  server.hear(0)
  own?.pump(1)
  // Retention has removed it, or a newer one of its key has taken its place; the shared stream has it
  // from memory.
  own?.skip(1)
  own?.pump(1)
  await turns()
  main?.pump(3)
  await turns()
  server.publish('d')
  await server.flush()
  expect(seen).toEqual(['2', '4', '5'])
  expect(server.open).toEqual([main])
})

test('a feed that catches up for long keeps a bounded part of what it has read', async () => {
  const { client, server } = setUp()
  collect(client.feed(['a']))
  await turns()
  server.idDigits = 7_000
  let count = 0
  client.feed(['d'], { since: 'earliest' }).on('message', () => void count++)
  await turns()
  const own = server.open[1]
  const events = 4_000
  const before = collectGarbage()
  for (let i = 0; i < events; i++) {
    server.publish('d')
    server.hear(0)
    own?.pump(1)
    await turns(1)
  }
  await turns()
  expect(count).toBe(events)
  const bytes = collectGarbage() - before
  expect(bytes).toBeLessThan(4 * comparedEventsMax * sliceBytesMax + 2 * comparedCostMax)
})

test('a client does not hold feeds that an application has left and forgotten', async () => {
  const { client, clock } = setUp()
  const begin = (): WeakRef<Feed> => {
    const feed = client.feed(['a'])
    collect(feed).remove()
    return new WeakRef(feed)
  }
  const forgotten = begin()
  await turns()
  clock.advance(graceMsDefault)
  await turns()
  collectGarbage()
  expect(forgotten.deref()).toBeUndefined()
})

test('a feed with a past reads it on a stream of its own, and then shares the others stream', async () => {
  const bench = setUp()
  const { client, server } = bench
  server.publish('b', 'b')
  server.hear(0)
  const now = collect(client.feed(['a']))
  await turns()
  const past = collect(client.feed(['b'], { since: 'earliest' }))
  await turns()
  expect(server.open).toHaveLength(2)
  await server.flush()
  expect(past.seen).toEqual(['1', '2'])
  for (const session of server.open) session.beat()
  await reopen(bench)
  server.publish('b', 'a')
  await server.flush()
  expect(server.open).toHaveLength(1)
  expect(past.seen).toEqual(['1', '2', '3'])
  expect(now.seen).toEqual(['4'])
})

test('a feed with a past that is alone needs one stream, which others then join', async () => {
  const bench = setUp()
  const { client, server } = bench
  server.publish('b')
  server.hear(0)
  const feed = client.feed(['b'], { since: 'earliest' })
  const past = collect(feed)
  await turns()
  await server.flush()
  server.open[0]?.beat()
  await turns()
  server.publish('z')
  server.hear(0)
  server.open[0]?.pump(1)
  server.open[0]?.beat()
  await turns()
  expect(feed.lastEventId).toBe('c2')
  const now = collect(client.feed(['a']))
  await reopen(bench)
  server.publish('a', 'b')
  await server.flush()
  expect(server.open).toHaveLength(1)
  expect([past.seen, now.seen]).toEqual([['1', '4'], ['3']])
})

test('equal cursors do not make a feed level before the shared stream brings its topics', async () => {
  const bench = setUp()
  const { client, server } = bench
  collect(client.feed(['a']))
  await turns()
  const past = collect(client.feed(['b'], { since: 'earliest' }))
  await turns()
  const [main, own] = server.open
  // The first beat begins the comparison; the second comes before the shared stream has opened anew.
  own?.beat()
  own?.beat()
  await turns()
  server.publish('b', 'a')
  server.hear(0)
  main?.pump(1)
  await reopen(bench)
  await server.flush()
  expect(past.seen).toEqual(['1'])
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

test('a feed that changes over while its own stream is cut says that it is open', async () => {
  const bench = setUp()
  const { client, server } = bench
  collect(client.feed(['a']))
  await turns()
  const past = client.feed(['a'], { since: 'earliest' })
  collect(past)
  await turns()
  const [main, own] = server.open
  own?.beat()
  server.publish('a')
  server.hear(0)
  own?.pump(1)
  await turns()
  own?.cut()
  await turns()
  expect(past.state.phase).toBe('waiting')
  main?.pump(1)
  await turns()
  expect(past.state.phase).toBe('open')
})

test('more quiet feeds with a past than may have a stream of their own all get theirs', async () => {
  const { client, server, clock } = setUp()
  collect(client.feed(['a']))
  await turns()
  const count = 3 * catchUpLinksMax
  server.publish(...Array.from({ length: count }, (_, i) => `b/${i}`), 'a')
  await server.flush()
  const feeds = Array.from({ length: count }, (_, i) =>
    collect(client.feed([`b/${i}`], { since: '-1' })),
  )
  for (let i = 0; i < 4; i++) {
    await turns()
    expect(server.open.length).toBeLessThanOrEqual(1 + catchUpLinksMax)
    // Other topics are busy, so that no two cursors are equal.
    server.publish('z')
    await server.flush()
    for (const session of server.open.slice(1)) session.beat()
    await turns()
    // At four requests per second.
    clock.advance(1_000)
  }
  expect(feeds.map(({ seen }) => seen.length)).toEqual(feeds.map(() => 1))
})

test('many views with a past show it within seconds, and not one beat after the other', async () => {
  const { client, server, clock } = setUp()
  collect(client.feed(['a']))
  await turns()
  const count = 3 * catchUpLinksMax
  server.publish(...Array.from({ length: count }, (_, i) => `b/${i}`), 'a')
  await server.flush()
  const feeds = Array.from({ length: count }, (_, i) =>
    collect(client.feed([`b/${i}`], { since: '-1' })),
  )
  for (let ms = 0; ms < 5_000; ms += 250) {
    await turns()
    expect(server.open.length).toBeLessThanOrEqual(1 + catchUpLinksMax)
    await server.flush()
    clock.advance(250)
  }
  expect(feeds.map(({ seen }) => seen.length)).toEqual(feeds.map(() => 1))
  // Each had its turn; from now on it is beats that give turns, and events that the main link has brought.
  const asked = server.sessions.length
  for (let ms = 0; ms < 5_000; ms += 250) {
    await turns()
    clock.advance(250)
  }
  expect(server.sessions.length).toBe(asked)
  server.publish(...Array.from({ length: count }, (_, i) => `b/${i}`), 'z')
  for (let ms = 0; ms < 5_000; ms += 250) {
    await server.flush()
    clock.advance(250)
    await turns()
  }
  expect(feeds.map(({ seen }) => seen.length)).toEqual(feeds.map(() => 2))
  client.close()
  await turns()
  expect(clock.pending).toBe(0)
})

test('feeds that begin at the same past read it together', async () => {
  const { client, server } = setUp()
  const feeds = ['a', 'b', 'c/1'].map((topic) =>
    collect(client.feed([topic], { since: 'earliest' })),
  )
  server.publish('c/1', 'a')
  await turns()
  await server.flush()
  expect(server.sessions).toHaveLength(1)
  expect(feeds.map(({ seen }) => seen)).toEqual([['2'], [], ['1']])
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

test('loops that stand still do not keep the places of feeds that could read their past', async () => {
  const bench = setUp()
  const { client, server } = bench
  collect(client.feed(['a']))
  await turns()
  server.publish(...Array<string>(40).fill('b'), 'd')
  server.hear(0)
  const loops = Array.from({ length: catchUpLinksMax }, (_, i) =>
    client.feed(['b'], { since: `-${20 + i}` })[Symbol.asyncIterator](),
  )
  await turns()
  await server.flush()
  // One comes when all places are taken; another is in line when a place comes to stand still.
  const first = collect(client.feed(['d'], { since: 'earliest' }))
  for (let i = 0; i < 4; i++) await settle(bench)
  expect(first.seen).toEqual(['41'])
  const read: string[][] = loops.map(() => [])
  for (let i = 0; i < 20; i++) {
    for (const [at, loop] of loops.entries()) {
      const next = loop.next()
      await settle(bench)
      read[at]?.push(String((await next).value?.text).trim())
    }
  }
  expect(read.map((texts) => texts.join())).toEqual(
    loops.map((_, at) => Array.from({ length: 20 }, (_each, i) => 21 - at + i).join()),
  )
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

const refusal = (status: number, code: string): Response =>
  new Response(JSON.stringify({ code, detail: 'No.' }), {
    status,
    headers: { 'content-type': 'application/problem+json' },
  })

test('a lasting refusal ends all feeds with the coded error, and the client can be used again', async () => {
  const { client, server } = setUp()
  server.refuse = () => refusal(401, 'TOKEN_EXPIRED')
  const listening = client.feed(['a'])
  collect(listening)
  const iterating = client.feed(['b'])[Symbol.asyncIterator]().next()
  const error = { code: 'REFUSED', status: 401, problem: { code: 'TOKEN_EXPIRED' } }
  await expect(iterating).rejects.toMatchObject(error)
  expect(listening.state).toMatchObject({ phase: 'closed', error })
  server.refuse = undefined
  const again = client.feed(['a'])
  collect(again)
  await turns()
  expect(again.state.phase).toBe('open')
})

test('a feed whose topics are refused takes no other feed along', async () => {
  const bench = setUp()
  const { client, server } = bench
  const good = client.feed(['a'])
  const { seen } = collect(good)
  await turns()
  server.refuse = (topics) => (topics.includes('secret') ? refusal(403, 'FORBIDDEN') : undefined)
  const bad = client.feed(['secret'])
  collect(bad)
  await turns()
  server.publish('a')
  await reopen(bench)
  await server.flush()
  expect(bad.state).toMatchObject({ phase: 'closed', error: { code: 'REFUSED', status: 403 } })
  expect(good.state.phase).toBe('open')
  expect(seen).toEqual(['1'])
  // Refused at last for what was served before: that is for all.
  server.refuse = () => refusal(401, 'TOKEN_EXPIRED')
  server.open[0]?.cut()
  await turns()
  await reopen(bench)
  expect(good.state).toMatchObject({ phase: 'closed', error: { status: 401 } })
})

test('a feed whose topics are refused takes no feed along that began in the same turn, and is found in few requests', async () => {
  const bench = setUp()
  const { client, server } = bench
  let requests = 0
  server.refuse = (topics) => {
    requests++
    return topics.some((topic) => topic.startsWith('secret/'))
      ? refusal(403, 'TOPIC_FORBIDDEN')
      : undefined
  }
  const names = Array.from({ length: 64 }, (_, i) => (i % 40 === 7 ? `secret/${i}` : `t/${i}`))
  const feeds = names.map((name) => client.feed([name]))
  const seen = feeds.map((feed) => collect(feed).seen)
  for (let i = 0; i < 40; i++) await reopen(bench)
  expect(feeds.map(({ state }) => state.phase)).toEqual(
    names.map((name) => (name.startsWith('secret/') ? 'closed' : 'open')),
  )
  expect(requests).toBeLessThan(40)
  server.publish(...names)
  await server.flush()
  expect(seen.map((texts) => texts.length)).toEqual(
    names.map((name) => (name.startsWith('secret/') ? 0 : 1)),
  )
  expect(server.open).toHaveLength(1)
})

test('feeds that are asked for later are not forgotten when those asked for first have gone', async () => {
  const bench = setUp()
  const { client, server } = bench
  server.refuse = (topics) =>
    topics.includes('secret') ? refusal(403, 'TOPIC_FORBIDDEN') : undefined
  const feeds = ['secret', 'a', 'b', 'c/1'].map((topic) => client.feed([topic]))
  for (const feed of feeds) collect(feed)
  await turns(2)
  // Of those asked for first, one is closed by its owner and the other one is refused.
  feeds[1]?.close()
  feeds[2]?.close()
  for (let i = 0; i < 4; i++) await reopen(bench)
  expect(feeds.map(({ state }) => state.phase)).toEqual(['closed', 'closed', 'closed', 'open'])
  client.close()
  await turns()
  expect(server.open).toHaveLength(0)
})

test('a refusal of who asks, and not of topics, ends all feeds after one request', async () => {
  const bench = setUp()
  const { client, server } = bench
  let requests = 0
  server.refuse = () => {
    requests++
    return refusal(401, 'UNAUTHENTICATED')
  }
  const feeds = Array.from({ length: 20 }, (_, i) => client.feed([`t/${i}`]))
  for (const feed of feeds) collect(feed)
  for (let i = 0; i < 4; i++) await reopen(bench)
  expect(feeds.every(({ state }) => state.phase === 'closed')).toBe(true)
  expect(requests).toBe(1)
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

test('a snapshot is the same frozen object until something changes', async () => {
  const { client, server } = setUp()
  const feed = client.feed(['a'])
  const { getSnapshot, subscribe } = feed
  const changes: unknown[] = []
  const idle = getSnapshot()
  expect(getSnapshot()).toBe(idle)
  expect(Object.isFrozen(idle)).toBe(true)
  const remove = subscribe(() => void changes.push(getSnapshot()))
  await turns()
  server.publish('a', 'a')
  await server.flush()
  const full = getSnapshot()
  expect(full).toBe(changes.at(-1))
  expect(full).toMatchObject({ state: { phase: 'open' }, event: { data: 2 }, eventCount: 2 })
  // A beat moves the place and nothing that a view shows.
  server.open[0]?.beat()
  await turns()
  expect(getSnapshot()).toBe(full)
  expect(new Set(changes).size).toBe(changes.length)
  remove()
  feed.close()
  expect(getSnapshot()).toMatchObject({ state: { phase: 'closed', error: undefined } })
  expect(changes.at(-1)).toBe(full)
  expect(idle).toEqual({
    state: { phase: 'idle' },
    event: undefined,
    eventCount: 0,
    gap: undefined,
  })
})

test('a listener or a store subscriber that throws stops neither its neighbours nor other feeds', async () => {
  const thrown: unknown[] = []
  const catchIt = (error: unknown): void => void thrown.push(error)
  const { client, server } = setUp()
  const before = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException').on('uncaughtException', catchIt)
  onTestFinished(() => {
    process.removeAllListeners('uncaughtException')
    for (const listener of before) process.on('uncaughtException', listener)
  })
  const feed = client.feed(['a'])
  feed.on('message', () => {
    throw new Error('listener')
  })
  feed.subscribe(() => {
    const { event, state } = feed.getSnapshot()
    if (event !== undefined && state.phase === 'open') throw new Error('subscriber')
  })
  const same = collect(feed)
  const other = collect(client.feed(['a']))
  await turns()
  server.publish('a', 'a')
  await server.flush()
  expect([same.seen, other.seen]).toEqual([
    ['1', '2'],
    ['1', '2'],
  ])
  expect(thrown).toHaveLength(4)
})

test('a listener or subscriber that is removed in a callback hears no more, of the same event neither', async () => {
  const { client, server } = setUp()
  const feed = client.feed(['a'])
  const late = vi.fn<() => void>()
  const lateStore = vi.fn<() => void>()
  const removers: (() => void)[] = []
  feed.on('message', () => removers[0]?.())
  removers.push(feed.on('message', late))
  await turns()
  feed.subscribe(() => removers[1]?.())
  removers.push(feed.subscribe(lateStore))
  server.publish('a', 'a')
  await server.flush()
  expect(feed.getSnapshot().eventCount).toBe(2)
  expect(late).not.toHaveBeenCalled()
  expect(lateStore).not.toHaveBeenCalled()
})

test('every listener hears of states and events in their order, whatever another one does in the middle', async () => {
  const { client, server } = setUp()
  const feed = client.feed(['a'])
  const loop = feed[Symbol.asyncIterator]()
  const heard: unknown[] = []
  const shown: unknown[] = []
  feed.on('message', (data) => {
    // The loop asks for the next event while this one is being told.
    if (data === 1) void loop.next()
    if (data === 3) feed.close()
  })
  feed.on('message', (data) => void heard.push(data))
  feed.on('tidemark.state', ({ phase }) => void heard.push(phase))
  feed.subscribe(() => void shown.push(feed.getSnapshot().event?.data))
  void loop.next()
  server.publish('a', 'a', 'a')
  await turns()
  await server.flush()
  void loop.next()
  expect(heard).toEqual(['connecting', 'open', 1, 2, 3, 'closed'])
  expect(shown).toEqual([undefined, undefined, 1, 2, 3, 3])

  const other = client.feed(['a'])
  const phases: string[] = []
  other.on('tidemark.state', ({ phase }) => {
    if (phase === 'open') other.close()
  })
  other.on('tidemark.state', ({ phase }) => void phases.push(phase))
  await turns()
  expect(phases).toEqual(['connecting', 'open', 'closed'])
})

test('a feed that a listener of its state has closed is closed in its snapshot too', async () => {
  const { client } = setUp()
  const feed = client.feed(['a'])
  feed.on('tidemark.state', ({ phase }) => {
    if (phase === 'open') feed.close()
  })
  await turns()
  expect(feed.getSnapshot().state).toEqual({ phase: 'closed', error: undefined })
})

test('a feed that a listener of its state closes while it connects asks nothing of the server', async () => {
  const { client, server, clock } = setUp()
  const feed = client.feed(['a'])
  feed.on('tidemark.state', ({ phase }) => {
    if (phase === 'connecting') feed.close()
  })
  await turns()
  expect(feed.state).toEqual({ phase: 'closed', error: undefined })
  expect(server.sessions).toHaveLength(0)
  expect(clock.pending).toBe(0)
})

test('requests that wait for the same moment begin one after the other, four in a second', async () => {
  const clock = createFakeClock()
  const pace = new RequestPace(clock)
  const { signal } = new AbortController()
  const aborting = new AbortController()
  const start = clock.now()
  const begun: number[] = []
  const ask = async (whose: AbortSignal): Promise<void> => {
    await pace.take(whose)
    if (whose === signal) begun.push(clock.now() - start)
  }
  for (let i = 0; i < 12; i++) void ask(i === 6 ? aborting.signal : signal)
  aborting.abort()
  for (let i = 0; i < 30; i++) {
    await turns(2)
    clock.advance(100)
  }
  expect(begun).toEqual([0, 0, 0, 0, 1_000, 1_000, 1_000, 1_000, 2_000, 2_000, 2_000])
  expect(clock.pending).toBe(0)
})

test('a runtime without fetch is told so at once, and not taken for a server that is away', () => {
  vi.stubGlobal('fetch', undefined)
  onTestFinished(() => void vi.unstubAllGlobals())
  expect(() => createClient('http://h/')).toThrow(
    expect.objectContaining({ code: 'OPTIONS_INVALID' }),
  )
  expect(
    createClient('http://h/', { fetch: async () => new Response() }).feed(['a']).state,
  ).toEqual({
    phase: 'idle',
  })
})

test('a feed may close itself, its neighbour and the client in a callback', async () => {
  const { client, server, clock } = setUp()
  const [first, second] = [client.feed(['a']), client.feed(['a'])]
  const seen: string[] = []
  first.on('message', () => {
    seen.push('first')
    first.close()
    second.close()
  })
  second.on('message', () => void seen.push('second'))
  const third = client.feed(['a'])
  third.on('message', () => {
    seen.push('third')
    client.close()
  })
  await turns()
  server.publish('a', 'a')
  await server.flush()
  expect(seen).toEqual(['first', 'third'])
  expect(server.open).toHaveLength(0)
  expect(clock.pending).toBe(0)
  expect(() => client.feed(['a'])).toThrow(/closed/)
})

test('a signal closes the client, and one of a feed that feed', async () => {
  const controller = new AbortController()
  const own = new AbortController()
  const { client, server } = setUp({ signal: controller.signal })
  const [one, other] = [client.feed(['a'], { signal: own.signal }), client.feed(['b'])]
  for (const feed of [one, other]) collect(feed)
  await turns()
  own.abort()
  expect([one.state.phase, other.state.phase]).toEqual(['closed', 'open'])
  controller.abort()
  await turns()
  expect(other.state).toEqual({ phase: 'closed', error: undefined })
  expect(server.open).toHaveLength(0)
})

test('an event is published to the topic, beside the base, with the headers of the client', async () => {
  const requests: unknown[] = []
  const fetch: Fetch = async (url, { method, body, headers }) => {
    const list = new Headers(headers)
    requests.push([method, url, body, list.get('authorization')])
    return new Response('{"cursor":"c9","sessions":3}')
  }
  const headers = { authorization: 'Bearer x' }
  const client = createClient('http://model.test/api', { fetch, headers })
  const sent = client.publish('chat/1', { type: 'said', data: { text: 'hi' } })
  expect(await sent).toEqual({ cursor: 'c9', sessions: 3 })
  const body = '[{"type":"said","data":{"text":"hi"},"topic":"chat/1"}]'
  expect(requests).toEqual([['POST', 'http://model.test/api/publish', body, 'Bearer x']])
  await expect(client.publish('chat/1', { data: undefined })).rejects.toMatchObject({
    code: 'REQUEST_INVALID',
  })
  const both = ['chat/1', 'chat/2'].map((topic) => ({ topic, data: 1 }))
  expect(await client.publishAll(both)).toEqual({ cursor: 'c9', sessions: 3 })
  expect(requests[1]).toContain(JSON.stringify(both))
})

test.for([undefined, null, 'hi', 7])(
  'an event that is %s is refused, and nothing is sent',
  async (event) => {
    const fetch: Fetch = () => Promise.reject(new Error('asked'))
    const client = createClient('http://model.test/', { fetch })
    await expect(client.publish('a', event as never)).rejects.toMatchObject({
      name: 'ClientError',
      code: 'REQUEST_INVALID',
    })
  },
)

test('an event that throws when it is read is a coded error', async () => {
  const client = createClient('http://model.test/')
  const event = {
    get data() {
      throw new Error('no')
    },
  }
  await expect(client.publish('a', event)).rejects.toMatchObject({ code: 'REQUEST_INVALID' })
})

test.for([
  ['a base with a query, which no request would carry', 'http://h/?token=x', {}, 'URL_INVALID'],
  ['a grace that is no number', 'http://h/', { graceMs: '5' }, 'OPTIONS_INVALID'],
  ['a grace without end', 'http://h/', { graceMs: Infinity }, 'OPTIONS_INVALID'],
  ['a path that is no text', 'http://h/', { eventsPath: 5 }, 'OPTIONS_INVALID'],
  ['no options', 'http://h/', null, 'OPTIONS_INVALID'],
] as const)('%s is refused', ([, base, options, code]) => {
  expect(() => createClient(base, options as unknown as ClientOptions)).toThrow(
    expect.objectContaining({ code }),
  )
})

test.for([
  ['no topics', []],
  ['a text in place of a list', 'a'],
  ['nothing', undefined],
  ['a number among the topics', ['a', 5]],
] as const)('a feed of %s is refused', ([, topics]) => {
  const { client } = setUp()
  expect(() => client.feed(topics as unknown as string[])).toThrow(
    expect.objectContaining({ code: 'OPTIONS_INVALID' }),
  )
})

test('a feed with options that are none is refused', () => {
  const { client } = setUp()
  for (const options of [null, 5, { since: 5 }, { lastEventId: 'a\nb' }, { signal: {} }]) {
    expect(() => client.feed(['a'], options as unknown as FeedOptions)).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID' }),
    )
  }
})

test('topics are matched as the server matches them', () => {
  const parts = ['a', 'b', '$hub', '*', '**']
  const texts = parts.flatMap((one) => [
    one,
    ...parts.flatMap((two) => [`${one}/${two}`, ...parts.map((three) => `${one}/${two}/${three}`)]),
  ])
  const topics = texts.filter((text) => !text.includes('*'))
  const patterns = texts.filter((text) => text.includes('*') && !/\*\*\//.test(text))
  for (const pattern of patterns) {
    for (const topic of topics) {
      const expected = matchesPattern(parsePattern(pattern), parseTopic(topic))
      expect([pattern, topic, matches(pattern, topic)]).toEqual([pattern, topic, expected])
    }
  }
  expect(patterns.length * topics.length).toBeGreaterThan(1_000)
})
