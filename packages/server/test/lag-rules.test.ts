// Sessions that cannot keep up: what the rules of their topics and their own pace let through.

import { memoryLog, parseTopic } from '@tidemark/log'
import { collectGarbage, createFakeClock } from '@tidemark/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import { parseSubscriptionQuery } from '../src/hub/index.ts'
import type { LagRule, Tidemark, TidemarkOptions } from '../src/index.ts'
import { LagRules } from '../src/catch-up/lag-rules.ts'
import { rememberedTopicsMax } from '../src/limits.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'

const rules: readonly LagRule[] = [
  { pattern: 'prices/exact', whenLagging: 'delay' },
  { pattern: 'prices/**', whenLagging: 'conflate' },
  { pattern: 'cursors/*', whenLagging: 'drop' },
  { pattern: 'orders', whenLagging: 'disconnect' },
]

function createNode(options: Partial<TidemarkOptions> = {}) {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  return { clock, tide: createTidemark({ log, clock, rules: { lag: rules }, ...options }) }
}

async function connect(tide: Tidemark, client: TestClient, query: string) {
  const subscription = parseSubscriptionQuery(new URLSearchParams(query), client.lastEventId)
  const sink = client.connect()
  await tide.open(sink, subscription)
  await settle()
  return sink
}

/** A session that is live, and one event behind which its socket takes no more. */
async function connectSlow(tide: Tidemark, client: TestClient, query: string) {
  const sink = await connect(tide, client, query)
  sink.block()
  await tide.publish('prices/exact', { data: 'last' })
  await settle()
  return sink
}

const dataOf = (client: TestClient): string[] => client.published.map(({ data }) => data)

test('a laggard gets the newest of each key, in order, and everything of topics that are delayed', async () => {
  const { tide } = createNode()
  const client = new TestClient()
  const sink = await connectSlow(tide, client, 'topic=prices/**')
  for (let i = 0; i < 30; i++) {
    await tide.publish('prices/fast', { data: `fast ${i}`, key: `key ${i % 3}` })
    await tide.publish('prices/keyless', { data: `keyless ${i}` })
    if (i % 10 === 0) await tide.publish('prices/exact', { data: `exact ${i}` })
  }
  sink.unblock()
  await settle(60)
  expect(dataOf(client)).toEqual([
    'last',
    'exact 0',
    'exact 10',
    'exact 20',
    'fast 27',
    'fast 28',
    'fast 29',
    'keyless 29',
  ])
  await tide.publish('prices/fast', { data: 'live again', key: 'key 0' })
  await settle()
  expect(dataOf(client).at(-1)).toBe('live again')
})

test('a backlog far longer than what is in memory is conflated as a whole', async () => {
  const { tide } = createNode()
  const client = new TestClient()
  const sink = await connectSlow(tide, client, 'topic=prices/**')
  for (let i = 0; i < 5; i++) {
    await tide.publishAll(
      Array.from({ length: 1_000 }, (_, j) => ({ topic: 'prices/fast', data: `${i * 1_000 + j}` })),
    )
  }
  sink.unblock()
  await settle(60)
  expect(dataOf(client)).toEqual(['last', '4999'])
})

test('whatever is published while a client reads now and then, the newest value of each key arrives, and no key goes back', async () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.nat(4) },
    { weight: 1, arbitrary: fc.constantFrom('block', 'unblock', 'settle') },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
      const { tide } = createNode()
      const client = new TestClient()
      const sink = await connect(tide, client, 'topic=prices/**&fields=key')
      const newest = new Map<number, number>()
      for (const [index, next] of steps.entries()) {
        if (next === 'block') sink.block()
        else if (next === 'unblock') sink.unblock()
        else if (next === 'settle') await settle()
        else {
          newest.set(next, index)
          await tide.publish('prices/fast', { data: `${next} ${index}`, key: `key ${next}` })
        }
      }
      sink.unblock()
      await settle(60)
      const seen = new Map<number, number>()
      for (const data of dataOf(client)) {
        const [key = -1, value = -1] = data.split(' ').map(Number)
        expect(value).toBeGreaterThan(seen.get(key) ?? -1)
        seen.set(key, value)
      }
      expect(seen).toEqual(newest)
    }),
    { numRuns: 50 },
  )
})

test('a laggard is told of what was dropped, and gets the rest', async () => {
  const { tide } = createNode()
  const client = new TestClient()
  const sink = await connectSlow(tide, client, 'topics=cursors/*,prices/exact')
  const first = await tide.publish('cursors/1', { data: 'dropped' })
  await tide.publish('prices/exact', { data: 'kept' })
  const last = await tide.publish('cursors/2', { data: 'dropped too' })
  sink.unblock()
  await settle(60)
  expect(dataOf(client)).toEqual(['last', 'kept'])
  const gaps = client.control('gap') as { from: string; to: string; reason: string }[]
  expect(gaps).toMatchObject([{ reason: 'rate', to: last.cursor }])
  expect(gaps[0]?.from).not.toBe(first.cursor)
  await tide.publish('cursors/1', { data: 'live again' })
  await settle()
  expect(dataOf(client).at(-1)).toBe('live again')
})

