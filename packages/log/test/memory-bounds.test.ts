// The bounds of the memory log: emptied topics, idempotency keys, lists, timers.

import { collectGarbage, createFakeClock, createRandom } from '@tidemark/testkit'
import { expect, test } from 'vitest'

import type { NewEvent } from '../src/event-log.ts'
import {
  batchEventsMax,
  emptyTopicBytesMax,
  emptyTopicsMax,
  eventTagsMax,
  idempotencyBytesMin,
  idempotencyShare,
  ruleCacheMax,
  topicSegmentBytes,
} from '../src/limits.ts'
import { memoryLog } from '../src/memory-log.ts'
import { IdempotencyStore } from '../src/memory/idempotency-store.ts'
import { SlotList } from '../src/memory/slot-list.ts'
import { createRuleBook, validateRetention } from '../src/rule-book.ts'
import { parseTopicSet } from '../src/topic-set.ts'
import { parseTopic } from '../src/topic.ts'

test('of more emptied topics than are remembered, the oldest share one mark and no loss is missed', async () => {
  const clock = createFakeClock()
  const log = memoryLog({ clock, retention: { maxAgeMs: 60_000 } })
  const { head: start } = await log.bounds()
  const events: NewEvent[] = Array.from({ length: emptyTopicsMax + 10 }, (_, i) => ({
    topic: parseTopic(`t/${i}`),
    data: '',
  }))
  for (let i = 0; i < events.length; i += batchEventsMax) {
    await log.append({ events: events.slice(i, i + batchEventsMax) })
  }
  const afterTenth = await log.locate({
    topics: parseTopicSet(['t/10']),
    since: { kind: 'last', count: 1 },
  })
  clock.advance(120_000)
  const { head } = await log.bounds()
  const lostOf = async (name: string, after = start) =>
    (await log.read({ topics: parseTopicSet([name]), after, upTo: head, limit: 1 })).lost?.reason
  expect(await lostOf('t/0')).toBe('retention')
  expect(await lostOf('t/50')).toBe('retention')
  expect(await lostOf('t/*')).toBe('retention')
  // A topic nobody knows may be one of the forgotten, but only behind the common mark.
  expect(await lostOf('unknown')).toBe('retention')
  expect(await lostOf('unknown', afterTenth)).toBeUndefined()
  expect(await lostOf('t/0', afterTenth)).toBeUndefined()
  expect(await lostOf('t/50', afterTenth)).toBe('retention')
  expect(await lostOf('other/*', afterTenth)).toBeUndefined()
  // A topic that comes back is still told of what it lost before.
  await log.append({ events: [{ topic: parseTopic('t/0'), data: 'back' }] })
  expect(await lostOf('t/0')).toBe('retention')
  expect(await lostOf('t/0', afterTenth)).toBeUndefined()
})

test('idempotency keys beyond their share of memory are forgotten, the oldest first', () => {
  const store = new IdempotencyStore(1)
  const keys = 40_000
  for (let i = 0; i < keys; i++)
    store.add(`key-${i}`, { fingerprint: i, time: 0, first: i, count: 1 }, 0)
  expect(store.find('key-0', { fingerprint: 0, now: 0 })).toBeUndefined()
  expect(store.find(`key-${keys - 1}`, { fingerprint: keys - 1, now: 0 })).toMatchObject({
    first: keys - 1,
  })
})

test.each([8, 24, 36, 64, 128])(
  'idempotency keys of %d characters take no more memory than their share',
  (length) => {
    // Twice the least, so that the share holds and not the minimum.
    const max = 2 * idempotencyBytesMin
    const store = new IdempotencyStore(max / idempotencyShare)
    const before = collectGarbage()
    let most = 0
    for (let i = 0; i < 60_000; i++) {
      // As a server gets it: bytes of its own.
      const key = Buffer.from(String(i).padStart(length, 'k')).toString('latin1')
      const now = 1.7e12 + i
      store.add(key, { fingerprint: 2 ** 32 - i, time: now, first: 2 ** 31 + i, count: 1 }, now)
      // The table grows by doubling, so there are better and worse times to look.
      if (i % 2_500 === 0) most = Math.max(most, collectGarbage() - before)
    }
    expect(most).toBeGreaterThan(max / 2)
    expect(most).toBeLessThanOrEqual(max)
  },
)

test('a list with removals anywhere reads like the list of what is left', () => {
  const random = createRandom(7)
  const list = new SlotList<{ sequence: number; time: number; record: string | undefined }>()
  let model: { sequence: number; time: number; record: string | undefined }[] = []
  for (let i = 1; i <= 3_000; i++) {
    const slot = { sequence: i * 2, time: i, record: 'kept' as string | undefined }
    list.push(slot)
    model.push(slot)
    if (random.next() < 0.7) {
      const removed = random.pick(model)
      removed.record = undefined
      list.noteRemoved()
      model = model.filter((one) => one !== removed)
    }
    if (i % 100 > 0) continue
    const after = random.int(i * 2)
    const upTo = after + random.int(i)
    const expected = model.filter(({ sequence }) => sequence > after && sequence <= upTo)
    expect([...list.between(after, upTo)]).toEqual(expected)
    expect([...list.backwards()]).toEqual(model.toReversed())
    expect(list.live).toBe(model.length)
    expect(list.first).toBe(model[0])
    const since = list.firstSince(random.int(i))
    expect(since === undefined || since.time <= i).toBe(true)
  }
})

