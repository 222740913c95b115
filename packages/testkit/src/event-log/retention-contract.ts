// The contract of retention: the first rule that matches decides, and one bound over all.

import { formatCursor } from '@tidemark/log'
import { describe, expect, test } from 'vitest'

import { appendEach, event, readWhole, series } from './harness.ts'
import type { OpenBench } from './harness.ts'

const hourMs = 3_600_000

export function describeRetention(open: OpenBench): void {
  describeAgeAndTotal(open)
  describeWhatIsLeft(open)
  describeRequestsOfNodes(open)
  test('maxEvents keeps the newest of each topic', async () => {
    const { log, start, harness } = await open({ rules: [{ pattern: 'm/*', maxEvents: 3 }] })
    await log.append({
      events: [...series('m/a', 'a', 10), ...series('m/b', 'b', 2), ...series('n', 'n', 5)],
    })
    await harness.flushRetention()
    expect((await readWhole(log, ['m/a'], { after: start })).data).toEqual(['a8', 'a9', 'a10'])
    expect((await readWhole(log, ['m/b'], { after: start })).data).toEqual(['b1', 'b2'])
    expect((await readWhole(log, ['n'], { after: start })).data).toHaveLength(5)
  })

  test('maxBytes of a rule keeps the newest of each topic', async () => {
    const { log, start, harness } = await open({ rules: [{ pattern: 'm/*', maxBytes: 50_000 }] })
    const big = (topic: string) => event(topic, 'x'.repeat(9_000))
    await appendEach(
      log,
      Array.from({ length: 20 }, (_, i) => big(i % 2 === 0 ? 'm/a' : 'n')),
    )
    await harness.flushRetention()
    const kept = (await readWhole(log, ['m/a'], { after: start })).records
    expect(kept.length).toBeGreaterThanOrEqual(4)
    expect(kept.length).toBeLessThanOrEqual(5)
    expect((await readWhole(log, ['n'], { after: start })).records).toHaveLength(10)
  })

  test('the first rule that matches decides alone', async () => {
    const rules = [
      { pattern: 'm/vip', maxEvents: 4 },
      { pattern: 'm/*', maxEvents: 1 },
      { pattern: '**', maxEvents: 2 },
    ]
    const { log, start, harness } = await open({ rules })
    await log.append({ events: ['m/vip', 'm/a', 'n'].flatMap((topic) => series(topic, topic, 5)) })
    await harness.flushRetention()
    const counts = ['m/vip', 'm/a', 'n'].map(
      async (topic) => (await readWhole(log, [topic], { after: start })).data.length,
    )
    expect(await Promise.all(counts)).toEqual([4, 1, 2])
  })
}

function describeRequestsOfNodes(open: OpenBench): void {
  test('requests between nodes go after two minutes, whatever the rules say, and none takes the place of another', async () => {
    const rules = [
      { pattern: '$hub/**', maxAgeMs: 100 * hourMs, maxEvents: 1, latestBy: 'key' as const },
    ]
    const { log, start, clock, harness } = await open({ maxAgeMs: 1_000, rules })
    const request = (data: string) => event('$hub/control', data, { key: 'node' })
    const kept = async () => (await readWhole(log, ['$hub/control'], { after: start })).data
    await appendEach(log, [request('1'), request('2')])
    clock.advance(60_000)
    await log.append({ events: [event('a', 'a'), request('3')] })
    await harness.flushRetention()
    expect(await kept()).toEqual(['1', '2', '3'])
    clock.advance(90_000)
    await harness.flushRetention()
    expect(await kept()).toEqual(['3'])
    clock.advance(90_000)
    await harness.flushRetention()
    expect(await kept()).toEqual([])
  })

  test('requests between nodes are bounded in bytes, and count for the bound of all', async () => {
    const { log, start, harness } = await open({ maxBytes: Infinity })
    const big = 'x'.repeat(1024 * 1024)
    for (let i = 0; i < 70; i++)
      await log.append({ events: [event('$hub/control', `${i} ${big}`)] })
    await harness.flushRetention()
    const { records } = await readWhole(log, ['$hub/control'], { after: start })
    expect(records.length).toBeGreaterThan(60)
    expect(records.length).toBeLessThan(65)
    expect(records.at(-1)?.data.startsWith('69 ')).toBe(true)
  })
}

