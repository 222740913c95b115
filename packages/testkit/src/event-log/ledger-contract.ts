// The contract of ledgers: every log carries them, whatever the driver does inside.

import { comparePositions, formatCursor, openLedger, parseTopic } from '@tidemark/log'
import { sequenceOf } from '@tidemark/log/driver'
import type { EventLog, Ledger, LedgerChange, LedgerCodec } from '@tidemark/log'
import { expect, test } from 'vitest'

import type { FakeClock } from '../fake-clock.ts'
import { describeFull } from './full-ledger-contract.ts'
import { event, readWhole } from './harness.ts'
import type { Bench, OpenBench } from './harness.ts'
import { recordTail } from './tail-recorder.ts'

const textCodec: LedgerCodec<string> = { encode: (value) => value, decode: (text) => text }

const minuteMs = 60_000
const topic = '$hub/state/bans'

export function openBans(log: EventLog, clock: FakeClock): Promise<Ledger<string>> {
  return openLedger(log, 'bans', { codec: textCodec, clock })
}

/** The values that are there, by key. */
export function contents(ledger: Ledger<string>): Record<string, string> {
  return Object.fromEntries(ledger.entries().map(({ key, value }) => [key, value]))
}

export async function openBoth({
  log,
  harness,
  clock,
}: Bench): Promise<readonly [Ledger<string>, Ledger<string>]> {
  const second = (await harness.openSecond?.()) ?? log
  return [await openBans(log, clock), await openBans(second, clock)]
}

/** Records of the ledger that the log still holds. */
async function countStored({ log }: Bench): Promise<number> {
  const { first } = await log.bounds()
  return (await readWhole(log, [topic], { after: first })).records.length
}

export function describeLedger(open: OpenBench): void {
  describeEntries(open)
  describeManyAtOnce(open)
  describeMoments(open)
  describeClaims(open)
  describeRetentionOfLedgers(open)
  describeEnds(open)
  describeMissedEnds(open)
  describeFull(open)
}

function describeEntries(open: OpenBench): void {
  test('a ledger holds the latest value per key, and what it was told before it was opened', async () => {
    const { log, clock } = await open()
    const bans = await openBans(log, clock)
    await bans.set('ada', 'one')
    await bans.set('bob', 'two\nlines 🌊')
    await bans.set('ada', 'three')
    const late = await openBans(log, clock)
    for (const ledger of [bans, late]) {
      expect(contents(ledger)).toEqual({ bob: 'two\nlines 🌊', ada: 'three' })
      expect(ledger.get('ada')).toBe('three')
      expect(ledger.get('eve')).toBeUndefined()
    }
  })

  test('a call that has resolved is seen by its own ledger at once, and by all at the same position', async () => {
    const bench = await open()
    const [one, two] = await openBoth(bench)
    const position = await one.set('ada', 'banned')
    expect(one.get('ada')).toBe('banned')
    await two.reached(position)
    expect(two.get('ada')).toBe('banned')
    expect(await two.delete('ada')).toBe(true)
    expect(await one.delete('ada')).toBe(false)
    expect(one.get('ada')).toBeUndefined()
  })

  test('two handles have told the same changes, in the same order, at every common position', async () => {
    const bench = await open()
    const both = await openBoth(bench)
    const told = both.map((ledger) => {
      const changes: string[] = []
      ledger.onChange(({ key, value, before, cause, position }) => {
        expect(comparePositions(position, ledger.position)).toBeLessThanOrEqual(0)
        changes.push(`${formatCursor(position)} ${cause} ${key}: ${before} → ${value}`)
      })
      return changes
    })
    await Promise.all(
      both.flatMap((ledger, i) =>
        Array.from({ length: 40 }, async (_, j) => {
          const key = `k${j % 7}`
          if (j % 5 === 4) await ledger.delete(key)
          else await ledger.set(key, `${i}.${j}`)
        }),
      ),
    )
    const { head } = await bench.log.bounds()
    await Promise.all(both.map((ledger) => ledger.reached(head)))
    expect(told[0]?.length).toBeGreaterThan(40)
    expect(told[1]).toEqual(told[0])
    expect(contents(both[1])).toEqual(contents(both[0]))
  })
}

