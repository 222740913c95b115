// Clocks that are wrong: what they do to a log, and what is said and done about it.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { open as openData } from 'lmdb'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { formatCursor, parseTopic, parseTopicSet } from '@tidemark/log'
import type { EventRecord } from '@tidemark/log'
import { epochOf, makePosition, sequenceOf } from '@tidemark/log/driver'
import { createFakeClock } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { checkLog, repairClock } from '../src/index.ts'
import type { LmdbEventLog } from '../src/index.ts'
import { repairRecordsMax } from '../src/limits.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'

const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs
const tenYearsMs = 3_652 * dayMs
const topic = parseTopic('a')
const topics = parseTopicSet(['a'])

let directory = ''
let clock: FakeClock
let log: LmdbEventLog
let warnings: string[] = []

beforeEach(async () => {
  directory = await makeDirectory()
  clock = createFakeClock()
  warnings = []
  await open()
})

afterEach(async () => {
  await log.close()
  await removeDirectory(directory)
})

async function open(): Promise<void> {
  log = await openAt(directory, { clock, onWarning: (text) => warnings.push(text) })
}

async function reopen(): Promise<void> {
  await log.close()
  await open()
}

async function append(...data: readonly string[]): Promise<void> {
  await log.append({ events: data.map((each) => ({ topic, data: each })) })
}

async function readRecords(): Promise<readonly EventRecord[]> {
  const { first, head: upTo } = await log.bounds()
  const records: EventRecord[] = []
  for (let after = first; ;) {
    const page = await log.read({ topics, after, upTo, limit: 10_000 })
    if (page.records.length === 0) return records
    records.push(...page.records)
    after = page.next
  }
}

async function readData(): Promise<readonly string[]> {
  return (await readRecords()).map(({ data }) => data)
}

async function readSince(ageMs: number): Promise<readonly string[]> {
  const after = await log.locate({ topics, since: { kind: 'age', ageMs } })
  const { head: upTo } = await log.bounds()
  return (await log.read({ topics, after, upTo, limit: 100 })).records.map(({ data }) => data)
}

/** Lets time pass, and the log look and sweep at its end. */
async function pass(ms: number): Promise<void> {
  await settle()
  clock.advance(ms - 3_000)
  for (let i = 0; i < 3; i++) {
    await settle()
    clock.advance(1_000)
  }
  await settle()
}

/** Resolves when the transactions that were asked for before are done. */
async function settle(): Promise<void> {
  const { head } = await log.bounds()
  const ahead = makePosition(epochOf(head), sequenceOf(head) + 1)
  // A cursor ahead is answered by a transaction that writes nothing.
  await log.read({ topics, after: ahead, upTo: ahead, limit: 1 })
}

test('one publish under a clock ten years ahead does not remove the history once the clock is right', async () => {
  await append('before')
  const now = clock.now()
  clock.set(now + tenYearsMs)
  await append('ahead')
  clock.set(now)
  await pass(60 * minuteMs)
  expect(await readData()).toEqual(['before', 'ahead'])
  await pass(dayMs)
  // Its own date has come, ten years early for nobody.
  expect(await readData()).toEqual(['ahead'])
})

test('a log dated ahead of the machine is told of once, with what to do, and names it as long as it is so', async () => {
  const now = clock.now()
  clock.set(now + 5 * minuteMs)
  await append('a little ahead')
  clock.set(now)
  clock.advance(1_000)
  expect(warnings).toEqual([])
  clock.set(now + tenYearsMs)
  await append('ahead')
  clock.set(now)
  clock.advance(5_000)
  const warning = expect.stringMatching(
    /dated 2036-01-01.* clock says 2026-01-01.*tidemark check --repair-clock/,
  )
  expect(warnings).toEqual([warning])
  expect(log.warnings).toEqual([warning])
  clock.set(now + tenYearsMs)
  clock.advance(1_000)
  expect(log.warnings).toEqual([])
})

test('a warning of minutes does not stand for the years that a log is ahead by now', async () => {
  const now = clock.now()
  clock.set(now + 6 * minuteMs)
  await append('minutes ahead')
  clock.set(now)
  clock.advance(1_000)
  expect(log.warnings).toEqual([expect.stringMatching(/dated 2026-01-01T12:06/)])
  clock.set(now + tenYearsMs)
  await append('years ahead')
  clock.set(now)
  clock.advance(2_000)
  expect(log.warnings).toEqual([expect.stringMatching(/dated 2036-01-01/)])
  expect(warnings).toHaveLength(2)
})

