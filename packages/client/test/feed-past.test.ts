// Feeds with a past: each reads it on a stream of its own, and changes over to the shared one without a seam.

import { collectGarbage } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import type { Feed } from '../src/index.ts'
import {
  catchUpLinksMax,
  comparedCostMax,
  comparedEventsMax,
  graceMsDefault,
  sliceBytesMax,
} from '../src/limits.ts'
import { turns } from './model-server.ts'
import type { ModelSession } from './model-server.ts'
import { collect, reopen, setUp, settle } from './support/client-bench.ts'
import type { Bench } from './support/client-bench.ts'

interface CatchUp extends Bench {
  readonly feed: Feed
  /** Texts of the feed's events, until it is removed. */
  readonly seen: string[]
  readonly remove: () => void
  /** The stream of the feed alone, and the shared one, which has the feed's topic by now. */
  readonly own: ModelSession | undefined
  readonly main: ModelSession | undefined
}

/** A feed of all there is of a topic beside one of `a`: it compares its own stream with the shared one. */
async function beginCatchUp(topic: string): Promise<CatchUp> {
  const bench = setUp()
  const { client, server } = bench
  collect(client.feed(['a']))
  await turns()
  const feed = client.feed([topic], { since: 'earliest' })
  const taken = collect(feed)
  await turns()
  const own = server.open[1]
  own?.beat()
  // Another place, so that no two cursors are equal.
  server.publish('a')
  server.hear(0)
  server.open[0]?.pump(1)
  await reopen(bench)
  const main = server.open.find((session) => session !== own)
  return { ...bench, feed, ...taken, own, main }
}

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

test('what the shared stream has lost is no loss of a feed that reads on its own', async () => {
  const { server, main, own, seen } = await beginCatchUp('d')
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
  const { server, main, seen } = await beginCatchUp('b')
  server.publish('b', 'b')
  server.hear(0)
  main?.pump(2)
  await turns()
  await server.flush()
  expect(server.open).toHaveLength(1)
  server.publish('b')
  await server.flush()
  expect(seen).toEqual(['2', '3', '4'])
})

test('a feed that is ahead of the shared stream is not set back by its beats', async () => {
  const bench = await beginCatchUp('d')
  const { server, clock, feed, main, own } = bench
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
  bench.remove()
  clock.advance(graceMsDefault)
  await reopen(bench)
  const after = collect(feed)
  server.publish('d')
  await reopen(bench)
  await server.flush()
  expect([...bench.seen, ...after.seen]).toEqual(['2', '3', '4', '5'])
})

test('what a feed was not shown of its past is not brought later, out of order, by a shared stream that is behind', async () => {
  const { server, main, own, seen } = await beginCatchUp('d')
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