function describeAgeAndTotal(open: OpenBench): void {
  test('records older than maxAgeMs are removed while nothing is appended', async () => {
    const { log, start, clock, harness } = await open({ maxAgeMs: hourMs })
    await log.append({ events: [event('a', 'old')] })
    clock.advance(hourMs / 2)
    await log.append({ events: [event('a', 'young')] })
    clock.advance(hourMs / 2 + 120_000)
    await harness.flushRetention()
    const { data, losses } = await readWhole(log, ['a'], { after: start })
    expect(data).toEqual(['young'])
    expect(losses).toHaveLength(1)
  })

  test('a rule may keep its topics for a shorter or a longer time than the log', async () => {
    const rules = [
      { pattern: 'short', maxAgeMs: hourMs / 4 },
      { pattern: 'long', maxAgeMs: 4 * hourMs },
    ]
    const { log, start, clock, harness } = await open({ maxAgeMs: hourMs, rules })
    await log.append({ events: [event('short', 's'), event('usual', 'u'), event('long', 'l')] })
    const kept = async () => (await readWhole(log, ['**'], { after: start })).data
    clock.advance(hourMs / 2)
    await harness.flushRetention()
    expect(await kept()).toEqual(['u', 'l'])
    clock.advance(hourMs)
    await harness.flushRetention()
    expect(await kept()).toEqual(['l'])
    clock.advance(4 * hourMs)
    await harness.flushRetention()
    expect(await kept()).toEqual([])
  })

  test('one record dated ten years ahead does not make those before it too old once the clock is right', async () => {
    const { log, start, clock, harness } = await open({ maxAgeMs: hourMs })
    const now = clock.now()
    await log.append({ events: [event('a', 'before')] })
    clock.set(now + 10 * 365 * 24 * hourMs)
    await log.append({ events: [event('a', 'ahead')] })
    clock.set(now)
    clock.advance(hourMs / 10)
    await harness.flushRetention()
    expect((await readWhole(log, ['a'], { after: start })).data).toEqual(['before', 'ahead'])
    clock.advance(2 * hourMs)
    await harness.flushRetention()
    expect((await readWhole(log, ['a'], { after: start })).data).toEqual(['ahead'])
  })

  test('many old records are all removed', async () => {
    const { log, start, clock, harness } = await open({ maxAgeMs: hourMs })
    for (let i = 0; i < 3; i++) await log.append({ events: series(`t/${i}`, '', 2_500) })
    clock.advance(2 * hourMs)
    await harness.flushRetention()
    const { data, losses } = await readWhole(log, ['t/*'], { after: start })
    expect(data).toEqual([])
    expect(losses).toHaveLength(1)
  })

  test('maxBytes of the log removes the oldest first, whatever their topic', async () => {
    const { log, start, harness } = await open({ maxBytes: 200_000 })
    const events = Array.from({ length: 60 }, (_, i) =>
      event(`t/${i % 7}`, `${i}:${'x'.repeat(9_000)}`),
    )
    await appendEach(log, events)
    await harness.flushRetention()
    const { data, losses } = await readWhole(log, ['t/*'], { after: start })
    expect(data.length).toBeGreaterThanOrEqual(15)
    expect(data.length).toBeLessThanOrEqual(22)
    expect(data).toEqual(events.slice(-data.length).map((one) => one.data))
    expect(losses).toHaveLength(1)
  })
}