test('a repaired clock dates events anew, none before the one before it, and age counts again', async () => {
  await append('before')
  await log.append({ idempotencyKey: 'k1', events: [{ topic, data: 'keyed before' }] })
  clock.advance(minuteMs)
  const now = clock.now()
  clock.set(now + tenYearsMs)
  await append('ahead 1', 'ahead 2')
  const keyed = { idempotencyKey: 'k2', events: [{ topic, data: 'keyed ahead' }] }
  const [position] = await log.append(keyed)
  clock.set(now)
  const cursors = (await readRecords()).map((record) => formatCursor(record.position))
  await log.close()

  const repair = await repairClock(directory, { clock })
  expect(repair).toEqual({
    records: 3,
    idempotencyKeys: 1,
    newestBefore: now + tenYearsMs,
    newestAfter: now,
  })
  await open()
  const records = await readRecords()
  expect(records.map(({ position: each }) => formatCursor(each).split('-')[1])).toEqual(
    cursors.map((cursor) => cursor.split('-')[1]),
  )
  expect(records.map(({ time }) => time)).toEqual([now - minuteMs, now - minuteMs, now, now, now])
  clock.advance(minuteMs)
  expect(log.warnings).toEqual([])
  expect(await readSince(30_000)).toEqual([])
  await append('now')
  expect(await readSince(30_000)).toEqual(['now'])
  const [again] = await log.append(keyed)
  expect(again && formatCursor(again).split('-')[1]).toBe(
    position && formatCursor(position).split('-')[1],
  )
  clock.advance(2 * dayMs)
  await log.sweep()
  expect(await readData()).toEqual([])
  expect(await repairClock(directory, { clock })).toMatchObject({ records: 0, idempotencyKeys: 0 })
})

test('a clock is repaired in a directory of the version before, which names other epochs', async () => {
  const now = clock.now()
  clock.set(now + tenYearsMs)
  await append('ahead')
  clock.set(now)
  await log.close()
  const root = openData<Buffer, Buffer>(directory, {
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
  })
  const meta = root.openDB<Buffer, Buffer>('meta', { encoding: 'binary', keyEncoding: 'binary' })
  const identity = {
    format: 'tidemark-log',
    version: 2,
    epochs: ['0lq1k2m3abcd0000'],
    unsureTo: 0,
    openings: 1,
  }
  await meta.put(Buffer.from('identity'), Buffer.from(JSON.stringify(identity)))
  await root.close()
  expect(await repairClock(directory, { clock })).toMatchObject({ records: 1, newestAfter: now })
  await open()
  expect(await readData()).toEqual(['ahead'])
})

test('a clock is repaired under a log in use, in bounded steps, with what is appended meanwhile', async () => {
  const now = clock.now()
  clock.set(now + tenYearsMs)
  const lot = Array.from({ length: 8_000 }, (_, i) => String(i))
  await append(...lot)
  await append(...lot)
  clock.set(now)
  clock.advance(1_000)
  expect(log.warnings).toHaveLength(1)
  const steps: number[] = []
  const appended: Promise<void>[] = []
  const repaired = repairClock(directory, {
    clock,
    onProgress: (records) => {
      steps.push(records)
      if (steps.length === 1) appended.push(append('meanwhile'))
    },
  })
  const { records } = await repaired
  await Promise.all(appended)
  await append('after')
  expect(steps[0]).toBe(repairRecordsMax)
  expect(records).toBeGreaterThanOrEqual(16_000)
  const all = await readRecords()
  expect(all).toHaveLength(16_002)
  const times = all.map(({ time }) => time)
  expect(times).toEqual(times.toSorted((a, b) => a - b))
  expect(times.at(-1)).toBe(clock.now())
  clock.advance(1_000)
  expect(log.warnings).toEqual([])
})

test('a directory that holds no log is not repaired, and nothing is made there', async () => {
  for (const path of [`${directory}/none`, '/']) {
    await expect(repairClock(path, { clock })).rejects.toMatchObject({
      code: 'LOG_FORMAT_FOREIGN',
      message: expect.stringContaining(JSON.stringify(path)),
    })
  }
})

test('a start with the clock ahead removes nothing by age before it has said so and ten minutes have passed', async () => {
  await append('a week ago')
  const before = clock.now()
  await log.close()
  clock.set(before + 7 * dayMs)
  await open()
  await pass(9 * minuteMs)
  expect(await readData()).toEqual(['a week ago'])
  expect(warnings).toEqual([
    expect.stringMatching(/clock says 2026-01-08.*of 2026-01-01.*removed in 10 minutes.*set it/),
  ])
  expect(log.warnings).toEqual(warnings)
  await pass(2 * minuteMs)
  expect(await readData()).toEqual([])
  expect(log.warnings).toEqual([])
})

