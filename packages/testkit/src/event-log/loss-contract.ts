// The contract of `lost`: never a missed gap, and none that is not there.

import { comparePositions, formatCursor, isSameEpoch } from '@tidemark/log'
import { expect, test } from 'vitest'

import { appendEach, event, positionAhead, readWhole, series, topicSet } from './harness.ts'
import type { OpenBench } from './harness.ts'

const keepTwo = { rules: [{ pattern: 'short/*', maxEvents: 2 }] }

export function describeLoss(open: OpenBench): void {
  describeLossOverTime(open)
  describeForeignCursors(open)
  test('a cursor behind what retention removed from its topic is told up to where', async () => {
    const { log, start, harness } = await open(keepTwo)
    const positions = await appendEach(log, series('short/a', 'a', 5))
    await harness.flushRetention()
    for (const names of [['short/a'], ['short/*'], ['**']]) {
      const { data, losses } = await readWhole(log, names, { after: start })
      expect(data).toEqual(['a4', 'a5'])
      expect(losses).toHaveLength(1)
      expect(losses[0]?.reason).toBe('retention')
      expect(formatCursor(losses[0]?.from ?? start)).toBe(formatCursor(start))
      expect(formatCursor(losses[0]?.to ?? start)).toBe(formatCursor(positions[2] ?? start))
    }
  })

  test('a cursor at the newest removed record has lost nothing', async () => {
    const { log, start, harness } = await open(keepTwo)
    const positions = await appendEach(log, series('short/a', 'a', 5))
    await harness.flushRetention()
    const { data, losses } = await readWhole(log, ['short/a'], { after: positions[2] ?? start })
    expect(data).toEqual(['a4', 'a5'])
    expect(losses).toEqual([])
  })

  test('what retention removes from other topics is no loss', async () => {
    const { log, start, harness } = await open(keepTwo)
    await log.append({ events: [event('quiet', 'q1'), event('quiet/deep', 'd1')] })
    await appendEach(log, series('short/a', 'a', 9))
    await harness.flushRetention()
    for (const names of [['quiet'], ['quiet/*'], ['quiet', 'quiet/**', 'nobody']]) {
      expect((await readWhole(log, names, { after: start })).losses).toEqual([])
    }
  })

  test('of several topics the newest removed record is told', async () => {
    const { log, start, harness } = await open(keepTwo)
    await appendEach(log, series('short/a', 'a', 5))
    const positions = await appendEach(log, series('short/b', 'b', 4))
    await harness.flushRetention()
    const page = await log.read({
      topics: topicSet('short/a', 'short/b'),
      after: start,
      upTo: positions.at(-1) ?? start,
      limit: 100,
    })
    expect(formatCursor(page.lost?.to ?? start)).toBe(formatCursor(positions[1] ?? start))
    expect(page.records.map(({ data }) => data)).toEqual(['a4', 'a5', 'b3', 'b4'])
  })
}

function describeLossOverTime(open: OpenBench): void {
  test('a topic that retention emptied still tells its loss', async () => {
    const { log, start, clock, harness } = await open({ maxAgeMs: 3_600_000 })
    const [, second = start] = await appendEach(log, series('a', 'a', 2))
    clock.advance(7_200_000)
    await harness.flushRetention()
    await log.append({ events: [event('b', 'b1')] })
    for (const names of [['a'], ['*'], ['a', 'b']]) {
      const { losses } = await readWhole(log, names, { after: start })
      expect(losses.map(({ to }) => formatCursor(to))).toEqual([formatCursor(second)])
      expect((await readWhole(log, names, { after: second })).losses).toEqual([])
    }
    expect((await readWhole(log, ['b'], { after: start })).losses).toEqual([])
  })

  test('retention that overtakes a reader between two pages is told on the next', async () => {
    const { log, start, harness } = await open(keepTwo)
    await appendEach(log, series('short/a', 'a', 2))
    const topics = topicSet('short/a')
    const { head } = await log.bounds()
    const first = await log.read({ topics, after: start, upTo: head, limit: 1 })
    expect(first.lost).toBeUndefined()
    await appendEach(log, series('short/a', 'more', 3))
    await harness.flushRetention()
    const { data, losses } = await readWhole(log, ['short/a'], { after: first.next })
    expect(data).toEqual(['more2', 'more3'])
    expect(losses.map(({ reason }) => reason)).toEqual(['retention'])
  })
}

function describeForeignCursors(open: OpenBench): void {
  test('a cursor of another history gets everything retained, after a gap', async () => {
    const { log, start } = await open()
    await appendEach(log, series('a', 'a', 3))
    const foreign = (await open()).start
    const { data, losses, next } = await readWhole(log, ['a'], { after: foreign })
    expect(data).toEqual(['a1', 'a2', 'a3'])
    expect(losses).toHaveLength(1)
    expect(losses[0]?.reason).toBe('epoch')
    expect(isSameEpoch(losses[0]?.from ?? start, start)).toBe(false)
    expect(formatCursor(losses[0]?.to ?? start)).toBe(formatCursor((await log.bounds()).first))
    expect(formatCursor(next)).toBe(formatCursor((await log.bounds()).head))
  })

  test('a cursor of another history reads page by page, told once', async () => {
    const { log } = await open()
    await appendEach(log, series('a', 'a', 7))
    const foreign = (await open()).start
    for (const names of [['a'], ['*']]) {
      const { data, losses } = await readWhole(log, names, { after: foreign, limit: 2 })
      expect(data).toEqual(['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7'])
      expect(losses).toHaveLength(1)
    }
  })

  test('the gap of another history ends where the retained history begins', async () => {
    const { log, harness } = await open({ rules: [{ pattern: 'a', maxEvents: 2 }] })
    const positions = await appendEach(log, series('a', 'a', 5))
    await harness.flushRetention()
    const foreign = (await open()).start
    const { data, losses } = await readWhole(log, ['a'], { after: foreign })
    expect(data).toEqual(['a4', 'a5'])
    expect(formatCursor(losses[0]?.to ?? foreign)).toBe(formatCursor(positions[2] ?? foreign))
  })

  test('a cursor ahead of the head is told, and goes on at the head', async () => {
    const { log, start } = await open()
    const [, head = start] = await appendEach(log, series('a', 'a', 2))
    const ahead = positionAhead(head)
    const page = await log.read({ topics: topicSet('a'), after: ahead, upTo: head, limit: 10 })
    expect(page.records).toEqual([])
    expect(page.lost?.reason).toBe('ahead')
    expect(formatCursor(page.lost?.from ?? start)).toBe(formatCursor(ahead))
    expect(formatCursor(page.lost?.to ?? start)).toBe(formatCursor(head))
    expect(formatCursor(page.next)).toBe(formatCursor(head))
    expect(comparePositions(page.next, ahead)).toBeLessThan(0)
  })
}
