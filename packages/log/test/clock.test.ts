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
