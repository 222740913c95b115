// One request with as many patterns as it may have, over as many topics as a large log has.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseTopic, parseTopicSet } from '@tidemark/log'
import type { NewEvent, Position } from '@tidemark/log'
import type { LmdbEventLog } from '../src/index.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'

const topicCount = 150_000
/** 10 to 20 ms on an idle machine; without a bound it is 9 s. */
const standstillMaxMs = 500

let directory = ''
let log: LmdbEventLog
let start: Position
let head: Position

beforeAll(async () => {
  directory = await makeDirectory()
  const rules = [{ pattern: 'site/**', maxEvents: 1 }]
  log = await openAt(directory, { durability: 'commit', retention: { rules } })
  start = (await log.bounds()).head
  const events: NewEvent[] = Array.from({ length: topicCount }, (_, i) => ({
    topic: parseTopic(`site/${i}/load`),
    data: '',
  }))
  // Some twice, so that more topics have lost an event than are looked at.
  for (const round of [events, events.slice(0, 30_000)]) {
    for (let i = 0; i < round.length; i += 10_000) {
      await log.append({ events: round.slice(i, i + 10_000) })
    }
  }
  head = (await log.bounds()).head
})

afterAll(async () => {
  await log.close()
  await removeDirectory(directory)
})

const names = (shape: (i: number) => string): readonly string[] =>
  Array.from({ length: 999 }, (_, i) => shape(i))

test.each([
  ['patterns that match nothing', names((i) => `*/*/no${i}`)],
  ['one rare pattern', ['*/*/rare']],
  ['patterns of prefixes that do not exist', names((i) => `none${i}/*`)],
  ['patterns of prefixes that do', names((i) => `site/${i * 7}/*`)],
])('%s do not stop the process for seconds', async (_, patterns) => {
  const topics = parseTopicSet(patterns)
  let slowest = 0
  let after = start
  for (let pages = 0; pages < 5; pages++) {
    const before = process.cpuUsage()
    after = (await log.read({ topics, after, upTo: head, limit: 1_000 })).next
    slowest = Math.max(slowest, process.cpuUsage(before).user / 1_000)
  }
  expect(slowest).toBeLessThan(standstillMaxMs)
})

test.each([
  ['among patterns that match nothing', names((i) => `*/*/no${i}`)],
  ['beside exact topics', names((i) => `site/${i * 7 + 1}/none`)],
])('a pattern finds its events and their loss %s', async (_, others) => {
  const topics = parseTopicSet([...others, 'site/14/*'])
  let after = start
  const found: string[] = []
  let losses = 0
  for (let pages = 0; pages < topicCount && found.length === 0; pages++) {
    const page = await log.read({ topics, after, upTo: head, limit: 1_000 })
    if (page.lost !== undefined) losses += 1
    found.push(...page.records.map(({ topic }) => topic))
    after = page.next
  }
  expect(found).toEqual(['site/14/load'])
  expect(losses).toBeGreaterThan(0)
})