function describeWhatIsLeft(open: OpenBench): void {
  test('what retention removed never gives its position to a new record', async () => {
    const { log, start, harness } = await open({ rules: [{ pattern: '**', maxEvents: 1 }] })
    const positions = await appendEach(log, series('a', 'a', 4))
    await harness.flushRetention()
    positions.push(...(await appendEach(log, series('a', 'b', 2))))
    expect(new Set([start, ...positions].map((position) => formatCursor(position))).size).toBe(7)
  })

  test('bounds tell what is retained', async () => {
    const { log, start, harness } = await open({ rules: [{ pattern: '**', maxEvents: 2 }] })
    const positions = await appendEach(log, series('a', 'a', 5))
    await harness.flushRetention()
    const { first, head } = await log.bounds()
    expect(formatCursor(head)).toBe(formatCursor(positions[4] ?? start))
    expect(formatCursor(first)).toBe(formatCursor(positions[2] ?? start))
  })

  describe('latestBy', () => {
    describeLatestBy(open)
  })
}

function describeLatestBy(open: OpenBench): void {
  const latest = { rules: [{ pattern: 'state/*', latestBy: 'key' as const }] }
  const put = (key: string, data: string) => event('state/a', data, { key })

  test('only the newest event of each key is kept, and what it superseded is no loss', async () => {
    const { log, start, harness } = await open(latest)
    await appendEach(log, [put('x', 'x1'), put('y', 'y1'), put('x', 'x2'), put('x', 'x3')])
    await harness.flushRetention()
    for (const names of [['state/a'], ['**']]) {
      const { data, losses } = await readWhole(log, names, { after: start })
      expect(data).toEqual(['y1', 'x3'])
      expect(losses).toEqual([])
    }
  })

  test('keys of different topics do not supersede each other', async () => {
    const { log, start, harness } = await open(latest)
    await appendEach(log, [put('x', 'a'), event('state/b', 'b', { key: 'x' })])
    await harness.flushRetention()
    expect((await readWhole(log, ['state/*'], { after: start })).data).toEqual(['a', 'b'])
  })

  test('events without a key are kept beside those with one', async () => {
    const { log, start, harness } = await open(latest)
    await appendEach(log, [
      event('state/a', 'n1'),
      put('x', 'x1'),
      event('state/a', 'n2'),
      put('x', 'x2'),
    ])
    await harness.flushRetention()
    expect((await readWhole(log, ['state/a'], { after: start })).data).toEqual(['n1', 'n2', 'x2'])
  })

  test('events of one batch supersede each other in their order', async () => {
    const { log, start, harness } = await open(latest)
    await log.append({ events: [put('x', 'x1'), put('x', 'x2'), put('y', 'y1'), put('x', 'x3')] })
    await harness.flushRetention()
    expect((await readWhole(log, ['state/a'], { after: start })).data).toEqual(['y1', 'x3'])
  })

  test('a latest event that grows too old is lost like any other', async () => {
    const { log, start, clock, harness } = await open({ ...latest, maxAgeMs: hourMs })
    const [, second = start] = await appendEach(log, [put('x', 'x1'), put('x', 'x2')])
    clock.advance(2 * hourMs)
    await harness.flushRetention()
    const { data, losses } = await readWhole(log, ['state/a'], { after: start })
    expect(data).toEqual([])
    expect(losses.map(({ to }) => formatCursor(to))).toEqual([formatCursor(second)])
    await log.append({ events: [put('x', 'x3')] })
    expect((await readWhole(log, ['state/a'], { after: second })).data).toEqual(['x3'])
  })

  test('an old value that was never updated stays readable behind many updates of others', async () => {
    const { log, start, harness } = await open(latest)
    await log.append({ events: [put('old', 'old')] })
    for (let i = 0; i < 10; i++) {
      await log.append({
        events: Array.from({ length: 300 }, (_, j) => put(`k${j % 3}`, `${i}/${j}`)),
      })
    }
    await harness.flushRetention()
    const { data, losses } = await readWhole(log, ['state/*'], { after: start })
    expect(data).toEqual(['old', '9/297', '9/298', '9/299'])
    expect(losses).toEqual([])
  })
}
