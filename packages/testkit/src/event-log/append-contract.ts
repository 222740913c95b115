// The contract of `append`: all or nothing, one order, times that never go back.

import {
  comparePositions,
  formatCursor,
  isSameEpoch,
  parseCursor,
  positionBefore,
} from '@tidemark/log'
import { expect, test } from 'vitest'

import { appendEach, event, readWhole, series } from './harness.ts'
import type { OpenBench } from './harness.ts'

export function describeAppend(open: OpenBench): void {
  describeAppendOrder(open)
  describeRefusals(open)
  test('an append gives one ascending position per event', async () => {
    const { log, start } = await open()
    const first = await log.append({ events: series('a', 'a', 3) })
    const second = await log.append({ events: [event('b', 'b1')] })
    const positions = [start, ...first, ...second]
    expect(first).toHaveLength(3)
    for (const [i, position] of positions.slice(1).entries()) {
      expect(isSameEpoch(position, first[0] ?? start)).toBe(true)
      expect(comparePositions(position, positions[i] ?? start)).toBeGreaterThan(0)
    }
    const { head } = await log.bounds()
    expect(formatCursor(head)).toBe(formatCursor(second[0] ?? start))
  })

  test('the place before a record gives that record alone', async () => {
    const { log, start } = await open()
    const positions = [
      ...(await log.append({ events: series('a', 'a', 3) })),
      ...(await appendEach(log, series('b', 'b', 2))),
    ]
    const found: string[] = []
    for (const upTo of positions) {
      const page = await readWhole(log, ['**'], { after: positionBefore(upTo), upTo })
      expect(page.losses).toEqual([])
      found.push(...page.data)
    }
    expect(found).toEqual(['a1', 'a2', 'a3', 'b1', 'b2'])
    expect(comparePositions(positionBefore(positions[0] ?? start), start)).toBe(0)
    expect(formatCursor(positionBefore(start))).toBe(formatCursor(start))
  })

  test('a record is the event as published, with its position and time', async () => {
    const { log, start, clock } = await open()
    const data = 'line one\nline two\r\n\u0000 naïve 🌊'
    const [position] = await log.append({
      events: [event('sea/🌊', data, { type: 'tide', key: 'k' })],
    })
    await log.append({ events: [event('sea/🌊', '')] })
    const { records } = await readWhole(log, ['sea/🌊'], { after: start })
    expect(records[0]).toMatchObject({
      topic: 'sea/🌊',
      type: 'tide',
      data,
      key: 'k',
      time: clock.now(),
    })
    expect(formatCursor(records[0]?.position ?? start)).toBe(formatCursor(position ?? start))
    expect(records[1]).toMatchObject({ type: 'message', data: '' })
    expect(records[1]?.key).toBeUndefined()
  })

  test('a position survives its way through a cursor', async () => {
    const { log, start } = await open()
    const positions = await appendEach(log, series('a', 'a', 3))
    const cursor = parseCursor(formatCursor(positions[0] ?? start))
    const { data } = await readWhole(log, ['a'], { after: cursor?.position ?? start })
    expect(data).toEqual(['a2', 'a3'])
  })
}

function describeAppendOrder(open: OpenBench): void {
  test('appends that run together keep each batch whole and in order', async () => {
    const { log, start } = await open()
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => log.append({ events: series('a', `${i}:`, 5) })),
    )
    const { data } = await readWhole(log, ['a'], { after: start })
    expect(data).toHaveLength(100)
    for (let i = 0; i < 100; i += 5) {
      const batch = data[i]?.split(':')[0]
      expect(data.slice(i, i + 5)).toEqual([1, 2, 3, 4, 5].map((n) => `${batch}:${n}`))
    }
  })

  test('appends of one publisher keep their order without waiting for each other', async () => {
    const { log, start } = await open()
    await Promise.all(series('a', '', 50).map((one) => log.append({ events: [one] })))
    const { data } = await readWhole(log, ['a'], { after: start })
    expect(data).toEqual(series('a', '', 50).map((one) => one.data))
  })

  test('record times never go back, whatever the clock does', async () => {
    const { log, start, clock } = await open()
    const noon = clock.now()
    await log.append({ events: [event('a', '1')] })
    clock.set(noon - 3_600_000)
    await log.append({ events: [event('a', '2')] })
    clock.set(noon + 5_000)
    await log.append({ events: [event('a', '3')] })
    const { records } = await readWhole(log, ['a'], { after: start })
    expect(records.map(({ time }) => time - noon)).toEqual([0, 0, 5_000])
  })
}

function describeRefusals(open: OpenBench): void {
  const refused = {
    'no events': { events: [] },
    'too many events': { events: series('a', '', 10_001) },
    'data with half of a surrogate pair': { events: [event('a', 'ok'), event('a', '\ud83c')] },
    'a type with LF': { events: [event('a', '', { type: 'x\ndata: forged' })] },
    'a type with CR': { events: [event('a', '', { type: 'x\r' })] },
    'a type with NUL': { events: [event('a', '', { type: '\u0000' })] },
    'an empty type': { events: [event('a', '', { type: '' })] },
    'a type of 257 characters': { events: [event('a', '', { type: 'x'.repeat(257) })] },
    'a key with a control character': { events: [event('a', '', { key: 'a\tb' })] },
    'a key of 257 characters': { events: [event('a', '', { key: 'x'.repeat(257) })] },
    'a key with half of a surrogate pair': { events: [event('a', '', { key: '\udf0a' })] },
  }
  for (const [what, batch] of Object.entries(refused)) {
    test(`a batch with ${what} is refused and nothing of it is stored`, async () => {
      const { log, start } = await open()
      await expect(log.append(batch)).rejects.toMatchObject({ code: 'BATCH_INVALID' })
      const { head } = await log.bounds()
      expect(formatCursor(head)).toBe(formatCursor(start))
    })
  }
}
