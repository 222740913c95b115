// Keeping the place: across cuts at any byte, gaps, beats and goodbyes.

import fc from 'fast-check'
import { createFakeClock, createRandom } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { connect } from '../src/index.ts'
import type { Feed } from '../src/index.ts'
import { nextPhase, nextSignal, ready, startServer, take, turn } from './stream-server.ts'

/** Fires the wait before the next attempt as soon as it begins. */
function skipWaits(feed: Feed, clock: FakeClock): void {
  feed.on('tidemark.state', (state) => {
    if (state.phase === 'waiting') queueMicrotask(() => clock.advance(state.delayMs))
  })
}

test('an event cut off in the middle comes again whole, after the last one that was complete', async () => {
  const server = await startServer((exchange) => {
    if (exchange.index === 0) exchange.cut(`${ready('c0')}id: c1\ndata: one\n\nid: c2\ndata: tw`)
    else exchange.stream('id: c2\ndata: two\n\n')
  })
  const clock = createFakeClock()
  const feed = connect(server.url, { topics: ['a'], clock, random: createRandom(1).next })
  skipWaits(feed, clock)
  const events = await take(feed, 2)
  expect(events.map((event) => event.text)).toEqual(['one', 'two'])
  expect(server.exchanges.map((exchange) => exchange.cursor)).toEqual(['', 'c1'])
})

test('cut at any bytes, every event arrives once and in order', async () => {
  const property = fc.asyncProperty(
    fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 8 }),
    async (cuts) => {
      const total = 20
      const server = await startServer((exchange) => {
        const from = exchange.cursor === '' ? 0 : Number(exchange.cursor)
        let text = ready(String(from))
        for (let i = from + 1; i <= total; i++) text += `id: ${i}\ndata: {"n":${i}}\n\n`
        const cut = cuts[exchange.index]
        if (cut === undefined || cut >= text.length) exchange.stream(text)
        else exchange.cut(text.slice(0, cut))
      })
      const clock = createFakeClock()
      const feed = connect(server.url, { topics: ['a'], clock, random: createRandom(2).next })
      skipWaits(feed, clock)
      const events = await take(feed, total)
      expect(events.map((event) => event.id)).toEqual(
        Array.from({ length: total }, (_, i) => String(i + 1)),
      )
      expect(clock.pending).toBe(0)
    },
  )
  await fc.assert(property, { numRuns: 25 })
})

test('a beat moves the place of a quiet feed', async () => {
  const server = await startServer((exchange) => {
    if (exchange.index === 0)
      exchange.cut(`${ready('c0')}id: c9\nevent: tidemark.beat\ndata: {}\n\n`)
    else exchange.stream(`id: c10\ndata: x\n\n`)
  })
  const clock = createFakeClock()
  const feed = connect(server.url, {
    topics: ['a'],
    since: 'earliest',
    clock,
    random: createRandom(3).next,
  })
  skipWaits(feed, clock)
  const waiting = nextPhase(feed, 'waiting')
  const events = take(feed, 1)
  await waiting
  expect(feed.lastEventId).toBe('c9')
  expect((await events)[0]?.id).toBe('c10')
  const [first, second] = server.exchanges
  expect(first?.query.get('since')).toBe('earliest')
  expect(second?.cursor).toBe('c9')
  expect(second?.query.has('since')).toBe(false)
})

test('a gap is told in its place among the events', async () => {
  const gap = { from: 'c1', to: 'c5', reason: 'retention' }
  const server = await startServer((exchange) => {
    exchange.stream(
      `id: c1\ndata: before\n\nevent: tidemark.gap\ndata: ${JSON.stringify(gap)}\n\nid: c6\ndata: after\n\n`,
    )
  })
  const seen: unknown[] = []
  const feed = connect(server.url, { topics: ['a'] })
  feed.on('tidemark.gap', (told) => seen.push(told))
  for await (const event of feed) {
    await turn()
    seen.push(event.text)
    if (event.text === 'after') break
  }
  expect(seen).toEqual(['before', gap, 'after'])
})

test('a goodbye says when to come back', async () => {
  const server = await startServer((exchange) => {
    exchange.stream(
      `${ready('c0')}event: tidemark.bye\nretry: 7000\ndata: {"reason":"draining","retryMs":7000}\n\n`,
    )
    exchange.response.end()
  })
  const clock = createFakeClock()
  const feed = connect(server.url, { topics: ['a'], clock, random: () => 0 })
  const bye = nextSignal(feed, 'tidemark.bye')
  const waiting = await nextPhase(feed, 'waiting')
  expect(await bye).toEqual({ reason: 'draining', retryMs: 7000 })
  expect(waiting.delayMs).toBe(7000)
  expect(waiting.error.code).toBe('CONNECTION_ENDED')
  expect(waiting.error.message).toContain('draining')
  feed.close()
  expect(clock.pending).toBe(0)
})

test('a feed can begin where another process stopped', async () => {
  const server = await startServer((exchange) => exchange.stream('id: c8\ndata: x\n\n'))
  const feed = connect(server.url, { topics: ['a'], lastEventId: 'c7', since: 'earliest' })
  expect(feed.lastEventId).toBe('c7')
  await take(feed, 1)
  expect(server.exchanges[0]?.cursor).toBe('c7')
  expect(server.exchanges[0]?.query.has('since')).toBe(false)
})

test('events that wait for a slow loop are not yet passed in lastEventId', async () => {
  const server = await startServer((exchange) =>
    exchange.stream(
      'id: c1\ndata: 1\n\nid: c2\ndata: 2\n\nid: c2b\nevent: tidemark.beat\ndata: {}\n\n',
    ),
  )
  const feed = connect(server.url, { topics: ['a'] })
  const ids: string[] = []
  for await (const event of feed) {
    await turn()
    ids.push(event.id, feed.lastEventId)
    if (event.id === 'c2') break
  }
  expect(ids.slice(0, 3)).toEqual(['c1', 'c1', 'c2'])
})