test('a clock that is set right within the ten minutes has cost nothing, whatever was published meanwhile', async () => {
  await append('kept')
  const before = clock.now()
  await log.close()
  clock.set(before + tenYearsMs)
  await open()
  await pass(5 * minuteMs)
  await append('under the wrong clock')
  clock.set(before + 6 * minuteMs)
  await pass(60 * minuteMs)
  expect(await readData()).toEqual(['kept', 'under the wrong clock'])
})

test('a second start within the ten minutes begins them anew', async () => {
  await append('kept')
  await log.close()
  clock.set(clock.now() + 7 * dayMs)
  await open()
  await pass(8 * minuteMs)
  await append('new')
  await reopen()
  await pass(8 * minuteMs)
  expect(await readData()).toEqual(['kept', 'new'])
  expect(warnings).toHaveLength(2)
  await pass(3 * minuteMs)
  expect(await readData()).toEqual(['new'])
})

test('a running clock that jumps ahead removes nothing by age for ten minutes either', async () => {
  await pass(60 * minuteMs)
  await append('kept')
  clock.set(clock.now() + 7 * dayMs)
  await pass(5 * minuteMs)
  await append('new')
  await pass(4 * minuteMs)
  expect(await readData()).toEqual(['kept', 'new'])
  expect(warnings).toHaveLength(1)
  await pass(2 * minuteMs)
  expect(await readData()).toEqual(['new'])
})

test('an ordinary restart removes what is too old at once', async () => {
  await append('old')
  await pass(dayMs - 5 * minuteMs)
  await append('young')
  await log.close()
  clock.advance(20 * minuteMs)
  await open()
  await pass(3_000)
  expect(await readData()).toEqual(['young'])
  expect(warnings).toEqual([])
})

test('one publish under a clock a week ahead does not have a retried batch stored twice', async () => {
  const keyed = { idempotencyKey: 'k', events: [{ topic, data: 'once' }] }
  await log.append(keyed)
  const now = clock.now()
  clock.set(now + 7 * dayMs)
  await append('ahead')
  // Under the wrong clock as well.
  await log.append(keyed)
  clock.set(now)
  await log.append(keyed)
  expect(await readData()).toEqual(['once', 'ahead'])
})

test('keys that a clock which has jumped is about to forget are told of before', async () => {
  await log.close()
  log = await openAt(directory, {
    clock,
    retention: { maxAgeMs: Infinity },
    onWarning: (text) => warnings.push(text),
  })
  // That it is configured anew.
  warnings.length = 0
  const keyed = { idempotencyKey: 'k', events: [{ topic, data: 'once' }] }
  await log.append(keyed)
  await pass(60 * minuteMs)
  clock.set(clock.now() + 7 * dayMs)
  await pass(9 * minuteMs)
  expect(warnings).toEqual([expect.stringMatching(/idempotency keys.*removed in 10 minutes/)])
  await log.append(keyed)
  expect(await readData()).toEqual(['once'])
  await pass(2 * minuteMs)
  expect(log.warnings).toEqual([])
  await log.append(keyed)
  expect(await readData()).toEqual(['once', 'once'])
})

test('a damaged log is refused by a repair of its clock, which would store the damage as if it were sound', async () => {
  const now = clock.now()
  clock.set(now + tenYearsMs)
  await append('x'.repeat(60_000))
  clock.set(now)
  await log.close()
  const path = join(directory, 'data.mdb')
  const data = readFileSync(path)
  const at = data.indexOf('x'.repeat(50_000)) + 20_000
  writeFileSync(path, data.fill('y', at, at + 1))
  await expect(repairClock(directory, { clock })).rejects.toMatchObject({ code: 'LOG_DAMAGED' })
  expect(readFileSync(path).equals(data)).toBe(true)
})

test.each([NaN, -5, Infinity])(
  'a clock that says %d makes no log damaged for good, neither by a repair nor by an append',
  async (wrong) => {
    const now = clock.now()
    clock.set(now + tenYearsMs)
    await append('ahead')
    await log.close()
    const broken = { ...clock, now: () => wrong }
    await expect(repairClock(directory, { clock: broken })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
    })
    clock.set(now)
    await open()
    const told = vi.spyOn(clock, 'now').mockReturnValue(wrong)
    await append('under a broken clock')
    told.mockRestore()
    await log.close()
    expect((await checkLog({ path: directory })).damage).toBeUndefined()
    await open()
    expect(await readData()).toEqual(['ahead', 'under a broken clock'])
  },
)
