// The contract of events that are worth something for a while. Nobody gets one from its end on, and the end
// of a key's value is told once.

import { formatCursor } from '@tidemark/log'
import type { EventLog, NewEvent, Position } from '@tidemark/log'
import { expect, test } from 'vitest'

import { appendEach, event, readWhole, series } from './harness.ts'
import type { Bench, OpenBench } from './harness.ts'
import { recordTail } from './tail-recorder.ts'

const dayMs = 86_400_000
const latestBy = 'key' as const
const keyed = { maxAgeMs: Infinity, rules: [{ pattern: 's/*', latestBy }] }

const brief = (topic: string, data: string, more: Partial<NewEvent> = {}): NewEvent => ({
  ...event(topic, data),
  ttlMs: 10_000,
  ...more,
})
const put = (data: string, more: Partial<NewEvent> = {}): NewEvent =>
  brief('s/a', data, { key: 'k', ...more })

/** Lets the time pass, and the log do what is due. */
async function pass({ clock, harness }: Bench, ms: number): Promise<void> {
  clock.advance(ms)
  await harness.flushRetention()
}

async function contents(log: EventLog, topic: string, after: Position): Promise<readonly string[]> {
  const { records, losses } = await readWhole(log, [topic], { after })
  expect(losses).toEqual([])
  return records.map(({ type, key, data }) => (type === 'message' ? data : `${type} ${key}`))
}

export function describeEnds(open: OpenBench): void {
  describeVanishing(open)
  describeTombstones(open)
  describeManyEnds(open)
}

function describeVanishing(open: OpenBench): void {
  test('an event vanishes at its end, and leaves no mark', async () => {
    const bench = await open()
    const { log, start } = bench
    await appendEach(log, [event('a', '1'), brief('a', 'brief'), event('a', '2')])
    expect(await contents(log, 'a', start)).toEqual(['1', 'brief', '2'])
    await pass(bench, 11_000)
    expect(await contents(log, 'a', start)).toEqual(['1', '2'])
  })

  test('from its last millisecond on no page has it, whether or not the log has removed it', async () => {
    const { log, start, clock } = await open()
    await appendEach(log, [brief('a', 'brief'), event('a', '1')])
    const end = clock.now() + 10_000
    // Timers do not run when the time of day is set.
    clock.set(end - 1)
    expect(await contents(log, 'a', start)).toEqual(['brief', '1'])
    for (const names of ['a', '*', '**']) {
      clock.set(end)
      expect(await contents(log, names, start)).toEqual(['1'])
    }
  })

  test('a topic that is empty by that has moved on all the same, and takes new events', async () => {
    const bench = await open()
    const { log, start } = bench
    await appendEach(log, [event('b', '1'), brief('a', 'brief')])
    await pass(bench, 11_000)
    expect(await contents(log, '**', start)).toEqual(['1'])
    const late = log.append({ events: [event('a', 'x')], ifHead: start })
    await expect(late).rejects.toMatchObject({ code: 'HEAD_MOVED' })
    await appendEach(log, series('a', 'a', 2))
    expect(await contents(log, 'a', start)).toEqual(['a1', 'a2'])
  })

  test('where the newest event of a topic vanished, the older ones are read, trimmed and told of as before', async () => {
    const bench = await open({ rules: [{ pattern: 'a', maxEvents: 2 }] })
    const { log, start, harness } = bench
    await appendEach(log, [event('a', '1'), event('a', '2')])
    await pass(bench, 1_000)
    const [position = start] = await log.append({ events: [brief('b', 'brief')] })
    await appendEach(log, [event('a', '3'), brief('a', 'brief')])
    await pass(bench, 11_000)
    const after = position
    expect((await readWhole(log, ['a'], { after })).data).toEqual(['3'])
    expect((await readWhole(log, ['*'], { after })).data).toEqual(['3'])
    await appendEach(log, series('a', 'x', 2))
    await harness.flushRetention()
    const { data, losses } = await readWhole(log, ['a'], { after: start })
    expect(data).toEqual(['x1', 'x2'])
    expect(losses).toHaveLength(1)
  })
}

