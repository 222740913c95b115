// Events that are worth something for a while: no session gets one from its end on, by whatever way.

import { memoryLog } from '@tidemark/log'
import type { MemoryLogOptions } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { parseSubscriptionQuery } from '../src/hub/index.ts'
import { createTidemark } from '../src/index.ts'
import type { Tidemark } from '../src/index.ts'
import { holdTail } from './support/held-log.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'

interface Bench {
  readonly clock: FakeClock
  readonly tide: Tidemark
}

function start(options: Partial<MemoryLogOptions> = {}): Bench {
  const clock = createFakeClock()
  const log = memoryLog({ ...options, clock })
  return { clock, tide: createTidemark({ log, clock, authorize: 'everyone' }) }
}

async function visit(tide: Tidemark, query: string, lastEventId = ''): Promise<TestClient> {
  const client = new TestClient()
  await tide.open(client.connect(), parseSubscriptionQuery(new URLSearchParams(query), lastEventId))
  await settle()
  return client
}

const dataOf = ({ published }: TestClient): string[] => published.map(({ data }) => data)

test('a session that comes back within the newest events gets none that has ended meanwhile', async () => {
  const { clock, tide } = start()
  const { cursor } = await tide.publish('a', { data: 'first' })
  await tide.publish('a', { data: 'brief', ttlMs: 5_000 })
  await tide.publish('a', { data: 'longer', ttlMs: 50_000 })
  await settle()
  expect(dataOf(await visit(tide, 'topic=a', cursor))).toEqual(['brief', 'longer'])
  // The log removes nothing before its timer runs.
  clock.set(clock.now() + 5_000)
  const late = await visit(tide, 'topic=a', cursor)
  expect(dataOf(late)).toEqual(['longer'])
  expect(late.control('gap')).toEqual([])
  expect(dataOf(await visit(tide, 'topic=a&since=earliest'))).toEqual(['first', 'longer'])
  const { records } = await tide.history({ topic: 'a' })
  expect(records.map(({ data }) => data)).toEqual(['first', 'longer'])
})

test('a tail that stood still hands over an event too late: no session gets it, and each gets the next', async () => {
  const clock = createFakeClock()
  const held = holdTail(memoryLog({ clock }))
  const tide = createTidemark({ log: held.log, clock, authorize: 'everyone' })
  const client = await visit(tide, 'topic=a')
  await tide.publish('a', { data: 'brief', ttlMs: 5_000 })
  await tide.publish('a', { data: 'next' })
  clock.set(clock.now() + 5_000)
  held.release()
  await settle()
  expect(dataOf(client)).toEqual(['next'])
})

test('live sessions of a topic with values per key are told of an end within a second, and later ones get the end alone', async () => {
  const rules = [{ pattern: 's/*', latestBy: 'key' as const }]
  const { clock, tide } = start({ retention: { rules } })
  const { cursor } = await tide.publish('s/a', { data: 'one', key: 'k', ttlMs: 5_000 })
  const client = await visit(tide, 'topic=s/a&fields=key')
  // The snapshot, up to its end.
  await settle(50)
  expect(dataOf(client)).toContain('one')
  clock.advance(6_000)
  await settle(50)
  const [told] = client.events.filter(({ type }) => type === 'tidemark.deleted')
  expect(told).toMatchObject({ data: '{"key":"k"}' })
  expect(told?.fields?.get('key')).toBe('k')
  expect(told?.id).not.toBe('')
  const later = await visit(tide, 'topic=s/a&since=earliest')
  expect(
    later.events.filter(({ id, type }) => id !== '' && type !== 'tidemark.ready'),
  ).toMatchObject([{ type: 'tidemark.deleted', data: '{"key":"k"}', id: told?.id }])
  expect(cursor).not.toBe(told?.id)
})

test('an envelope and a history say when an event ends', async () => {
  const { clock, tide } = start()
  const client = await visit(tide, 'topic=a&framing=envelope')
  await tide.publish('a', { data: 1, ttlMs: 5_000 })
  await tide.publish('a', { data: 2 })
  await settle()
  const expiresAt = clock.now() + 5_000
  const [first, second] = client.published.map(({ data }) => JSON.parse(data) as object)
  expect(first).toMatchObject({ data: 1, expiresAt })
  expect(second).not.toHaveProperty('expiresAt')
  expect((await tide.history({ topic: 'a' })).records[0]).toMatchObject({ expiresAt })
})

test.each([0, -1, 0.5, Number.NaN, 2 * 366 * 86_400_000, '30s', null])(
  'a life of %s is refused with a code',
  async (ttlMs) => {
    const { tide } = start()
    const published = tide.publish('a', { data: 1, ttlMs: ttlMs as number })
    await expect(published).rejects.toMatchObject({ code: 'EVENT_TTL_INVALID' })
  },
)
