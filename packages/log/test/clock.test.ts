// Clocks that are wrong: what they do to the memory log.

import { createFakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { memoryLog } from '../src/memory-log.ts'
import { parseTopic } from '../src/topic.ts'
import { parseTopicSet } from '../src/topic-set.ts'

const topic = parseTopic('a')
const dayMs = 24 * 60 * 60_000

test('one publish under a clock a week ahead does not have a retried batch stored twice', async () => {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  const keyed = { idempotencyKey: 'k', events: [{ topic, data: 'once' }] }
  await log.append(keyed)
  const now = clock.now()
  clock.set(now + 7 * dayMs)
  await log.append({ events: [{ topic, data: 'ahead' }] })
  clock.set(now)
  await log.append(keyed)
  const { first, head: upTo } = await log.bounds()
  const { records } = await log.read({ topics: parseTopicSet(['a']), after: first, upTo, limit: 9 })
  expect(records.map(({ data }) => data)).toEqual(['once', 'ahead'])
  await log.close()
})

test('a memory log that is dated ahead of the machine names it, as the readiness of a hub without a directory needs it', async () => {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  const now = clock.now()
  clock.set(now + 5 * 60_000)
  await log.append({ events: [{ topic, data: 'a little ahead' }] })
  clock.set(now)
  expect(log.warnings).toEqual([])
  clock.set(now + 3_652 * dayMs)
  await log.append({ events: [{ topic, data: 'ahead' }] })
  clock.set(now)
  expect(log.warnings).toEqual([
    expect.stringMatching(/dated 2036-01-01.* clock says 2026-01-01.*start the process anew/),
  ])
  clock.set(now + 3_652 * dayMs)
  expect(log.warnings).toEqual([])
  await log.close()
})
