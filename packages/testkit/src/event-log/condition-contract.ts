// The contract of appends with a condition: the topic has no event behind a position.

import { formatCursor } from '@tidemark/log'
import type { NewBatch, NewEvent, Position } from '@tidemark/log'
import { makePosition, parseEpoch } from '@tidemark/log/driver'
import { expect, test } from 'vitest'

import { appendEach, event, positionAhead, readWhole, series } from './harness.ts'
import type { OpenBench } from './harness.ts'

const moved = { code: 'HEAD_MOVED' }

export function describeCondition(open: OpenBench): void {
  describeRaces(open)
  describeRefused(open)

  test('a topic that stands where the append says takes the batch', async () => {
    const { log, start } = await open()
    const [first = start] = await log.append({ events: [event('a', '1')], ifHead: start })
    // Events of other topics do not move it.
    await appendEach(log, series('b', 'b', 3))
    await log.append({ events: series('a', 'x', 2), ifHead: first })
    expect((await readWhole(log, ['a'], { after: start })).data).toEqual(['1', 'x1', 'x2'])
  })

  test('the head of the log is the head of every topic of it', async () => {
    const { log } = await open()
    await appendEach(log, [event('a', '1'), event('b', '1')])
    const { head } = await log.bounds()
    expect(await log.append({ events: [event('a', '2')], ifHead: head })).toHaveLength(1)
  })

  test('a topic that has moved on refuses, says where it is, and nothing is added', async () => {
    const { log, start } = await open()
    const [, second = start] = await log.append({ events: series('a', 'a', 2) })
    const late = log.append({ events: series('a', 'late', 2), ifHead: start })
    await expect(late).rejects.toMatchObject({
      ...moved,
      message: expect.stringContaining(formatCursor(second)),
    })
    expect((await readWhole(log, ['a'], { after: start })).data).toEqual(['a1', 'a2'])
  })

  test('events that retention has removed have moved the topic all the same', async () => {
    const { log, clock, start, harness } = await open({ maxAgeMs: 1_000 })
    await log.append({ events: [event('a', '1')] })
    clock.advance(60_000)
    await harness.flushRetention()
    expect((await readWhole(log, ['a'], { after: start })).data).toEqual([])
    const late = log.append({ events: [event('a', '2')], ifHead: start })
    await expect(late).rejects.toMatchObject(moved)
  })
}

function describeRaces(open: OpenBench): void {
  test('of many appends with one condition exactly one is added', async () => {
    const { log, start } = await open()
    const answers = await Promise.allSettled(
      series('a', 'a', 20).map((one) => log.append({ events: [one], ifHead: start })),
    )
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const answer of answers)
      if (answer.status === 'rejected') expect(answer.reason).toMatchObject(moved)
    expect((await readWhole(log, ['a'], { after: start })).data).toHaveLength(1)
  })

  test('a repeated append gets its positions however far the topic has moved on', async () => {
    const { log, start } = await open()
    const batch: NewBatch = { events: [event('a', '1')], ifHead: start, idempotencyKey: 'k' }
    const first = await log.append(batch)
    await appendEach(log, series('a', 'more', 3))
    expect(await log.append(batch)).toEqual(first)
    expect(await log.append({ ...batch, ifHead: undefined })).toEqual(first)
    expect((await readWhole(log, ['a'], { after: start })).data).toHaveLength(4)
  })

  test('a refused append leaves its idempotency key unused', async () => {
    const { log, start } = await open()
    const [first = start] = await log.append({ events: [event('a', '1')] })
    const batch = { events: [event('a', '2')], idempotencyKey: 'k' }
    await expect(log.append({ ...batch, ifHead: start })).rejects.toMatchObject(moved)
    expect(await log.append({ ...batch, ifHead: first })).toHaveLength(1)
  })
}

function describeRefused(open: OpenBench): void {
  const places: Readonly<Record<string, (start: Position) => Position>> = {
    'ahead of the log': positionAhead,
    'of another log': () => makePosition(parseEpoch('z'.padEnd(19, '0')), 1),
  }
  for (const [what, placeOf] of Object.entries(places)) {
    test(`a position ${what} is the head of no topic`, async () => {
      const { log, start } = await open()
      const odd = log.append({ events: [event('a', '1')], ifHead: placeOf(start) })
      await expect(odd).rejects.toMatchObject(moved)
    })
  }

  const refused: Readonly<Record<string, readonly [readonly NewEvent[], unknown, string]>> = {
    'two topics': [[event('a', '1'), event('b', '1')], undefined, 'BATCH_INVALID'],
    'a cursor in place of a position': [[event('a', '1')], '1abc-1', 'POSITION_INVALID'],
    'a number': [[event('a', '1')], 7, 'POSITION_INVALID'],
  }
  for (const [what, [events, odd, code]] of Object.entries(refused)) {
    test(`a condition with ${what} is refused`, async () => {
      const { log, start } = await open()
      const ifHead = (odd ?? start) as Position
      await expect(log.append({ events, ifHead })).rejects.toMatchObject({ code })
    })
  }
}