function describeManyAtOnce(open: OpenBench): void {
  test('entries that are set together come together, and the later of one key stays', async () => {
    const bench = await open()
    const [one, two] = await openBoth(bench)
    const told: string[] = []
    two.onChange(({ key, value, position }) =>
      told.push(`${key} ${value} ${formatCursor(position)}`),
    )
    const many = Array.from({ length: 100 }, (_, i) => ({ key: `k${i}`, value: `v${i}` }))
    const expiresAt = bench.clock.now() + 1_000
    const position = await one.setAll([...many, { key: 'k1', value: 'again', expiresAt }])
    expect(one.entries()).toHaveLength(100)
    expect(one.get('k1')).toBe('again')
    await two.reached(position)
    expect(contents(two)).toEqual(contents(one))
    expect(told).toHaveLength(101)
    expect(told.at(-1)).toBe(`k1 again ${formatCursor(position)}`)
    bench.clock.advance(2_000)
    expect(one.get('k1')).toBeUndefined()
  })

  test('the end of an entry and another event are stored together, once, or not at all', async () => {
    const { log, clock } = await open()
    const ledger = await openBans(log, clock)
    await ledger.set('ada', 'x')
    const events = [ledger.deletion('ada'), { topic: parseTopic('a'), data: 'gone' }]
    const [end] = await log.append({ events, idempotencyKey: '$hub/once' })
    if (end !== undefined) await ledger.reached(end)
    expect(ledger.get('ada')).toBeUndefined()
    await ledger.set('ada', 'again')
    expect(await log.append({ events, idempotencyKey: '$hub/once' })).toContainEqual(end)
    expect(ledger.get('ada')).toBe('again')
    expect(() => ledger.deletion('a\nb')).toThrow(/control characters/)
  })

  test('of entries that are set together none is set where one cannot be', async () => {
    const { log, clock } = await open()
    const ledger = await openBans(log, clock)
    const good = { key: 'ada', value: 'x' }
    for (const [odd, code] of [
      [{ key: 'a\nb', value: 'x' }, 'BATCH_INVALID'],
      [{ key: 'bob', value: 'x', expiresAt: -1 }, 'OPTION_INVALID'],
      [undefined, 'OPTION_INVALID'],
    ] as const) {
      const answer = ledger.setAll([good, odd as typeof good])
      await expect(answer).rejects.toMatchObject({ code })
    }
    await expect(ledger.setAll([])).rejects.toMatchObject({ code: 'BATCH_INVALID' })
    expect(ledger.entries()).toEqual([])
  })
}

function describeMoments(open: OpenBench): void {
  test('a record finds the value of its own position, though the ledger has gone on', async () => {
    const { log, clock, start } = await open()
    const bans = await openBans(log, clock)
    await bans.set('ada', 'until noon', { expiresAt: clock.now() + 1_000 })
    await log.append({ events: [event('chat', 'while banned')] })
    await bans.delete('ada')
    await log.append({ events: [event('chat', 'free')] })
    await bans.set('ada', 'again', { expiresAt: clock.now() + 1_000 })
    clock.advance(2_000)
    await log.append({ events: [event('chat', 'expired')] })
    const { records } = await readWhole(log, ['chat'], { after: start })
    const [newest] = records.slice(-1)
    if (newest !== undefined) await bans.reached(newest.position)
    expect(records.map((record) => bans.getAt('ada', record))).toEqual([
      'until noon',
      undefined,
      undefined,
    ])
    const before = { position: start, time: clock.now() }
    const late = await openBans(log, clock)
    expect(() => late.getAt('ada', before)).toThrow(
      expect.objectContaining({ code: 'POSITION_INVALID' }),
    )
  })

  test('a closed ledger says so, and one of a closed log says what the log says', async () => {
    const { log, clock } = await open()
    const [closed, orphan] = [await openBans(log, clock), await openBans(log, clock)]
    const position = await closed.set('ada', 'x')
    closed.close()
    const code = { code: 'LOG_CLOSED' }
    await expect(closed.set('ada', 'y')).rejects.toMatchObject(code)
    await expect(closed.reached(position)).rejects.toMatchObject(code)
    await orphan.reached(position)
    await log.close()
    await expect(orphan.set('ada', 'z')).rejects.toMatchObject(code)
    await expect(orphan.claim('bob', 'z')).rejects.toMatchObject(code)
    await expect(openBans(log, clock)).rejects.toMatchObject(code)
    expect(orphan.get('ada')).toBe('x')
    expect(clock.pending).toBe(0)
  })

  test('a ledger in which nothing ends starts no timer', async () => {
    const { log, clock } = await open({ maxAgeMs: Infinity })
    const before = clock.pending
    const bans = await openBans(log, clock)
    const afterOpen = clock.pending
    await bans.set('ada', 'for ever')
    await bans.claim('bob', 'for ever')
    expect(clock.pending).toBe(afterOpen)
    // The tail of a log that polls is the log's own, and one for all tails.
    expect(afterOpen - before).toBeLessThanOrEqual(1)
    bans.close()
  })
}

