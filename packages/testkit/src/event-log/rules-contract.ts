// The contract of rules that change: a change is a record, in force from its position on, and tells
// of what it costs.

import { changeRetention, formatCursor, parseTopic } from '@tidemark/log'
import type { EventLog, NewEvent, Retention } from '@tidemark/log'
import { encodeRetention, retentionKey, rulesTopic } from '@tidemark/log/driver'
import { expect, test } from 'vitest'

import { appendEach, event, readWhole, series } from './harness.ts'
import type { OpenBench } from './harness.ts'

const hourMs = 3_600_000
const latestBy = 'key' as const
const put = (key: string, data: string, topic: string = 's/a'): NewEvent =>
  event(topic, data, { key })

function retention(rules: Retention['rules'], more: Partial<Retention> = {}): Retention {
  return { maxAgeMs: hourMs, maxBytes: 100_000_000, rules, ...more }
}

const latest = retention([{ pattern: 's/*', latestBy }])
const nothing = retention([])

export function describeRules(open: OpenBench): void {
  describeQuestions(open)
  describePositions(open)
  describeTightening(open)
  describeLatestBy(open)
  describeRefusals(open)
  test('rules that are loosened bring nothing back, and keep what comes', async () => {
    const { log, start, harness } = await open(retention([{ pattern: 'm', maxEvents: 2 }]))
    await appendEach(log, series('m', 'a', 4))
    await harness.flushRetention()
    await changeRetention(log, nothing)
    await appendEach(log, series('m', 'b', 4))
    await harness.flushRetention()
    const { data, losses } = await readWhole(log, ['m'], { after: start })
    expect(data).toEqual(['a3', 'a4', 'b1', 'b2', 'b3', 'b4'])
    expect(losses).toHaveLength(1)
  })

  test('a topic whose records were too old under the rules before keeps them under longer ones', async () => {
    const { log, start, clock, harness } = await open(
      retention([{ pattern: 'm', maxAgeMs: hourMs / 4 }]),
    )
    await appendEach(log, series('m', 'm', 2))
    clock.advance(hourMs / 8)
    await changeRetention(log, nothing)
    await harness.flushRetention()
    clock.advance(hourMs / 4)
    await harness.flushRetention()
    const { data, losses } = await readWhole(log, ['m'], { after: start })
    expect(data).toEqual(['m1', 'm2'])
    expect(losses).toEqual([])
  })
}

function describeQuestions(open: OpenBench): void {
  test('a log says which rule a topic has, before and after a change', async () => {
    const { log } = await open(latest)
    const keyed = { maxAgeMs: hourMs, maxEvents: Infinity, maxBytes: Infinity, latestBy }
    expect(log.ruleFor(parseTopic('s/a'))).toEqual(keyed)
    expect(log.ruleFor(parseTopic('other'))).toEqual({ ...keyed, latestBy: undefined })
    expect(log.retention).toEqual(latest)
    await changeRetention(log, nothing)
    expect(log.ruleFor(parseTopic('s/a'))).toEqual({ ...keyed, latestBy: undefined })
    expect(log.retention).toEqual(nothing)
  })

  test('a ledger has its own rule whatever the others say', async () => {
    const { log } = await open(retention([{ pattern: '**', maxEvents: 1 }]))
    const rule = log.ruleFor(parseTopic('$hub/state/bans'))
    expect(rule).toMatchObject({ latestBy, maxAgeMs: Infinity, maxEvents: Infinity })
  })
}

function describePositions(open: OpenBench): void {
  test('within one batch the events before a change follow the old rules and those behind it the new ones', async () => {
    const { log, start, harness } = await open(latest)
    const change = encodeRetention(nothing, 'change')
    await log.append({
      events: [put('x', 'x1'), put('x', 'x2'), change, put('x', 'x3'), put('x', 'x4')],
    })
    await harness.flushRetention()
    const { data, losses } = await readWhole(log, ['s/a'], { after: start })
    expect(data).toEqual(['x2', 'x3', 'x4'])
    expect(losses).toEqual([])
  })

  test('a change answers with its position, and is the record there', async () => {
    const { log, start } = await open()
    const position = await changeRetention(log, latest)
    const { records } = await readWhole(log, [rulesTopic], { after: start })
    expect(records.map((record) => [formatCursor(record.position), record.key])).toEqual([
      [formatCursor(position), retentionKey],
    ])
  })

  test('of many changes the last one in the log is in force', async () => {
    const { log, start, harness } = await open()
    const bounds = [5, 3, 7, 4]
    for (const maxEvents of bounds)
      await changeRetention(log, retention([{ pattern: 'm', maxEvents }]))
    await appendEach(log, series('m', 'm', 9))
    await harness.flushRetention()
    const { data } = await readWhole(log, ['m'], { after: start })
    expect(data).toEqual(['m6', 'm7', 'm8', 'm9'])
  })
}

