// Retention beside the traffic: what it costs at rest, and that it finds what is due.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseTopic, parseTopicSet } from '@tidemark/log'
import type { NewEvent, Retention } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import type { LmdbEventLog } from '../src/index.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'

const hourMs = 3_600_000
let directory = ''
let clock: FakeClock
let log: LmdbEventLog

beforeEach(async () => {
  directory = await makeDirectory()
  clock = createFakeClock()
})

afterEach(async () => {
  await log.close()
  await removeDirectory(directory)
})

async function open(retention: Partial<Retention>): Promise<void> {
  log = await openAt(directory, { clock, durability: 'commit', retention })
}

function each(count: number, topicOf: (i: number) => string): NewEvent[] {
  return Array.from({ length: count }, (_, i) => ({ topic: parseTopic(topicOf(i)), data: '' }))
}

async function countOf(name: string): Promise<number> {
  const { first: after, head: upTo } = await log.bounds()
  const page = await log.read({ topics: parseTopicSet([name]), after, upTo, limit: 1_000 })
  return page.records.length
}

test('a log with many topics rests when nothing happens', async () => {
  await open({
    rules: [
      { pattern: 'kept/**', maxAgeMs: 100 * hourMs },
      { pattern: '$hub/**', maxEvents: 100 },
    ],
  })
  for (let i = 0; i < 5; i++) {
    await log.append({ events: each(10_000, (j) => `${j % 2 === 0 ? 'kept' : 't'}/${i}/${j}`) })
  }
  await log.sweep()
  const before = process.cpuUsage()
  // Ten minutes of looks: a look at each topic every second would take 120 s.
  for (let i = 0; i < 600; i++) await log.sweep()
  // Time of this process: a machine that is busy with something else changes little.
  expect(process.cpuUsage(before).user / 1_000).toBeLessThan(2_000)
})

test('records that may stay longer do not keep younger ones behind them from expiring', async () => {
  await open({
    maxAgeMs: hourMs,
    rules: [
      { pattern: 'kept', maxAgeMs: 9 * hourMs },
      { pattern: 'short', maxAgeMs: hourMs / 2 },
      { pattern: 'ever', maxAgeMs: Infinity },
    ],
  })
  const names = ['kept', 'usual', 'short', 'ever']
  await log.append({ events: each(3_000, (i) => names[i % 4] ?? '') })
  const counts = async (): Promise<readonly number[]> => Promise.all(names.map(countOf))
  clock.advance(0.6 * hourMs)
  await log.sweep()
  expect(await counts()).toEqual([750, 750, 0, 750])
  await log.append({ events: each(4, (i) => names[i] ?? '') })
  clock.advance(0.45 * hourMs)
  await log.sweep()
  expect(await counts()).toEqual([751, 1, 1, 751])
  clock.advance(8 * hourMs)
  await log.sweep()
  expect(await counts()).toEqual([1, 0, 0, 751])
  await log.close()
  await open({ maxAgeMs: hourMs, rules: [{ pattern: 'ever', maxAgeMs: Infinity }] })
  await log.sweep()
  expect(await counts()).toEqual([0, 0, 0, 751])
})

test('a bound that is new when the log is opened again is applied to every topic under it', async () => {
  await open({})
  await log.append({ events: each(9_000, (i) => `${i % 2 === 0 ? 'a' : 'b'}/${i % 1_800}`) })
  await log.close()
  await open({ rules: [{ pattern: 'a/*', maxEvents: 2 }] })
  await log.sweep()
  expect(await Promise.all(['a/0', 'a/1798', 'b/1', 'b/1799'].map(countOf))).toEqual([2, 2, 5, 5])
  // And the record that put the bound in force.
  expect(log.stats().records).toBe(900 * 2 + 900 * 5 + 1)
})

test('a batch that fills more topics than are remembered is trimmed all the same', async () => {
  await open({ rules: [{ pattern: 'a/*', maxEvents: 1 }] })
  for (let i = 0; i < 5; i++) {
    const some = each(5_000, (j) => `a/${i * 5_000 + j}`)
    await log.append({ events: [...some, ...some] })
  }
  await log.sweep()
  expect(log.stats().records).toBe(25_000)
})
