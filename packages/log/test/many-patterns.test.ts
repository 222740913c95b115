// One request with as many patterns as it may have, over as many topics as a large log has.

import { createFakeClock } from '@tidemark/testkit'
import { beforeAll, expect, test } from 'vitest'

import type { EventLog, NewEvent } from '../src/event-log.ts'
import { batchEventsMax } from '../src/limits.ts'
import { memoryLog } from '../src/memory-log.ts'
import type { Position } from '../src/position.ts'
import { parseTopicSet } from '../src/topic-set.ts'
import { parseTopic } from '../src/topic.ts'

const topicCount = 150_000
/** About 20 ms on an idle machine; without a bound it is 10 s. */
const standstillMaxMs = 500

let log: EventLog
let start: Position
let head: Position

beforeAll(async () => {
  log = memoryLog({
    clock: createFakeClock(),
    retention: { rules: [{ pattern: '**', maxEvents: 1 }] },
  })
  start = (await log.bounds()).head
  const events: NewEvent[] = Array.from({ length: topicCount }, (_, i) => ({
    topic: parseTopic(`site/${i}/load`),
    data: '',
  }))
  // Twice, so that each topic has lost an event.
  for (const round of [events, events]) {
    for (let i = 0; i < round.length; i += batchEventsMax) {
      await log.append({ events: round.slice(i, i + batchEventsMax) })
    }
  }
  head = (await log.bounds()).head
})

test.each([
  ['1,000 patterns that match nothing', 1_000],
  ['one rare pattern', 1],
])('%s do not stop the log for seconds', async (_, count) => {
  const topics = parseTopicSet(Array.from({ length: count }, (_none, i) => `*/*/no${i}`))
  let slowest = 0
  let after = start
  for (let pages = 0; pages < 5; pages++) {
    const before = process.cpuUsage()
    const page = await log.read({ topics, after, upTo: head, limit: 1_000 })
    slowest = Math.max(slowest, process.cpuUsage(before).user / 1_000)
    expect(page.records).toEqual([])
    after = page.next
  }
  expect(slowest).toBeLessThan(standstillMaxMs)
})

test('of many patterns those that match are found, whatever the others cost', async () => {
  const names = Array.from({ length: 999 }, (_, i) => `*/*/no${i}`)
  const topics = parseTopicSet([...names, 'site/77/*'])
  const found: string[] = []
  let after = start
  for (let pages = 0; pages < 2 * topicCount && found.length === 0; pages++) {
    const page = await log.read({ topics, after, upTo: head, limit: 1_000 })
    found.push(...page.records.map(({ topic }) => topic))
    after = page.next
  }
  expect(found).toEqual(['site/77/load'])
})