function describeTightening(open: OpenBench): void {
  test('a lower maxEvents removes with the next sweep, and only cursors behind that are told of a gap', async () => {
    const { log, start, harness } = await open(nothing)
    const positions = await appendEach(log, [...series('m', 'm', 6), ...series('n', 'n', 2)])
    await changeRetention(log, retention([{ pattern: 'm', maxEvents: 2 }]))
    await harness.flushRetention()
    const removed = positions[3] ?? start
    const behind = await readWhole(log, ['m'], { after: positions[2] ?? start })
    expect(behind.data).toEqual(['m5', 'm6'])
    expect(behind.losses.map(({ to }) => formatCursor(to))).toEqual([formatCursor(removed)])
    expect((await readWhole(log, ['m'], { after: removed })).losses).toEqual([])
    expect((await readWhole(log, ['n'], { after: start })).losses).toEqual([])
  })

  test('a shorter age removes what is older, of the whole log or of one topic', async () => {
    const { log, start, clock, harness } = await open(nothing)
    await log.append({ events: [event('m', 'm-old'), event('n', 'n-old')] })
    clock.advance(hourMs / 2)
    await log.append({ events: [event('m', 'm-young'), event('n', 'n-young')] })
    await changeRetention(log, retention([{ pattern: 'm', maxAgeMs: hourMs / 4 }]))
    await harness.flushRetention()
    const kept = async () => (await readWhole(log, ['m', 'n'], { after: start })).data
    expect(await kept()).toEqual(['n-old', 'm-young', 'n-young'])
    await changeRetention(log, retention([], { maxAgeMs: hourMs / 4 }))
    await harness.flushRetention()
    expect(await kept()).toEqual(['m-young', 'n-young'])
  })

  test('a lower maxBytes of the log removes the oldest, and the rules themselves stay', async () => {
    const { log, start, harness } = await open(nothing)
    const events = Array.from({ length: 40 }, (_, i) => event('m', `${i}:${'x'.repeat(9_000)}`))
    await appendEach(log, events)
    await changeRetention(log, retention([], { maxBytes: 100_000 }))
    await harness.flushRetention()
    const { data, losses } = await readWhole(log, ['m'], { after: start })
    expect(data.length).toBeLessThanOrEqual(11)
    expect(data).toEqual(events.slice(-data.length).map((one) => one.data))
    expect(losses).toHaveLength(1)
    expect((await readWhole(log, [rulesTopic], { after: start })).data).toHaveLength(1)
  })
}

function describeLatestBy(open: OpenBench): void {
  test('latestBy that comes later removes what is superseded already, and tells nobody of a loss', async () => {
    const { log, start, harness } = await open(nothing)
    const before = Array.from({ length: 1_200 }, (_, i) => put(`k${i % 3}`, `${i}`))
    await log.append({ events: before })
    await log.append({ events: [event('s/a', 'no key'), put('other', 'o1', 's/b')] })
    await changeRetention(log, retention([{ pattern: 's/*', latestBy, maxEvents: 5 }]))
    await log.append({ events: [put('k0', 'new'), put('other', 'o2', 's/b')] })
    await harness.flushRetention()
    const { data, losses } = await readWhole(log, ['s/*'], { after: start })
    expect(data).toEqual(['1198', '1199', 'no key', 'new', 'o2'])
    expect(losses).toEqual([])
  })

  test('latestBy that goes and comes again still keeps one event per key', async () => {
    const { log, start, harness } = await open(latest)
    await appendEach(log, [put('x', 'x1'), put('x', 'x2')])
    await changeRetention(log, nothing)
    await appendEach(log, [put('x', 'x3'), put('x', 'x4')])
    await harness.flushRetention()
    expect((await readWhole(log, ['s/a'], { after: start })).data).toEqual(['x2', 'x3', 'x4'])
    await changeRetention(log, latest)
    await harness.flushRetention()
    await log.append({ events: [put('x', 'x5')] })
    const { data, losses } = await readWhole(log, ['s/a'], { after: start })
    expect(data).toEqual(['x5'])
    expect(losses).toEqual([])
  })

  test('a change over many records removes all it must', async () => {
    const { log, start, harness } = await open(nothing)
    for (let i = 0; i < 5; i++) await log.append({ events: series(`t/${i % 2}`, `${i}/`, 2_500) })
    await changeRetention(log, retention([{ pattern: 't/*', maxEvents: 3 }]))
    await harness.flushRetention()
    const { data, losses } = await readWhole(log, ['t/*'], { after: start })
    expect(data).toEqual(['3/2498', '3/2499', '3/2500', '4/2498', '4/2499', '4/2500'])
    expect(losses).toHaveLength(1)
  })
}