function describeClaims(open: OpenBench): void {
  test('of claims that race through two handles one wins, and all learn the same winner', async () => {
    const bench = await open()
    const both = await openBoth(bench)
    for (let round = 0; round < 100; round++) {
      const key = `ticket ${round}`
      const claims = await Promise.all(
        both.flatMap((ledger, i) => ['a', 'b'].map((lane) => ledger.claim(key, `${i}${lane}`))),
      )
      expect(claims.filter(({ isWon }) => isWon)).toHaveLength(1)
      const winner = claims.find(({ isWon }) => isWon)?.value
      expect(claims.map(({ value }) => value)).toEqual(claims.map(() => winner))
    }
    // The log let one of each in.
    const { head } = await bench.log.bounds()
    expect(sequenceOf(head) - sequenceOf(bench.start)).toBe(100)
  })

  test('claims of one and the same value have one winner too', async () => {
    const both = await openBoth(await open())
    const claims = await Promise.all(both.map((ledger) => ledger.claim('run', 'started')))
    expect(claims.filter(({ isWon }) => isWon)).toHaveLength(1)
  })

  test('a key can be claimed again once its entry was deleted or has expired, by one each time', async () => {
    const bench = await open()
    const { clock } = bench
    const both = await openBoth(bench)
    for (let round = 0; round < 6; round++) {
      const expiresAt = clock.now() + 30_000
      const claims = await Promise.all(
        both.map((ledger, i) => ledger.claim('lease', `${round}.${i}`, { expiresAt })),
      )
      expect(claims.filter(({ isWon }) => isWon)).toHaveLength(1)
      if (round % 2 === 0) await both[round % 4 === 0 ? 0 : 1].delete('lease')
      // Also beyond the time for which an end is remembered.
      else clock.advance(round === 3 ? 5 * minuteMs : 30_000)
    }
  })

  test('claims that are named after two times both enter the log, and the first in its order has won', async () => {
    const bench = await open()
    const { clock, log } = bench
    const second = (await bench.harness.openSecond?.()) ?? log
    const one = await openBans(log, clock)
    // A node whose clock runs a minute ahead takes another name for the same claim.
    const ahead = { ...clock, now: () => clock.now() + minuteMs }
    const two = await openLedger(second, 'bans', { codec: textCodec, clock: ahead })
    for (let round = 0; round < 20; round++) {
      const key = `k${round}`
      const claims = await Promise.all([one.claim(key, 'one'), two.claim(key, 'two')])
      const won = claims.filter(({ isWon }) => isWon)
      expect(won).toHaveLength(1)
      expect(claims.map(({ value }) => value)).toEqual(claims.map(() => won[0]?.value))
      const late = await openBans(log, clock)
      expect(late.get(key)).toBe(won[0]?.value)
      late.close()
    }
  })
}

function describeRetentionOfLedgers(open: OpenBench): void {
  test('retention of events never removes what a ledger holds', async () => {
    const bench = await open({
      maxAgeMs: minuteMs,
      maxBytes: 20_000,
      rules: [
        { pattern: '$hub/**', maxEvents: 1, maxAgeMs: minuteMs },
        { pattern: topic, maxBytes: 1 },
      ],
    })
    const { log, clock, harness } = bench
    const bans = await openBans(log, clock)
    const wanted: Record<string, string> = {}
    for (let i = 0; i < 30; i++) {
      // More than `maxBytes` of them.
      wanted[`user ${i}`] = 'x'.repeat(1_000)
      await bans.set(`user ${i}`, 'x'.repeat(1_000))
      await log.append({ events: [event('busy', 'y'.repeat(2_000)), event('$hub/other', 'z')] })
    }
    for (let i = 0; i < 30; i++) await log.append({ events: [event('busy', 'y'.repeat(2_000))] })
    await harness.flushRetention()
    const { first } = await log.bounds()
    const { records } = await readWhole(log, ['busy'], { after: first })
    // Events have all of `maxBytes` for themselves, and no more.
    expect(records.length).toBeGreaterThanOrEqual(8)
    expect(records.length).toBeLessThanOrEqual(9)
    clock.advance(10 * minuteMs)
    await harness.flushRetention()
    expect((await readWhole(log, ['busy', '$hub/other'], { after: first })).records).toEqual([])
    expect(contents(await openBans(log, clock))).toEqual(wanted)
    expect(contents(bans)).toEqual(wanted)
  })
}

