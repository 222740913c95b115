// The contract of `read` without losses: pages, ranges, topics and patterns.

import { formatCursor } from '@tidemark/log'
import { pageDataMax } from '@tidemark/log/driver'
import { describe, expect, test } from 'vitest'

import { appendEach, event, positionAhead, readWhole, series, topicSet } from './harness.ts'
import type { OpenBench } from './harness.ts'

export function describeRead(open: OpenBench): void {
  describePages(open)
  test('reading an empty log gives nothing and stays where it is', async () => {
    const { log, start } = await open()
    const page = await log.read({
      topics: topicSet('a', '**'),
      after: start,
      upTo: start,
      limit: 10,
    })
    expect(page.records).toEqual([])
    expect(page.lost).toBeUndefined()
    expect(formatCursor(page.next)).toBe(formatCursor(start))
  })

  test('only the asked topics are read, in log order', async () => {
    const { log, start } = await open()
    await appendEach(log, [event('a', 'a1'), event('b', 'b1'), event('c', 'c1'), event('a', 'a2')])
    expect((await readWhole(log, ['a'], { after: start })).data).toEqual(['a1', 'a2'])
    expect((await readWhole(log, ['c', 'a'], { after: start })).data).toEqual(['a1', 'c1', 'a2'])
    expect((await readWhole(log, ['nobody'], { after: start })).data).toEqual([])
  })

  test('`after` is exclusive and `upTo` inclusive', async () => {
    const { log, start } = await open()
    const positions = await appendEach(log, series('a', 'a', 5))
    const [after = start, , , upTo = start] = positions
    for (const names of [['a'], ['*'], ['**', 'a']]) {
      const { data, next } = await readWhole(log, names, { after, upTo })
      expect(data).toEqual(['a2', 'a3', 'a4'])
      expect(formatCursor(next)).toBe(formatCursor(upTo))
    }
  })
}

function describePages(open: OpenBench): void {
  test('an exhausted page reaches `upTo` even when its last records are of other topics', async () => {
    const { log, start } = await open()
    const positions = await appendEach(log, [event('a', 'a1'), ...series('b', 'b', 3)])
    const upTo = positions.at(-1) ?? start
    const page = await log.read({ topics: topicSet('a'), after: start, upTo, limit: 10 })
    expect(page.records).toHaveLength(1)
    expect(formatCursor(page.next)).toBe(formatCursor(upTo))
  })

  test('a full page ends at its last record, and the next one goes on there', async () => {
    const { log, start } = await open()
    const events = Array.from({ length: 30 }, (_, i) => event(i % 3 === 0 ? 'a' : 'b', String(i)))
    const positions = await appendEach(log, events)
    const upTo = positions.at(-1) ?? start
    for (const names of [['a'], ['a', 'b'], ['*']]) {
      const page = await log.read({ topics: topicSet(...names), after: start, upTo, limit: 4 })
      expect(page.records.length).toBeLessThanOrEqual(4)
      const whole = await readWhole(log, names, { after: start })
      for (const limit of [1, 2, 7, 30]) {
        expect((await readWhole(log, names, { after: start, limit })).data).toEqual(whole.data)
      }
    }
  })

  test('a page of large events ends where its data is enough for one answer', async () => {
    const { log, start } = await open()
    const characters = 100_000
    const events = Array.from({ length: 30 }, (_, i) =>
      event(i % 3 === 0 ? 'a' : 'b', String(i).padEnd(characters, 'x')),
    )
    await appendEach(log, events)
    const { head: upTo } = await log.bounds()
    for (const names of [['a'], ['a', 'b'], ['*'], ['none/*', 'b']]) {
      const topics = topicSet(...names)
      const page = await log.read({ topics, after: start, upTo, limit: 1_000 })
      expect(page.records.length).toBeLessThanOrEqual(Math.ceil(pageDataMax / characters))
      const { data } = await readWhole(log, names, { after: start, limit: 1_000 })
      const expected = events.filter(({ topic }) => topics.matches(topic))
      expect(data).toEqual(expected.map((one) => one.data))
    }
  })

  test('a page of exact topics is empty only at the end', async () => {
    const { log, start } = await open()
    // Half of the log is of the asked topics, so that a scan looks cheap; but none of it is where
    // the page begins.
    const asked = [...series('a', 'a', 5_000), ...series('b', 'b', 5_000)]
    const after = (await log.append({ events: asked })).at(-1) ?? start
    await log.append({ events: series('foreign', '', 10_000) })
    await log.append({ events: [event('foreign', ''), event('a', 'a late'), event('b', 'b late')] })
    const { head: upTo } = await log.bounds()
    for (const names of [['a'], ['a', 'b'], ['a', 'nobody']]) {
      const page = await log.read({ topics: topicSet(...names), after, upTo, limit: 1 })
      expect(page.records.map(({ data }) => data)).toEqual(['a late'])
    }
  })

  describeEnds(open)

  describe('patterns', () => {
    describePatterns(open)
  })
}