function describeTombstones(open: OpenBench): void {
  test('the end of a key’s value is an event that takes its place, and a tail gets it', async () => {
    const bench = await open(keyed)
    const { log, start } = bench
    const seen = recordTail(log, start)
    await appendEach(log, [put('one'), put('kept', { key: 'other', ttlMs: undefined })])
    await pass(bench, 11_000)
    expect(await contents(log, 's/a', start)).toEqual(['kept', 'tidemark.deleted k'])
    const { records } = await readWhole(log, ['s/a'], { after: start })
    const tombstone = records.at(-1)
    expect(tombstone).toMatchObject({ topic: 's/a', data: '{"key":"k"}' })
    expect((tombstone?.expiresAt ?? 0) - (tombstone?.time ?? 0)).toBe(dayMs)
    await seen.reached((await log.bounds()).head)
    expect(seen.records.map(({ type }) => type)).toEqual(['message', 'message', 'tidemark.deleted'])
  })

  test('a value that a newer one has taken the place of ends in silence', async () => {
    const bench = await open(keyed)
    const { log, start } = bench
    await appendEach(log, [put('one'), put('two', { ttlMs: undefined })])
    await appendEach(log, [put('brief', { key: 'l' }), put('longer', { key: 'l', ttlMs: 60_000 })])
    await pass(bench, 11_000)
    expect(await contents(log, 's/a', start)).toEqual(['two', 'longer'])
    await pass(bench, 60_000)
    expect(await contents(log, 's/a', start)).toEqual(['two', 'tidemark.deleted l'])
  })

  test('an event without a key, or of a topic without values per key, is told of by nothing', async () => {
    const bench = await open(keyed)
    const { log, start } = bench
    await appendEach(log, [brief('s/a', 'no key'), brief('a', 'no rule', { key: 'k' })])
    await pass(bench, 11_000)
    expect(await contents(log, '**', start)).toEqual([])
  })

  test('a key that comes back has a value, and that ends once more', async () => {
    const bench = await open(keyed)
    const { log, start } = bench
    const [first = start] = await log.append({ events: [put('one')] })
    await pass(bench, 11_000)
    await log.append({ events: [put('again')] })
    expect(await contents(log, 's/a', start)).toEqual(['again'])
    await pass(bench, 11_000)
    expect(await contents(log, 's/a', first)).toEqual(['tidemark.deleted k'])
  })

  test('a tombstone goes after a day and leaves a mark, so that who was away for longer is told', async () => {
    const bench = await open(keyed)
    const { log, start, clock } = bench
    const [value = start] = await log.append({ events: [put('one')] })
    await log.append({ events: [put('kept', { key: 'other', ttlMs: undefined })] })
    await pass(bench, 11_000)
    await pass(bench, dayMs - 60_000)
    expect(await contents(log, 's/a', value)).toEqual(['kept', 'tidemark.deleted k'])
    const { head } = await log.bounds()
    // Its last moment, in which the log has not removed it yet.
    const before = clock.now()
    clock.set(before + 120_000)
    expect(await contents(log, 's/a', value)).toEqual(['kept', 'tidemark.deleted k'])
    clock.set(before)
    await pass(bench, 120_000)
    const { data, losses } = await readWhole(log, ['s/a'], { after: value })
    expect(data).toEqual(['kept'])
    expect(losses.map(({ reason, to }) => `${reason} ${formatCursor(to)}`)).toEqual([
      `retention ${formatCursor(head)}`,
    ])
    expect(await contents(log, 's/a', head)).toEqual([])
  })
}

function describeManyEnds(open: OpenBench): void {
  test('thousands that end together all go, each key is told of once, and reading passes over none that stays', async () => {
    const bench = await open(keyed)
    const { log, start, clock } = bench
    const many = Array.from({ length: 3_000 }, (_, i) => put(`v${i}`, { key: `k${i}` }))
    const plain = Array.from({ length: 3_000 }, (_, i) => brief('a', `p${i}`))
    await log.append({ events: [...many, ...plain] })
    await log.append({ events: [event('a', 'last')] })
    const tail = recordTail(log, (await log.bounds()).head)
    const now = clock.now()
    clock.set(now + 10_000)
    const { topics, upTo } = { topics: ['a'], upTo: (await log.bounds()).head }
    expect((await readWhole(log, topics, { after: start, upTo, limit: 3 })).data).toEqual(['last'])
    clock.set(now)
    for (let rounds = 0; rounds < 20; rounds++) await pass(bench, 1_000)
    const told = await contents(log, 's/a', start)
    expect(told.toSorted()).toEqual(many.map(({ key }) => `tidemark.deleted ${key}`).toSorted())
    expect(await contents(log, 'a', start)).toEqual(['last'])
    await tail.reached((await log.bounds()).head)
    expect(tail.records).toHaveLength(3_000)
  })
}

/** Of drivers with several handles on one log. */
export function describeSharedEnds(open: OpenBench): void {
  test('a value that ends under two handles is told of once, to the tails of both', async () => {
    const bench = await open(keyed)
    const { log, start, harness, clock } = bench
    const second = await required(harness.openSecond?.())
    const seen = [recordTail(log, start), recordTail(second, start)]
    const events = Array.from({ length: 100 }, (_, i) => put(`v${i}`, { key: `k${i}` }))
    await log.append({ events })
    // Both sweep by their own timers, in no order.
    for (let seconds = 0; seconds < 12; seconds++) {
      clock.advance(1_000)
      await harness.flushRetention()
    }
    const { head } = await log.bounds()
    await Promise.all(seen.map((one) => one.reached(head)))
    for (const { records } of seen) {
      const told = records.filter(({ type }) => type === 'tidemark.deleted')
      expect(told).toHaveLength(100)
      expect(new Set(told.map(({ key }) => key))).toEqual(new Set(events.map(({ key }) => key)))
    }
    expect(await contents(second, 's/a', start)).toHaveLength(100)
  })
}

/** Of drivers that keep their data. */
export function describeReopenedEnds(open: OpenBench): void {
  test('ends are kept over a restart: what ended meanwhile is told of, and what has not stays', async () => {
    const { log, start, harness, clock } = await open(keyed)
    const long = { key: 'l', ttlMs: dayMs }
    await log.append({ events: [put('one'), put('long', long), brief('a', 'brief')] })
    await log.close()
    clock.advance(20_000)
    const again = await required(harness.reopen?.())
    expect(await contents(again, 'a', start)).toEqual([])
    await harness.flushRetention()
    expect(await contents(again, 's/a', start)).toEqual(['long', 'tidemark.deleted k'])
    await again.close()
    clock.advance(2 * dayMs)
    const later = await required(harness.reopen?.())
    await harness.flushRetention()
    const { records } = await readWhole(later, ['s/a'], { after: start })
    expect(records.map(({ key }) => key)).toEqual(['l'])
  })
}

function required(log: Promise<EventLog> | undefined): Promise<EventLog> {
  if (log === undefined) throw new Error('This driver keeps nothing.')
  return log
}
