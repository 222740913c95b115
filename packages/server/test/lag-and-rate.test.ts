// Sessions with a rate, where something else happens to them as well.

import { memoryLog } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import { parseSubscriptionQuery } from '../src/hub/index.ts'
import type { LagRule, Tidemark } from '../src/index.ts'
import { holdTail } from './support/held-log.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'

async function connect(tide: Tidemark, client: TestClient, query: string) {
  const subscription = parseSubscriptionQuery(new URLSearchParams(query), client.lastEventId)
  const sink = client.connect()
  await tide.open(sink, subscription)
  await settle()
  return sink
}

const dataOf = (client: TestClient): string[] => client.published.map(({ data }) => data)

test('a session whose rate is used up when retention overtakes the tail goes on', async () => {
  const clock = createFakeClock()
  const held = holdTail(memoryLog({ clock }))
  const tide = createTidemark({ log: held.log, clock })
  const client = new TestClient()
  await connect(tide, client, 'topic=a&eventsPerSecondMax=1')
  await tide.publish('a', { data: 'one' })
  await settle()
  held.release()
  await settle()
  expect(dataOf(client)).toEqual(['one'])
  await tide.publish('a', { data: 'two' })
  await settle()
  held.overtake()
  for (let i = 0; i < 100; i++) {
    clock.advance(1_000)
    await settle()
  }
  await tide.publish('a', { data: 'three' })
  await settle()
  held.release()
  for (let i = 0; i < 100; i++) {
    clock.advance(1_000)
    await settle()
  }
  expect(tide.sessionCount).toBe(1)
  expect(dataOf(client)).toEqual(['one', 'two', 'three'])
})

const rules: readonly LagRule[] = [
  { pattern: 'prices', whenLagging: 'conflate' },
  { pattern: 'orders', whenLagging: 'disconnect' },
]

async function publishMany(
  tide: Tidemark,
  values: readonly number[],
  { topic, keys = 1 }: { topic: string; keys?: number },
) {
  await tide.publishAll(
    values.map((value) => ({ topic, data: String(value), key: `k${value % keys}` })),
  )
}
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

test('a conflated topic that is much faster than the rate stays within a second or two of the newest value', async () => {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  const tide = createTidemark({ log, clock, rules: { lag: rules } })
  const client = new TestClient()
  await connect(tide, client, 'topic=prices&eventsPerSecondMax=1')
  const behind: number[] = []
  for (let second = 0; second < 20; second++) {
    for (let part = 0; part < 3; part++) {
      const from = second * 3_000 + part * 1_000
      await publishMany(tide, range(from, from + 1_000), { topic: 'prices' })
      for (let i = 0; i < 4; i++) {
        clock.advance(1_000 / 12)
        await settle(60)
      }
    }
    behind.push((second + 1) * 3_000 - Number(dataOf(client).at(-1)))
  }
  expect(behind.at(-1)).toBeLessThan(9_000)
})

test('a laggard of a topic with 300 keys gets each of them once, not the whole backlog', async () => {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  const tide = createTidemark({ log, clock, rules: { lag: rules } })
  const client = new TestClient()
  const sink = await connect(tide, client, 'topic=prices')
  sink.block()
  await publishMany(tide, [0], { topic: 'prices', keys: 300 })
  await settle()
  for (let i = 0; i < 9; i++)
    await publishMany(tide, range(i * 1_000 + 1, i * 1_000 + 1_001), { topic: 'prices', keys: 300 })
  sink.unblock()
  for (let i = 0; i < 10; i++) await settle(60)
  expect(dataOf(client).length).toBeLessThan(1_000)
})

test('who is sent away for its rate and resumes is not sent away again for ever', async () => {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  const tide = createTidemark({ log, clock, rules: { lag: rules } })
  const client = new TestClient()
  await connect(tide, client, 'topic=orders&eventsPerSecondMax=5')
  await publishMany(tide, range(0, 40), { topic: 'orders' })
  let connects = 1
  // 2 orders per second from here on, less than half its rate; it comes back 3 s after each goodbye.
  for (let second = 0; second < 60; second++) {
    await publishMany(tide, range(40 + second * 2, 42 + second * 2), { topic: 'orders' })
    for (let i = 0; i < 10; i++) {
      clock.advance(100)
      await settle()
    }
    await settle(60)
    if (tide.sessionCount === 0 && second % 3 === 2) {
      connects += 1
      await connect(tide, client, 'topic=orders&eventsPerSecondMax=5')
    }
  }
  expect(connects).toBeLessThan(5)
})

test('an error handler that throws does not cost other sessions events', async () => {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  const tide = createTidemark({
    log,
    clock,
    onError: (error) => {
      throw error
    },
  })
  const first = new TestClient()
  const sink = await connect(tide, first, 'topic=a')
  const second = new TestClient()
  await connect(tide, second, 'topic=a')
  sink.write = () => {
    throw new Error('middleware')
  }
  for (const data of ['one', 'two']) {
    await tide.publish('a', { data }).catch(() => undefined)
    await settle()
  }
  expect(dataOf(second)).toEqual(['one', 'two'])
})

test.each([Number.NaN, 0, -1, Infinity, 2 ** 31])('heartbeatMs %d is refused', (heartbeatMs) => {
  expect(() => createTidemark({ log: memoryLog(), heartbeatMs })).toThrow('heartbeatMs must be')
})

test('eventsPerSecondMax with a fraction means the same in URL and body', async () => {
  const { parseSubscriptionBody } = await import('../src/hub/index.ts')
  const body = parseSubscriptionBody({ topics: ['a'], eventsPerSecondMax: 1.5 })
  expect(body.eventsPerSecondMax).toBe(1.5)
  expect(
    parseSubscriptionQuery(new URLSearchParams('topic=a&eventsPerSecondMax=1.5'))
      .eventsPerSecondMax,
  ).toBe(1.5)
})
