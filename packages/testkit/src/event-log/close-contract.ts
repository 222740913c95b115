// The contract of `close`: nothing works any more, and everything says why.

import { expect, test } from 'vitest'

import { event, topicSet } from './harness.ts'
import type { OpenBench } from './harness.ts'
import { recordTail } from './tail-recorder.ts'

export function describeClose(open: OpenBench): void {
  test('a closed log refuses everything with LOG_CLOSED', async () => {
    const { log, start } = await open()
    await log.close()
    await log.close()
    const closed = { code: 'LOG_CLOSED' }
    const topics = topicSet('a')
    await expect(log.append({ events: [event('a', '1')] })).rejects.toMatchObject(closed)
    await expect(log.read({ topics, after: start, upTo: start, limit: 1 })).rejects.toMatchObject(
      closed,
    )
    await expect(log.locate({ topics, since: { kind: 'earliest' } })).rejects.toMatchObject(closed)
    await expect(log.bounds()).rejects.toMatchObject(closed)
    expect(() => log.tail(start, { records() {} })).toThrow(expect.objectContaining(closed))
  })

  test('a search under way when its log is closed is answered or says so, and does not blame the storage', async () => {
    const { log } = await open()
    for (let i = 0; i < 4; i++) {
      const events = Array.from({ length: 10_000 }, (_, j) => event(`t/${i}/${j}`, ''))
      await log.append({ events })
    }
    const topics = topicSet('**')
    const since = { kind: 'last', count: 40_000 } as const
    const searches = Array.from({ length: 5 }, () => log.locate({ topics, since }))
    const answers = Promise.allSettled(searches)
    await log.close()
    for (const answer of await answers) {
      if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ code: 'LOG_CLOSED' })
    }
  })

  test('the tails of a closed log stop', async () => {
    const { log, start, clock } = await open()
    const seen = recordTail(log, start)
    const [position = start] = await log.append({ events: [event('a', '1')] })
    await seen.reached(position)
    await log.close()
    clock.advance(60_000)
    expect(seen.records).toHaveLength(1)
    seen.tail.close()
  })
}
