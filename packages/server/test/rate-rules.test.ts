// Rules for how many events a topic may get per second: of all publishers and nodes together.

import { memoryLog } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { describe, expect, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type { RateRule, Tidemark } from '../src/index.ts'
import { rateLooksMax, rateTopicsMax } from '../src/limits.ts'
import { RateRules } from '../src/publish/rate-rules.ts'
import { TopicRates } from '../src/publish/topic-rates.ts'
import { settle } from './support/settle.ts'

const rules: readonly RateRule[] = [
  { pattern: 'chat/slow', perSecond: 0.5 },
  { pattern: 'chat/*', perSecond: 2, burst: 4 },
]

async function create(rate: readonly RateRule[] = rules) {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  const node = (): Tidemark => createTidemark({ log, clock, rules: { rate } })
  const tide = node()
  await tide.ready
  return { clock, log, node, tide }
}

/** Publishes one after the other; gives `ok` or the code of each. */
async function attempt(tide: Tidemark, topic: string, count: number): Promise<readonly string[]> {
  const outcomes: string[] = []
  for (let i = 0; i < count; i++) outcomes.push(await attemptOne(tide, topic))
  return outcomes
}

function attemptOne(tide: Tidemark, topic: string): Promise<string> {
  return tide.publish(topic, { data: 'x' }).then(
    () => 'ok',
    ({ code }: { code: string }) => code,
  )
}

function countOk(outcomes: readonly string[]): number {
  return outcomes.filter((outcome) => outcome === 'ok').length
}

const limited = 'TOPIC_RATE_LIMITED'

test('a burst passes at once, then the rate, and what is refused is in no history', async () => {
  const { clock, tide } = await create()
  expect(await attempt(tide, 'chat/a', 6)).toEqual(['ok', 'ok', 'ok', 'ok', limited, limited])
  clock.advance(499)
  expect(await attemptOne(tide, 'chat/a')).toBe(limited)
  clock.advance(1)
  expect(await attempt(tide, 'chat/a', 2)).toEqual(['ok', limited])
  clock.advance(60_000)
  expect(countOk(await attempt(tide, 'chat/a', 9))).toBe(4)
  const { records } = await tide.history({ topic: 'chat/a', limit: 100 })
  expect(records).toHaveLength(9)
})

test('the error says when to come back, in whole seconds', async () => {
  const { clock, tide } = await create()
  await tide.publish('chat/slow', { data: 1 })
  const refused = tide.publish('chat/slow', { data: 2 })
  await expect(refused).rejects.toMatchObject({ code: limited, headers: { 'Retry-After': '2' } })
  clock.advance(1_500)
  const again = tide.publish('chat/slow', { data: 2 })
  await expect(again).rejects.toMatchObject({ status: 429, headers: { 'Retry-After': '1' } })
  clock.advance(500)
  await tide.publish('chat/slow', { data: 2 })
})

test('each topic has a rate of its own, and one without a rule has none', async () => {
  const { tide } = await create()
  expect(countOk(await attempt(tide, 'chat/a', 6))).toBe(4)
  expect(countOk(await attempt(tide, 'chat/b', 6))).toBe(4)
  expect(countOk(await attempt(tide, 'other', 50))).toBe(50)
})

test('publishes at the same moment are as many as a burst', async () => {
  const { tide } = await create()
  const outcomes = await Promise.all(Array.from({ length: 40 }, () => attemptOne(tide, 'chat/a')))
  expect(countOk(outcomes)).toBe(4)
})

test('the events of all nodes count', async () => {
  const { clock, node, tide } = await create()
  const other = node()
  await other.ready
  expect(countOk(await attempt(tide, 'chat/a', 4))).toBe(4)
  await settle(40)
  expect(await attemptOne(other, 'chat/a')).toBe(limited)
  clock.advance(500)
  expect(await attemptOne(other, 'chat/a')).toBe('ok')
  await settle(40)
  expect(await attemptOne(tide, 'chat/a')).toBe(limited)
})

test('nodes that publish in one moment pass a burst each, and the time behind it makes up for that', async () => {
  const { clock, node, tide } = await create()
  const nodes = [tide, node(), node()]
  await Promise.all(nodes.map(({ ready }) => ready))
  const first = await Promise.all(
    nodes.flatMap((each) => Array.from({ length: 9 }, () => attemptOne(each, 'chat/a'))),
  )
  expect(countOk(first)).toBeLessThanOrEqual(12)
  await settle(40)
  let passed = countOk(first)
  for (let i = 0; i < 200; i++) {
    clock.advance(100)
    for (const each of nodes) passed += countOk([await attemptOne(each, 'chat/a')])
    await settle(10)
  }
  // 20 s at 2 per second and the burst before, and one more where two nodes found the same room.
  expect(passed).toBeGreaterThanOrEqual(40)
  expect(passed).toBeLessThanOrEqual(20 * 2 + 4 + 2)
})

describe('a publish of several events', () => {
  test('passes as a whole or not at all', async () => {
    const { tide } = await create()
    const events = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ topic: 'chat/a', data: i }))
    await tide.publishAll([{ topic: 'other', data: 0 }, ...events(3)])
    const refused = tide.publishAll([{ topic: 'other', data: 1 }, ...events(2)])
    await expect(refused).rejects.toMatchObject({ code: limited })
    expect((await tide.history({ topic: 'other' })).records).toHaveLength(1)
    await tide.publishAll(events(1))
  })

  test('with more than a burst is refused for good', async () => {
    const { tide } = await create()
    const events = Array.from({ length: 5 }, (_, i) => ({ topic: 'chat/a', data: i }))
    await expect(tide.publishAll(events)).rejects.toMatchObject({
      code: 'BATCH_INVALID',
      status: 400,
    })
    expect(countOk(await attempt(tide, 'chat/a', 4))).toBe(4)
  })
})