function describeRefusals(open: OpenBench): void {
  const refused: Readonly<Record<string, (log: EventLog) => Promise<unknown>>> = {
    'a rule that is out of range': (log) =>
      changeRetention(log, retention([{ pattern: 'm', maxEvents: 0 }])),
    'too many rules': (log) =>
      changeRetention(log, retention(Array.from({ length: 1_001 }, () => ({ pattern: 'm' })))),
    'a change that leaves something out': (log) =>
      changeRetention(log, { rules: [] } as unknown as Retention),
    'a deletion of the rules': (log) =>
      log.append({ events: [{ topic: rulesTopic, key: retentionKey, type: 'deleted', data: '' }] }),
    'rules that expire': (log) => {
      const rules = encodeRetention(nothing, 'change')
      return log.append({ events: [{ ...rules, data: rules.data.replace('-', '1') }] })
    },
    'rules that are claimed': (log) =>
      log.append({ events: [{ ...encodeRetention(nothing, 'change'), type: 'claim' }] }),
    'what is no rules': (log) =>
      log.append({
        events: [{ topic: rulesTopic, key: retentionKey, type: 'set', data: '- -\n[]' }],
      }),
  }
  for (const [what, call] of Object.entries(refused)) {
    test(`${what}: refused with RETENTION_INVALID, and the rules stay`, async () => {
      const { log, start, harness } = await open(retention([{ pattern: 'm', maxEvents: 2 }]))
      await expect(call(log)).rejects.toMatchObject({ code: 'RETENTION_INVALID' })
      await appendEach(log, series('m', 'm', 3))
      await harness.flushRetention()
      const { data } = await readWhole(log, ['m', rulesTopic], { after: start })
      expect(data).toEqual(['m2', 'm3'])
    })
  }
}

export function describeSharedRules(open: OpenBench): void {
  test('the next append of another handle follows a change', async () => {
    const { log, start, harness } = await open(nothing)
    const second = await required(harness.openSecond?.())
    await appendEach(second, series('m', 'm', 2))
    await changeRetention(log, retention([{ pattern: 'm', maxEvents: 1 }]))
    await appendEach(second, series('m', 'n', 2))
    await changeRetention(second, nothing)
    await appendEach(log, series('m', 'o', 2))
    const { data, losses } = await readWhole(log, ['m'], { after: start })
    expect(data).toEqual(['n2', 'o1', 'o2'])
    expect(losses).toHaveLength(1)
  })

  test('a handle that opens after a change follows it', async () => {
    const { log, start, harness } = await open(nothing)
    await changeRetention(log, retention([{ pattern: 'm', maxEvents: 1 }]))
    const second = await required(harness.openSecond?.())
    await appendEach(second, series('m', 'm', 3))
    await harness.flushRetention()
    expect((await readWhole(log, ['m'], { after: start })).data).toEqual(['m3'])
  })
}

export function describeReopenedRules(open: OpenBench): void {
  test('changed rules outlive a restart with the same configuration', async () => {
    const { log, start, harness } = await open(nothing)
    await changeRetention(log, retention([{ pattern: 'm', maxEvents: 1 }]))
    await log.close()
    const again = await required(harness.reopen?.())
    await appendEach(again, series('m', 'm', 3))
    await harness.flushRetention()
    expect((await readWhole(again, ['m'], { after: start })).data).toEqual(['m3'])
  })

  test('a change that no sweep came to before a restart is applied after it', async () => {
    const { log, start, harness } = await open(nothing)
    await appendEach(log, [put('x', 'x1'), put('x', 'x2'), ...series('m', 'm', 3)])
    const rules = [
      { pattern: 's/*', latestBy },
      { pattern: 'm', maxEvents: 1 },
    ]
    await changeRetention(log, retention(rules))
    await log.close()
    const again = await required(harness.reopen?.())
    await harness.flushRetention()
    expect((await readWhole(again, ['s/*', 'm'], { after: start })).data).toEqual(['x2', 'm3'])
    expect((await readWhole(again, ['s/*'], { after: start })).losses).toEqual([])
  })
}

function required(opening: Promise<EventLog> | undefined): Promise<EventLog> {
  if (opening === undefined) throw new Error('The harness lost an ability.')
  return opening
}
