// The memory that presence takes at its worst: sessions with topics that nobody else is in.

import { parseTopic } from '@tidemark/log'
import { collectGarbage } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { presenceCharactersMax, presenceTopicsMax } from '../src/presence/limits.ts'
import { PresenceIndex } from '../src/presence/presence-index.ts'

const sessions = 1_000

test('a thousand sessions with fifty topics of their own each take 30 MB, and give all of it back', () => {
  const index = new PresenceIndex(() => undefined)
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < sessions; i++) {
    // As they come out of the JSON of another node: no text is shared.
    const names = Array.from({ length: presenceTopicsMax }, (_, j) => `${i}/${j}/`.padEnd(256, 'x'))
    const topics = (JSON.parse(JSON.stringify(names)) as string[]).map((name) => parseTopic(name))
    const data = { name: `${i}`.padEnd(presenceCharactersMax - 11, 'y') }
    index.put({ id: `other.${i}`, user: `user ${i}`, topics, data })
  }
  collectGarbage()
  const taken = process.memoryUsage().heapUsed - before
  expect(taken).toBeLessThan(30_000_000 + sessions * presenceCharactersMax * 2)
  expect(taken).toBeGreaterThan(sessions * presenceTopicsMax * 256)
  for (let i = 0; i < sessions; i++) index.drop(`other.${i}`)
  collectGarbage()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(2_000_000)
})