function describeEnds(open: OpenBench): void {
  test('an entry that expires is not there from that moment on, and listeners hear of it once', async () => {
    const { log, clock } = await open()
    const bans = await openBans(log, clock)
    const told: LedgerChange<string>[] = []
    await bans.set('ada', 'x', { expiresAt: clock.now() + 5_000 })
    bans.onChange((change) => told.push(change))
    clock.advance(4_999)
    expect(bans.get('ada')).toBe('x')
    clock.advance(1)
    expect(bans.get('ada')).toBeUndefined()
    expect(contents(bans)).toEqual({})
    clock.advance(5 * minuteMs)
    expect(told).toMatchObject([{ key: 'ada', before: 'x', value: undefined, cause: 'expired' }])
    expect(contents(await openBans(log, clock))).toEqual({})
  })

  test('what has ended leaves the log within minutes, and what has not stays', async () => {
    const bench = await open({ maxAgeMs: Infinity })
    const { log, clock, harness } = bench
    const bans = await openBans(log, clock)
    await bans.set('stays', 'x')
    await bans.set('later', 'x', { expiresAt: clock.now() + 60 * minuteMs })
    for (let i = 0; i < 5; i++)
      await bans.set(`short ${i}`, 'x', { expiresAt: clock.now() + 1_000 })
    for (let i = 0; i < 5; i++) {
      await bans.set(`gone ${i}`, 'x')
      await bans.delete(`gone ${i}`)
    }
    await harness.flushRetention()
    expect(await countStored(bench)).toBe(12)
    clock.advance(3 * minuteMs)
    await harness.flushRetention()
    expect(await countStored(bench)).toBe(2)
    expect(contents(await openBans(log, clock))).toEqual({ stays: 'x', later: 'x' })
    clock.advance(62 * minuteMs)
    await harness.flushRetention()
    expect(await countStored(bench)).toBe(1)
    await log.close()
    expect(clock.pending).toBe(0)
  })
}

function describeMissedEnds(open: OpenBench): void {
  const ends = {
    'a deletion': (bans: Ledger<string>) => bans.delete('ada'),
    'a value that expired': (bans: Ledger<string>, now: number) =>
      bans.set('ada', 'shorter', { expiresAt: now + 1_000 }),
  }
  for (const [what, end] of Object.entries(ends)) {
    test(`a tail that has missed ${what} which has left the log is told so, and does not keep the entry`, async () => {
      const { log, clock, harness } = await open({ maxAgeMs: Infinity })
      const bans = await openBans(log, clock)
      const before = await bans.set('ada', 'for ever')
      await end(bans, clock.now())
      await bans.set('bob', 'x')
      clock.advance(3 * minuteMs)
      await harness.flushRetention()
      const seen = recordTail(log, before)
      const { head } = await log.bounds()
      await seen.reached(head)
      expect(seen.overtaken).toHaveLength(1)
    })
  }
}

export function describeReopenedLedger(open: OpenBench): void {
  test('a reopened log holds its ledgers, and a claim made before is still made', async () => {
    const { log, clock, harness } = await open()
    const bans = await openBans(log, clock)
    await bans.set('ada', 'x')
    await bans.set('eve', 'x')
    await bans.delete('eve')
    await bans.claim('run', 'first')
    await log.close()
    if (harness.reopen === undefined) throw new Error('The harness lost its reopen.')
    const again = await openBans(await harness.reopen(), clock)
    expect(contents(again)).toEqual({ ada: 'x', run: 'first' })
    expect(await again.claim('run', 'second')).toMatchObject({ isWon: false, value: 'first' })
    expect(await again.claim('eve', 'second')).toMatchObject({ isWon: true })
  })
}
