// Rules for how many sessions may follow a topic: one more is refused, those that are there stay. Several
// nodes: `subscriber-counts.test.ts`.

import { memoryLog } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { describe, expect, test } from 'vitest'
import { parseSubscriptionQuery } from '../src/hub/index.ts'
import { createTidemark } from '../src/index.ts'
import type { SubscriberRule, Tidemark } from '../src/index.ts'
import { doors } from './support/doors.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'

const rules: readonly SubscriberRule[] = [
  { pattern: 'rooms/big', max: 3 },
  { pattern: 'rooms/*', max: 2 },
]

function create(subscribers: readonly SubscriberRule[] = rules) {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  const node = () => createTidemark({ log, clock, rules: { subscribers } })
  return { clock, log, node, tide: node() }
}

async function open(tide: Tidemark, text: string, user?: string) {
  const client = new TestClient()
  const sink = client.connect()
  const subscription = parseSubscriptionQuery(new URLSearchParams(text), undefined)
  const session = await tide.open(sink, subscription, { user })
  await settle(5)
  return { client, sink, session }
}

const full = { code: 'TOPIC_FULL' }

test('one session more is refused, and finds room when another has left', async () => {
  const { tide } = create()
  const first = await open(tide, 'topic=rooms/a')
  await open(tide, 'topic=rooms/a&topic=other')
  await expect(open(tide, 'topic=rooms/a')).rejects.toMatchObject(full)
  await open(tide, 'topic=rooms/b')
  first.sink.cut()
  await open(tide, 'topic=rooms/a')
  await expect(open(tide, 'topic=rooms/a&topic=rooms/c')).rejects.toMatchObject(full)
  expect(tide.sessionCount).toBe(3)
})

test('a stream that is refused takes no consumer over', async () => {
  const { tide } = create([{ pattern: 'a', max: 1 }])
  const { client } = await open(tide, 'topic=a&consumer=main', 'ada')
  await expect(open(tide, 'topic=a&consumer=main', 'ada')).rejects.toMatchObject(full)
  await settle(40)
  expect(client.control('bye')).toEqual([])
})

test('the first rule that matches decides, and a topic without one has no bound', async () => {
  const { tide } = create()
  for (let i = 0; i < 3; i++) await open(tide, 'topic=rooms/big')
  await expect(open(tide, 'topic=rooms/big')).rejects.toMatchObject(full)
  for (let i = 0; i < 10; i++) await open(tide, 'topic=other')
})

test('sessions that open at once are as many as the rule allows, whoever is first', async () => {
  const { tide } = create()
  const opened = await Promise.allSettled(
    Array.from({ length: 40 }, () => open(tide, 'topic=rooms/a')),
  )
  expect(opened.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
  expect(tide.sessionCount).toBe(2)
})

test('a rule that allows fewer than there are ends none of them, and counts for those that come', async () => {
  const { node, tide } = create([])
  const other = node()
  const here = [await open(tide, 'topic=rooms/a'), await open(tide, 'topic=rooms/a')]
  await other.rules.subscribers.replace([{ pattern: 'rooms/*', max: 1 }])
  await settle(40)
  await expect(open(tide, 'topic=rooms/a')).rejects.toMatchObject(full)
  await tide.publish('rooms/a', { data: 'all' })
  await settle(40)
  for (const { client } of here) {
    expect(client.control('bye')).toEqual([])
    expect(client.published.map(({ data }) => data)).toEqual(['all'])
  }
})

test('a session that follows by a pattern is not counted and not refused', async () => {
  const { tide } = create()
  for (let i = 0; i < 2; i++) await open(tide, 'topic=rooms/a')
  for (let i = 0; i < 3; i++) await open(tide, 'topic=rooms/*')
  await expect(open(tide, 'topic=rooms/a')).rejects.toMatchObject(full)
})

describe('a change of topics', () => {
  test('into a topic that is full is refused, and the stream goes on as it was', async () => {
    const { tide } = create()
    for (let i = 0; i < 2; i++) await open(tide, 'topic=rooms/a')
    const { client, session } = await open(tide, 'topic=b')
    const before = tide.stats().now.topicSetsBytes
    await expect(session.changeTopics({ add: ['rooms/a', 'c'] })).rejects.toMatchObject(full)
    await tide.publish('b', { data: '1' })
    await tide.publish('c', { data: '2' })
    await settle(40)
    expect(client.published.map(({ data }) => data)).toEqual(['1'])
    expect(tide.stats().now.topicSetsBytes).toBe(before)
  })

  test('does not count the topics that the session follows already', async () => {
    const { tide } = create()
    const { session } = await open(tide, 'topic=rooms/a')
    await open(tide, 'topic=rooms/a')
    expect(await session.changeTopics({ add: ['c'] })).toBe(true)
  })

  test('of two at once into the last place lets one in', async () => {
    const { tide } = create()
    await open(tide, 'topic=rooms/a')
    const others = [await open(tide, 'topic=b'), await open(tide, 'topic=c')]
    const changed = await Promise.allSettled(
      others.map(({ session }) => session.changeTopics({ add: ['rooms/a'] })),
    )
    expect(changed.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  })
})

test.each(doors)(
  '$name: an EventSource is asked to come back, and others get 503',
  async (door) => {
    const tide = createTidemark({
      authorize: 'everyone',
      rules: { subscribers: [{ pattern: 'a', max: 1 }] },
    })
    await tide.ready
    const opened = await door.open(tide)
    await opened.ask({ query: '?topic=a' })
    const plain = await opened.ask({
      query: '?topic=a',
      headers: { accept: 'application/problem+json' },
    })
    expect(plain.status).toBe(503)
    expect(plain.headers['retry-after']).toMatch(/^\d+$/)
    await opened.close()
    await tide.close()
  },
)

test.each<[rule: unknown]>([
  [{ pattern: 'a', max: 0 }],
  [{ pattern: 'a', max: 1.5 }],
  [{ pattern: 'a', max: '5' }],
  [{ pattern: 'a', max: 10_000_001 }],
  [{ pattern: 'a' }],
  [{ pattern: '', max: 1 }],
])('a rule that cannot hold is refused: %j', async (rule) => {
  const { tide } = create()
  await expect(tide.rules.subscribers.replace([rule as never])).rejects.toMatchObject({
    code: 'RULE_INVALID',
  })
  expect(tide.rules.subscribers.list).toEqual(rules)
})