function describeEnds(open: OpenBench): void {
  test('`upTo` beyond the head is the head', async () => {
    const { log, start } = await open()
    const [first = start, second = start] = await appendEach(log, series('a', 'a', 2))
    const upTo = positionAhead(second)
    const page = await log.read({ topics: topicSet('a'), after: first, upTo, limit: 10 })
    expect(page.records.map(({ data }) => data)).toEqual(['a2'])
    expect(formatCursor(page.next)).toBe(formatCursor(second))
  })

  test('`upTo` before the cursor gives nothing and does not move the reader back', async () => {
    const { log, start } = await open()
    const [first = start, , third = start] = await appendEach(log, series('a', 'a', 3))
    const page = await log.read({ topics: topicSet('a'), after: third, upTo: first, limit: 10 })
    expect(page.records).toEqual([])
    expect(page.lost).toBeUndefined()
    expect(formatCursor(page.next)).toBe(formatCursor(third))
  })
}

const published = [
  'orders',
  'orders/1',
  'orders/1/items',
  'orders/2',
  'ordersX/1',
  'stock/1',
  '$hub/nodes',
  '$hub',
]

const wanted: readonly (readonly [string, readonly string[]])[] = [
  ['orders/*', ['orders/1', 'orders/2']],
  ['orders/**', ['orders/1', 'orders/1/items', 'orders/2']],
  ['*/1', ['orders/1', 'ordersX/1', 'stock/1']],
  ['*', ['orders']],
  ['*/*/*', ['orders/1/items']],
  ['**', ['orders', 'orders/1', 'orders/1/items', 'orders/2', 'ordersX/1', 'stock/1']],
  ['$hub/*', ['$hub/nodes']],
  ['nothing/**', []],
]

function describePatterns(open: OpenBench): void {
  for (const [pattern, matching] of wanted) {
    test(`${pattern} reads ${matching.length === 0 ? 'nothing' : matching.join(', ')}`, async () => {
      const { log, start } = await open()
      await appendEach(
        log,
        published.map((name) => event(name, name)),
      )
      expect((await readWhole(log, [pattern], { after: start })).data).toEqual(matching)
    })
  }

  test('a record that several names of a set match is read once', async () => {
    const { log, start } = await open()
    await appendEach(
      log,
      published.map((name) => event(name, name)),
    )
    const names = ['orders/*', 'orders/**', '*/1', 'orders/1']
    const expected = ['orders/1', 'orders/1/items', 'orders/2', 'ordersX/1', 'stock/1']
    expect((await readWhole(log, names, { after: start })).data).toEqual(expected)
  })

  test('a rare topic is found among many records of others', async () => {
    const { log, start } = await open()
    const noise = Array.from({ length: 2_500 }, (_, i) => event(`noise/${i % 50}`, ''))
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 4; j++) await log.append({ events: noise })
      await log.append({ events: [event(`rare/${i}`, `rare${i}`)] })
    }
    const expected = ['rare0', 'rare1', 'rare2']
    expect((await readWhole(log, ['rare/*'], { after: start })).data).toEqual(expected)
    expect((await readWhole(log, ['*/0', 'rare/*'], { after: start })).data).toHaveLength(603)
  })

  test('a wide pattern over many topics keeps log order from page to page', async () => {
    const { log, start } = await open()
    const events = Array.from({ length: 2_000 }, (_, i) => event(`t/${(i * 7) % 500}`, String(i)))
    await log.append({ events })
    const { data } = await readWhole(log, ['t/*'], { after: start, limit: 64 })
    expect(data).toEqual(events.map((one) => one.data))
  })
}
