// The contract of drivers that keep their data: several handles on one log, and one after another.

import { formatCursor } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { expect, test } from 'vitest'

import { appendEach, event, readWhole, series } from './harness.ts'
import type { EventLogHarness, OpenBench } from './harness.ts'
import { recordTail } from './tail-recorder.ts'

export function describeSecondHandle(open: OpenBench): void {
  describeTailsOfSecondHandle(open)
  test('two handles append to one order and tail each other', async () => {
    const { log, start, harness } = await open()
    const second = await openSecond(harness)
    const seen = [recordTail(log, start), recordTail(second, start)]
    await Promise.all([
      appendEach(log, series('a', 'a', 20)),
      appendEach(second, series('b', 'b', 20)),
    ])
    const { head } = await log.bounds()
    await Promise.all(seen.map((one) => one.reached(head)))
    const { data } = await readWhole(second, ['**'], { after: start })
    expect(data).toHaveLength(40)
    for (const { records } of seen) expect(records.map((record) => record.data)).toEqual(data)
    expect(data.filter((text) => text.startsWith('a'))).toEqual(
      series('a', 'a', 20).map((one) => one.data),
    )
  })

  test('an idempotency key used through one handle is known to the other', async () => {
    const { log, start, harness } = await open()
    const second = await openSecond(harness)
    const batch = { events: series('a', 'a', 2), idempotencyKey: 'k' }
    const answers = await Promise.all([log.append(batch), second.append(batch), log.append(batch)])
    expect(
      new Set(answers.map((positions) => positions.map((one) => formatCursor(one)).join())).size,
    ).toBe(1)
    expect((await readWhole(second, ['a'], { after: start })).data).toEqual(['a1', 'a2'])
    const reuse = second.append({ events: [event('a', 'other')], idempotencyKey: 'k' })
    await expect(reuse).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' })
  })

  test('what one handle removed by retention is a loss for the other', async () => {
    const { log, start, harness } = await open({ rules: [{ pattern: 'a', maxEvents: 2 }] })
    const second = await openSecond(harness)
    await appendEach(second, series('a', 'a', 3))
    await appendEach(log, series('a', 'b', 3))
    await harness.flushRetention()
    for (const one of [log, second]) {
      const { data, losses } = await readWhole(one, ['a'], { after: start })
      expect(data).toEqual(['b2', 'b3'])
      expect(losses).toHaveLength(1)
    }
  })
}

function describeTailsOfSecondHandle(open: OpenBench): void {
  test('a topic that keeps one event, hammered through one handle, overtakes no tail of the other', async () => {
    const { log, start, harness } = await open({
      rules: [
        { pattern: 'hot', maxEvents: 1 },
        { pattern: 'small', maxBytes: 500 },
        { pattern: 'state', latestBy: 'key' },
      ],
    })
    const second = await openSecond(harness)
    const seen = [recordTail(log, start), recordTail(second, start)]
    const published: string[] = []
    for (let i = 0; i < 50; i++) {
      const events = ['hot', 'quiet', 'small', 'hot', 'state', 'state'].map((topic, j) =>
        event(topic, `${i}.${j} ${topic}`, topic === 'state' ? { key: 'k' } : {}),
      )
      await log.append({ events })
      published.push(...events.map(({ data }) => data))
    }
    const { head } = await log.bounds()
    await Promise.all(seen.map((one) => one.reached(head)))
    for (const { records, overtaken } of seen) {
      expect(overtaken).toEqual([])
      expect(records.map(({ data }) => data)).toEqual(published)
    }
    await harness.flushRetention()
    expect((await readWhole(second, ['hot', 'state'], { after: start })).data).toEqual([
      '49.3 hot',
      '49.5 state',
    ])
  })
}

async function openSecond(harness: EventLogHarness): Promise<EventLog> {
  if (harness.openSecond === undefined) throw new Error('The harness lost its openSecond.')
  return harness.openSecond()
}

export function describeReopen(open: OpenBench): void {
  test('a reopened log goes on with the same history', async () => {
    const { log, start, harness } = await open({ rules: [{ pattern: 'short', maxEvents: 1 }] })
    const [, second = start] = await appendEach(log, [
      ...series('a', 'a', 3),
      ...series('short', 's', 2),
      event('state', 'x', { type: 't', key: 'k' }),
    ])
    const batch = { events: series('a', 'keyed', 1), idempotencyKey: 'k' }
    const keyed = await log.append(batch)
    await harness.flushRetention()
    await log.close()
    if (harness.reopen === undefined) throw new Error('The harness lost its reopen.')
    const again = await harness.reopen()
    const { data, losses } = await readWhole(again, ['a', 'state'], { after: second })
    expect(data).toEqual(['a3', 'x', 'keyed1'])
    expect(losses).toEqual([])
    expect((await readWhole(again, ['short'], { after: start })).losses).toHaveLength(1)
    expect((await again.append(batch)).map((one) => formatCursor(one))).toEqual(
      keyed.map((one) => formatCursor(one)),
    )
    await again.append({ events: [event('a', 'after')] })
    expect((await readWhole(again, ['a'], { after: second })).data).toEqual([
      'a3',
      'keyed1',
      'after',
    ])
  })

  test('record times do not go back over a restart', async () => {
    const { log, start, clock, harness } = await open()
    await log.append({ events: [event('a', '1')] })
    await log.close()
    clock.set(clock.now() - 3_600_000)
    if (harness.reopen === undefined) throw new Error('The harness lost its reopen.')
    const again = await harness.reopen()
    await again.append({ events: [event('a', '2')] })
    const [first, second] = (await readWhole(again, ['a'], { after: start })).records
    expect(second?.time).toBeGreaterThanOrEqual(first?.time ?? Infinity)
  })
}