test('a publish that the log does not take costs nothing', async () => {
  const { tide } = await create()
  const { cursor } = await tide.publish('chat/a', { data: 1 })
  await tide.publish('chat/a', { data: 2 })
  for (let i = 0; i < 9; i++) {
    const moved = tide.publish('chat/a', { data: 3 }, { ifHead: cursor })
    await expect(moved).rejects.toMatchObject({ code: 'HEAD_MOVED' })
  }
  expect(countOk(await attempt(tide, 'chat/a', 4))).toBe(2)
})

test('a repeated publish costs nothing', async () => {
  const { tide } = await create()
  const options = { idempotencyKey: 'once' }
  for (let i = 0; i < 9; i++) {
    await tide.publish('chat/a', { data: 1 }, options)
    await settle(40)
  }
  expect(countOk(await attempt(tide, 'chat/a', 4))).toBe(3)
})

test('deletions count, and the ends of values do not', async () => {
  const { clock, tide } = await create()
  for (let i = 0; i < 4; i++) await tide.deleteKey('chat/a', `${i}`)
  await expect(tide.deleteKey('chat/a', '5')).rejects.toMatchObject({ code: limited })
  await settle(40)
  clock.advance(500)
  expect(await attempt(tide, 'chat/a', 2)).toEqual(['ok', limited])
})

test('events that end at once count at other nodes too', async () => {
  const { clock, node, tide } = await create()
  const other = node()
  await other.ready
  for (let i = 0; i < 4; i++) await tide.publish('chat/a', { data: i, ttlMs: 1 })
  clock.advance(1)
  await settle(40)
  expect(await attemptOne(other, 'chat/a')).toBe(limited)
})

test('scheduled events come whatever the rate, and the topic is not shut for long after them', async () => {
  const { clock, tide } = await create()
  for (let i = 0; i < 300; i++) {
    await tide.schedule.add('chat/a', { data: i }, { delayMs: 1_000 })
  }
  clock.advance(1_000)
  await settle(2_000)
  expect((await tide.history({ topic: 'chat/a', limit: 1_000 })).records).toHaveLength(300)
  expect(await attemptOne(tide, 'chat/a')).toBe(limited)
  clock.advance(62_000)
  expect(await attemptOne(tide, 'chat/a')).toBe('ok')
})

test('other rules hold on all nodes from their position on', async () => {
  const { clock, node, tide } = await create()
  const other = node()
  await other.ready
  expect(countOk(await attempt(tide, 'chat/a', 6))).toBe(4)
  await other.rules.rate.replace([])
  await settle(40)
  expect(countOk(await attempt(tide, 'chat/a', 20))).toBe(20)
  await tide.rules.rate.replace([{ pattern: 'chat/a', perSecond: 1 }])
  clock.advance(3_000)
  await settle(40)
  expect(countOk(await attempt(other, 'chat/a', 3))).toBe(1)
})

test('topics beyond the bound push out those that owe nothing first', () => {
  const clock = createFakeClock()
  const found = new RateRules()
  found.replace([{ pattern: '**', perSecond: 1 }])
  const rates = new TopicRates({ clock, rules: found, reached: () => undefined })
  const charge = (topic: string) => {
    const charged = rates.charge([{ topic: topic as never }])
    charged?.settle(undefined as never)
  }
  charge('busy')
  for (let i = 0; i < rateTopicsMax - 1; i++) rates.heard({ topic: `t/${i}` as never, type: 'x' })
  expect(() => charge('busy')).toThrow(/gets 1 events per second/)
  for (let i = 0; i < rateLooksMax; i++) charge(`more/${i}`)
  expect(() => charge('more/0')).toThrow(/gets 1 events per second/)
})

test.each<[rule: unknown]>([
  [{ pattern: 'a', perSecond: 0 }],
  [{ pattern: 'a', perSecond: 1_000_001 }],
  [{ pattern: 'a', perSecond: Number.NaN }],
  [{ pattern: 'a', perSecond: '5' }],
  [{ pattern: 'a' }],
  [{ pattern: 'a', perSecond: 1, burst: 0 }],
  [{ pattern: 'a', perSecond: 1, burst: 1.5 }],
  [{ pattern: '', perSecond: 1 }],
])('a rule that cannot hold is refused: %j', async (rule) => {
  const { tide } = await create()
  await expect(tide.rules.rate.replace([rule as never])).rejects.toMatchObject({
    code: 'RULE_INVALID',
  })
  expect(tide.rules.rate.list).toEqual(rules)
})