test('a topic with a short age does not wait for the timer of a long one', async () => {
  const clock = createFakeClock()
  const retention = { maxAgeMs: 3_600_000, rules: [{ pattern: 'short', maxAgeMs: 2_000 }] }
  const log = memoryLog({ clock, retention })
  await log.append({ events: [{ topic: parseTopic('long'), data: '' }] })
  await log.append({ events: [{ topic: parseTopic('short'), data: '' }] })
  clock.advance(3_001)
  const { first, head } = await log.bounds()
  const page = await log.read({ topics: parseTopicSet(['**']), after: first, upTo: head, limit: 9 })
  expect(page.records.map(({ topic }) => topic)).toEqual(['long'])
})

test('what a handler throws is reported once per batch', async () => {
  const errors: unknown[] = []
  const log = memoryLog({ onHandlerError: (error) => errors.push(error) })
  const failure = new Error('A handler failed on purpose.')
  log.tail((await log.bounds()).head, {
    records() {
      throw failure
    },
  })
  await log.append({ events: [{ topic: parseTopic('a'), data: '' }] })
  await log.append({ events: [{ topic: parseTopic('a'), data: '' }] })
  expect(errors).toEqual([failure, failure])
})

test('a topic of many segments for each event takes no more memory than maxBytes, its tree included', async () => {
  const maxBytes = 4 * 1024 * 1024
  const log = memoryLog({ retention: { maxBytes } })
  const topicOf = (i: number): string => `${i}${'/a'.repeat(100)}`
  const before = collectGarbage()
  for (let i = 0; i < 5_000; i++)
    await log.append({ events: [{ topic: parseTopic(topicOf(i)), data: 'x' }] })
  const { first, head } = await log.bounds()
  const topics = parseTopicSet(['**'])
  const { records } = await log.read({ topics, after: first, upTo: head, limit: 10_000 })
  expect(records.length).toBeGreaterThan(100)
  // An emptied topic keeps its mark, within a bound of its own.
  expect(collectGarbage() - before).toBeLessThan(maxBytes + emptyTopicBytesMax)
  expect(records.length * 100 * topicSegmentBytes).toBeLessThan(maxBytes)
})

test('events with as many tags as there may be, of names that differ, take no more memory than maxBytes', async () => {
  const maxBytes = 16 * 1024 * 1024
  const log = memoryLog({ retention: { maxBytes } })
  const before = collectGarbage()
  for (let i = 0; i < 20_000; i++) {
    const tags = Object.fromEntries(
      Array.from({ length: eventTagsMax }, (_, k) => [`${i}.${k}`, `${k}`] as const),
    )
    const event = { topic: parseTopic('a'), data: '', tags, permission: `${i}`, ttlMs: 1e9 + i }
    await log.append({ events: [event] })
  }
  expect(collectGarbage() - before).toBeLessThan(1.1 * maxBytes)
  const { first, head } = await log.bounds()
  const topics = parseTopicSet(['a'])
  const page = await log.read({ topics, after: first, upTo: head, limit: 1 })
  expect(page.records[0]?.data).toBe('')
})

test('a key that is written again and again with a long life leaves no places of its old values behind', async () => {
  const clock = createFakeClock()
  const rules = [{ pattern: 'a', latestBy: 'key' as const }]
  const log = memoryLog({ clock, retention: { rules } })
  const before = collectGarbage()
  for (let i = 0; i < 200_000; i++) {
    const event = { topic: parseTopic('a'), data: '', key: 'k', ttlMs: 30_000_000_000 }
    await log.append({ events: [event] })
  }
  expect(collectGarbage() - before).toBeLessThan(4 * 1024 * 1024)
})

test('emptied topics of many segments are remembered up to a size, not only up to a number', async () => {
  const log = memoryLog({ retention: { maxBytes: 1024 * 1024 } })
  const before = collectGarbage()
  for (let i = 0; i < 12_000; i++) {
    const topic = parseTopic(`${i}${'/a'.repeat(100)}`)
    await log.append({ events: [{ topic, data: 'x' }] })
  }
  expect(collectGarbage() - before).toBeLessThan(1.1 * emptyTopicBytesMax)
})

test('more topics than rules are remembered for get their rule all the same, and are forgotten again', () => {
  const rules = [{ pattern: 'even/**', maxEvents: 1 }]
  const book = createRuleBook(validateRetention({ rules }))
  const before = collectGarbage()
  for (let i = 0; i < 4 * ruleCacheMax; i++) {
    const topic = parseTopic(`${i % 2 === 0 ? 'even' : 'odd'}/${i}`.padEnd(250, 'x'))
    expect(book.ruleFor(topic).maxEvents).toBe(i % 2 === 0 ? 1 : Infinity)
  }
  expect(collectGarbage() - before).toBeLessThan(ruleCacheMax * 450)
})