test('who comes back with a cursor is no laggard: nothing is dropped or conflated then', async () => {
  const { tide } = createNode()
  const client = new TestClient()
  const sink = await connect(tide, client, 'topics=cursors/*,prices/**')
  sink.cut()
  for (let i = 0; i < 5; i++) await tide.publish('cursors/1', { data: `cursor ${i}` })
  for (let i = 0; i < 5; i++) await tide.publish('prices/fast', { data: `price ${i}` })
  await connect(tide, client, 'topics=cursors/*,prices/**')
  expect(dataOf(client)).toHaveLength(10)
  expect(client.control('gap')).toEqual([])
})

test('a laggard of a topic that must not lag is sent away as soon as it does, and resumes exactly', async () => {
  const { tide } = createNode()
  const client = new TestClient()
  const sink = await connect(tide, client, 'topic=orders')
  sink.block()
  for (const data of ['one', 'two', 'three']) await tide.publish('orders', { data })
  await settle()
  expect(client.control('bye')).toMatchObject([{ reason: 'lagging' }])
  expect(tide.sessionCount).toBe(0)
  await connect(tide, client, 'topic=orders')
  expect(dataOf(client)).toEqual(['one', 'two', 'three'])
})

test('who lags for another topic is sent away when it turns out to be behind with one that must not lag', async () => {
  const { tide } = createNode()
  const client = new TestClient()
  const sink = await connectSlow(tide, client, 'topics=orders,prices/exact')
  await tide.publish('orders', { data: 'missed' })
  expect(tide.sessionCount).toBe(1)
  sink.unblock()
  await settle(60)
  expect(client.control('bye')).toMatchObject([{ reason: 'lagging' }])
  expect(tide.sessionCount).toBe(0)
})

test('a session with a rate gets a second’s worth at once, and the rest in its time, in order', async () => {
  const { clock, tide } = createNode()
  const client = new TestClient()
  await connect(tide, client, 'topic=prices/exact&eventsPerSecondMax=10')
  for (let i = 0; i < 35; i++) await tide.publish('prices/exact', { data: String(i) })
  await settle(60)
  expect(dataOf(client)).toHaveLength(10)
  for (let tenth = 0; tenth < 10; tenth++) {
    clock.advance(100)
    await settle(60)
  }
  expect(dataOf(client).length).toBeGreaterThanOrEqual(18)
  expect(dataOf(client).length).toBeLessThanOrEqual(20)
  for (let tenth = 0; tenth < 25; tenth++) {
    clock.advance(100)
    await settle(60)
  }
  expect(dataOf(client)).toEqual(Array.from({ length: 35 }, (_, i) => String(i)))
})

test('a fast topic cannot drown a phone: it gets the newest value as often as its rate allows', async () => {
  const { clock, tide } = createNode({ eventsPerSecondMax: 5 })
  const client = new TestClient()
  await connect(tide, client, 'topic=prices/fast')
  for (let i = 0; i < 300; i++) {
    await tide.publish('prices/fast', { data: String(i) })
    clock.advance(10)
    await settle()
  }
  clock.advance(1_000)
  await settle(60)
  const values = dataOf(client).map(Number)
  expect(values.length).toBeLessThanOrEqual(5 + 3 * 5 + 6)
  expect(values.length).toBeGreaterThanOrEqual(15)
  expect(values.at(-1)).toBe(299)
  expect(values).toEqual(values.toSorted((a, b) => a - b))
})

test('a session that leaves while its rate is used up leaves nothing behind', async () => {
  const { clock, tide } = createNode({ eventsPerSecondMax: 1 })
  const client = new TestClient()
  const sink = await connect(tide, client, 'topic=prices/exact')
  for (let i = 0; i < 5; i++) await tide.publish('prices/exact', { data: String(i) })
  await settle(60)
  sink.cut()
  clock.advance(10_000)
  await settle(60)
  expect(dataOf(client)).toEqual(['0'])
  expect(tide.sessionCount).toBe(0)
})

test.each([
  [{ rules: { lag: [{ pattern: 'a//b', whenLagging: 'drop' }] } }, 'a//b'],
  [
    { rules: { lag: [{ pattern: 'a', whenLagging: 'forget' }] } },
    'whenLagging must be delay, conflate',
  ],
  [{ eventsPerSecondMax: 0 }, 'eventsPerSecondMax must be from 1 to 1000000; got 0.'],
])('rules that cannot be meant are refused: %o', (options, message) => {
  const given = options as unknown as Partial<TidemarkOptions>
  expect(() => createTidemark({ log: memoryLog(), ...given })).toThrow(message)
})

test('more topics than are remembered are judged all the same, and forgotten again', () => {
  const rules = new LagRules([{ pattern: 'even/**', whenLagging: 'drop' }])
  const before = collectGarbage()
  for (let i = 0; i < 10 * rememberedTopicsMax; i++) {
    const topic = parseTopic(`${i % 2 === 0 ? 'even' : 'odd'}/${i}`.padEnd(250, 'x'))
    expect(rules.actionFor(topic)).toBe(i % 2 === 0 ? 'drop' : 'delay')
  }
  // The table and what is being collected, but not 100,000 topics of 250 characters.
  expect(collectGarbage() - before).toBeLessThan(rememberedTopicsMax * 600)
})
