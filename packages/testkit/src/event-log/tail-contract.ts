// The contract of `tail`: every record, in order, once, to every handler.

import { formatCursor } from '@tidemark/log'
import { expect, test } from 'vitest'

import { appendEach, event, positionAhead, series } from './harness.ts'
import type { OpenBench } from './harness.ts'
import { recordTail } from './tail-recorder.ts'

export function describeTail(open: OpenBench): void {
  describeTailHandlers(open)
  describeTailEnds(open)
  test('a tail hands over every record of every topic in log order', async () => {
    const { log, start } = await open()
    const seen = recordTail(log, start)
    await log.append({ events: [event('a', '1'), event('$hub/x', '2')] })
    const [last = start] = await log.append({
      events: [event('b/c', '3', { type: 't', key: 'k' })],
    })
    await seen.reached(last)
    expect(seen.records.map(({ data }) => data)).toEqual(['1', '2', '3'])
    expect(seen.records[2]).toMatchObject({ topic: 'b/c', type: 't', key: 'k' })
    expect(formatCursor(seen.tail.position)).toBe(formatCursor(last))
    expect(seen.isPositionRight).toBe(true)
  })

  test('the history after its start comes first, and live records follow without a seam', async () => {
    const { log, start } = await open()
    const positions = await appendEach(log, series('a', '', 20))
    const seen = recordTail(log, positions[4] ?? start)
    const more = await Promise.all(
      series('a', 'live', 30).map((one) => log.append({ events: [one] })),
    )
    await seen.reached(more.at(-1)?.[0] ?? start)
    const expected = [...series('a', '', 20).slice(5), ...series('a', 'live', 30)].map(
      ({ data }) => data,
    )
    expect(seen.records.map(({ data }) => data)).toEqual(expected)
    expect(seen.isPositionRight).toBe(true)
  })

  test('a tail that catches up while a handler appends gets nothing twice', async () => {
    const { log, start } = await open()
    await log.append({ events: series('a', '', 3) })
    const { head } = await log.bounds()
    const appended: Promise<unknown>[] = []
    const appending = recordTail(log, head, () => {
      if (appended.length === 0) appended.push(log.append({ events: [event('a', '5')] }))
    })
    const fourthAppended = log.append({ events: [event('a', '4')] })
    const late = recordTail(log, start)
    const [fourth = start] = await fourthAppended
    await appending.reached(fourth)
    await Promise.all(appended)
    const [last = start] = await log.append({ events: [event('a', '6')] })
    await late.reached(last)
    expect(late.records.map(({ data }) => data)).toEqual(['1', '2', '3', '4', '5', '6'])
  })

  test('a long history comes in batches', async () => {
    const { log, start } = await open()
    await log.append({ events: series('a', '', 6_000) })
    await log.append({ events: series('a', 'b', 6_000) })
    const seen = recordTail(log, start)
    const { head } = await log.bounds()
    await seen.reached(head)
    expect(seen.records).toHaveLength(12_000)
    expect(seen.batches.length).toBeGreaterThan(1)
  })
}

function describeTailHandlers(open: OpenBench): void {
  test('records that retention removes at once are handed over all the same', async () => {
    const { log, start } = await open({ rules: [{ pattern: '**', maxEvents: 1 }] })
    const seen = recordTail(log, start)
    const positions = await log.append({ events: series('a', 'a', 4) })
    await seen.reached(positions.at(-1) ?? start)
    expect(seen.records.map(({ data }) => data)).toEqual(['a1', 'a2', 'a3', 'a4'])
    expect(seen.overtaken).toEqual([])
  })

  test('several tails do not disturb each other, not even one that throws or closes', async () => {
    const { log, start } = await open()
    const before = recordTail(log, start)
    const throwing = recordTail(log, start, () => {
      throw new Error('A handler failed on purpose.')
    })
    const closing = recordTail(log, start, () => closing.tail.close())
    const after = recordTail(log, start)
    const positions = await appendEach(log, series('a', '', 3))
    const last = positions.at(-1) ?? start
    await Promise.all([before.reached(last), throwing.reached(last), after.reached(last)])
    for (const { records } of [before, throwing, after]) {
      expect(records.map(({ data }) => data)).toEqual(['1', '2', '3'])
    }
    expect(closing.batches).toHaveLength(1)
  })

  test('a handler that appends is not called from inside itself', async () => {
    const { log, start } = await open()
    let depth = 0
    let deepest = 0
    const appended: Promise<unknown>[] = []
    const seen = recordTail(log, start, (records) => {
      depth += 1
      deepest = Math.max(deepest, depth)
      const count = Number(records.at(-1)?.data)
      if (count < 5) appended.push(log.append({ events: [event('a', String(count + 1))] }))
      depth -= 1
    })
    const other = recordTail(log, start)
    await log.append({ events: [event('a', '1')] })
    for (let i = 0; i < 4; i++) {
      while (appended.length <= i) await seen.reached((await log.bounds()).head)
      await appended[i]
    }
    const { head } = await log.bounds()
    await Promise.all([seen.reached(head), other.reached(head)])
    expect(deepest).toBe(1)
    for (const { records } of [seen, other]) {
      expect(records.map(({ data }) => data)).toEqual(['1', '2', '3', '4', '5'])
    }
  })
}

function describeTailEnds(open: OpenBench): void {
  test('an append does not call handlers before it returns', async () => {
    const { log, start } = await open()
    const seen = recordTail(log, start)
    const appended = log.append({ events: [event('a', '1')] })
    expect(seen.records).toEqual([])
    const [position = start] = await appended
    await seen.reached(position)
    expect(seen.records).toHaveLength(1)
  })

  test('a closed tail hears nothing more', async () => {
    const { log, start } = await open()
    const closed = recordTail(log, start)
    const other = recordTail(log, start)
    closed.tail.close()
    closed.tail.close()
    const [position = start] = await log.append({ events: [event('a', '1')] })
    await other.reached(position)
    expect(closed.records).toEqual([])
  })

  test('a tail that starts where retention has removed records says so', async () => {
    const { log, start, clock, harness } = await open({ rules: [{ pattern: 'a', maxEvents: 1 }] })
    await appendEach(log, series('a', 'a', 4))
    // A driver may keep what it has just removed for tails that are on their way.
    clock.advance(60_000)
    await harness.flushRetention()
    const seen = recordTail(log, start)
    const [position = start] = await log.append({ events: [event('b', 'b1')] })
    await seen.reached(position)
    expect(seen.overtaken).toHaveLength(1)
    expect(seen.records.at(-1)?.data).toBe('b1')
  })

  test('a tail cannot start ahead of the head or in another history', async () => {
    const { log, start } = await open()
    const foreign = (await open()).start
    for (const after of [positionAhead(start), foreign]) {
      expect(() => log.tail(after, { records() {} })).toThrow(
        expect.objectContaining({ code: 'POSITION_INVALID' }),
      )
    }
  })
}
