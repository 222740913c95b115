// The contract of `locate`: where a reader without a cursor starts.

import { formatCursor } from '@tidemark/log'
import type { Since } from '@tidemark/log'
import { expect, test } from 'vitest'

import { appendEach, event, readWhole, series, topicSet } from './harness.ts'
import type { Bench, OpenBench } from './harness.ts'

const minuteMs = 60_000

export function describeSince(open: OpenBench): void {
  describeAges(open)

  test('earliest gives everything retained', async () => {
    const bench = await open({ rules: [{ pattern: 'a', maxEvents: 3 }] })
    await appendEach(bench.log, series('a', 'a', 5))
    await bench.harness.flushRetention()
    expect(await readSince(bench, ['a'], { kind: 'earliest' })).toEqual(['a3', 'a4', 'a5'])
    const located = await bench.log.locate({ topics: topicSet('a'), since: { kind: 'earliest' } })
    expect(formatCursor(located)).toBe(formatCursor((await bench.log.bounds()).first))
  })

  test('the last n are those of the asked topics', async () => {
    const bench = await open()
    const events = Array.from({ length: 30 }, (_, i) => event(`t/${i % 3}`, String(i)))
    await appendEach(bench.log, [...events, ...series('noise', 'n', 40)])
    const last = (count: number): Since => ({ kind: 'last', count })
    expect(await readSince(bench, ['t/0'], last(2))).toEqual(['24', '27'])
    expect(await readSince(bench, ['t/0', 't/1'], last(3))).toEqual(['25', '27', '28'])
    expect(await readSince(bench, ['t/*'], last(4))).toEqual(['26', '27', '28', '29'])
    expect(await readSince(bench, ['**'], last(1))).toEqual(['n40'])
  })

  test('the last n of fewer are all of them', async () => {
    const bench = await open()
    await appendEach(bench.log, [
      ...series('noise', 'n', 3),
      ...series('a', 'a', 2),
      ...series('noise', 'n', 3),
    ])
    expect(await readSince(bench, ['a'], { kind: 'last', count: 10 })).toEqual(['a1', 'a2'])
    expect(await readSince(bench, ['nobody', 'none/*'], { kind: 'last', count: 10 })).toEqual([])
    expect(await readSince(bench, ['a'], { kind: 'last', count: 0 })).toEqual([])
  })
}

function describeAges(open: OpenBench): void {
  test('an age gives what is not older', async () => {
    const bench = await open()
    for (const data of ['1', '2', '3', '4']) {
      await bench.log.append({ events: [event('a', data)] })
      bench.clock.advance(minuteMs)
    }
    expect(await readSince(bench, ['a'], { kind: 'age', ageMs: 2.5 * minuteMs })).toEqual([
      '3',
      '4',
    ])
    expect(await readSince(bench, ['a'], { kind: 'age', ageMs: 2 * minuteMs })).toEqual(['3', '4'])
    expect(await readSince(bench, ['a'], { kind: 'age', ageMs: 100 * minuteMs })).toHaveLength(4)
    expect(await readSince(bench, ['a'], { kind: 'age', ageMs: 1 })).toEqual([])
  })

  test('a clock that steps back changes no age', async () => {
    const bench = await open()
    await bench.log.append({ events: [event('a', 'old')] })
    bench.clock.advance(10 * minuteMs)
    await bench.log.append({ events: [event('a', 'new')] })
    bench.clock.set(bench.clock.now() - 60 * minuteMs)
    expect(await readSince(bench, ['a'], { kind: 'age', ageMs: 5 * minuteMs })).toEqual(['new'])
  })

  test('an empty log has nothing to go back to', async () => {
    const bench = await open()
    for (const since of [
      { kind: 'earliest' },
      { kind: 'last', count: 5 },
      { kind: 'age', ageMs: 1_000 },
    ] as const) {
      const located = await bench.log.locate({ topics: topicSet('a', '**'), since })
      expect(formatCursor(located)).toBe(formatCursor(bench.start))
    }
  })
}

async function readSince(
  { log }: Bench,
  names: readonly string[],
  since: Since,
): Promise<readonly string[]> {
  const after = await log.locate({ topics: topicSet(...names), since })
  return (await readWhole(log, names, { after })).data
}
