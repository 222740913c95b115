// Rules that change while processes hold the directory, and what a restart with another configuration means.

import { open } from 'lmdb'
import { changeRetention, formatCursor, parseTopic, parseTopicSet } from '@tidemark/log'
import type { EventLog, Retention } from '@tidemark/log'
import { rulesTopic } from '@tidemark/log/driver'
import { createFakeClock } from '@tidemark/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checksumBytes, writeChecksum } from '../src/tables/checksum.ts'
import type { LmdbLogOptions } from '../src/index.ts'
import { startChild } from './children/start-child.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'

const m = parseTopic('m')
const hourMs = 3_600_000
let directory = ''

beforeEach(async () => {
  directory = await makeDirectory()
})
afterEach(() => removeDirectory(directory))

const few = (maxEvents: number): readonly Retention['rules'][number][] => [
  { pattern: 'm', maxEvents },
]

interface Opened {
  readonly log: Awaited<ReturnType<typeof openAt>>
  readonly lines: readonly string[]
}

async function openWith(
  retention: LmdbLogOptions['retention'],
  options: Partial<LmdbLogOptions> = {},
): Promise<Opened> {
  const lines: string[] = []
  const log = await openAt(directory, {
    retention,
    onWarning: (text) => lines.push(text),
    ...options,
  })
  return { log, lines }
}

async function appendSome(log: EventLog, count: number): Promise<void> {
  await log.append({
    events: Array.from({ length: count }, (_, i) => ({ topic: m, data: `${i}` })),
  })
}

async function readAll(log: EventLog, name: string) {
  const topics = parseTopicSet([name])
  const { first, head } = await log.bounds()
  return await log.read({ topics, after: first, upTo: head, limit: 10_000 })
}

/** Rewrites an entry of `meta` behind the log's back. */
async function tamper(name: string, change: (value: Buffer) => Buffer): Promise<void> {
  const root = open<Buffer, Buffer>(directory, {
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
  })
  const meta = root.openDB<Buffer, Buffer>('meta', { encoding: 'binary', keyEncoding: 'binary' })
  const value = meta.get(Buffer.from(name))
  if (value === undefined) throw new Error(`meta has no ${name}`)
  await meta.put(Buffer.from(name), change(Buffer.from(value)))
  await root.close()
}

test('a restart with the same configuration leaves alone what was changed at run time, and says nothing', async () => {
  const first = await openWith({ rules: few(5) })
  await changeRetention(first.log, { ...first.log.retention, rules: few(2) })
  await first.log.close()
  const again = await openWith({ rules: few(5) })
  expect(again.log.retention.rules).toEqual([{ pattern: 'm', maxEvents: 2 }])
  expect(again.log.retentionFrom).toBe('change')
  expect(again.lines).toEqual([])
  await again.log.close()
})

test('an edited configuration is not silently ignored: it replaces what was changed at run time, with one line', async () => {
  const first = await openWith({ rules: few(5) })
  await changeRetention(first.log, { ...first.log.retention, rules: few(2) })
  await first.log.close()
  const edited = await openWith({ rules: few(9) })
  expect(edited.log.retention.rules).toEqual([{ pattern: 'm', maxEvents: 9 }])
  expect(edited.log.retentionFrom).toBe('configuration')
  expect(edited.lines).toHaveLength(1)
  expect(edited.lines[0]).toMatch(/configured retention .* in force from now on/)
  await edited.log.close()
  const again = await openWith({ rules: few(9) })
  expect(again.lines).toEqual([])
  expect((await readAll(again.log, rulesTopic)).records).toHaveLength(1)
  await again.log.close()
})

test('of two processes with different configurations the last one started has its way on both, and only it says so', async () => {
  const first = await openWith({ maxBytes: 10_000_000, rules: few(5) })
  const second = await openWith({ maxBytes: 20_000_000, rules: few(2) })
  expect([first.lines.length, second.lines.length]).toEqual([0, 1])
  await appendSome(first.log, 6)
  await appendSome(first.log, 1)
  expect((await readAll(second.log, 'm')).records).toHaveLength(2)
  expect(first.log.retention).toEqual(second.log.retention)
  expect(first.log.retention.maxBytes).toBe(20_000_000)
  const back = await openWith({ maxBytes: 10_000_000, rules: few(5) })
  expect(back.lines).toHaveLength(1)
  expect(second.log.retention.maxBytes).toBe(10_000_000)
  for (const { log } of [first, second, back]) await log.close()
})

test('workers that start together with an edited configuration put it in force once', async () => {
  await (await openWith({ rules: few(5) })).log.close()
  const workers = await Promise.all(Array.from({ length: 6 }, () => openWith({ rules: few(3) })))
  expect(workers.flatMap(({ lines }) => lines)).toHaveLength(1)
  for (const { log } of workers) {
    expect((await readAll(log, rulesTopic)).records).toHaveLength(1)
  }
  for (const { log } of workers) await log.close()
})

test('a directory of a version that kept retention among the settings goes on as it was configured', async () => {
  const retention = { maxAgeMs: Infinity, maxBytes: 5_000_000, rules: few(5) }
  await (await openWith(retention)).log.close()
  const old = {
    durability: 'fsync',
    'retention.maxAgeMs': 'Infinity',
    'retention.maxBytes': '5000000',
    'retention.rules': JSON.stringify(few(5)),
  }
  await tamper('settings', () => Buffer.from(JSON.stringify(old)))
  const same = await openWith(retention)
  expect(same.lines).toEqual([])
  expect((await readAll(same.log, rulesTopic)).records).toEqual([])
  await same.log.close()
  await tamper('settings', () => Buffer.from(JSON.stringify(old)))
  const other = await openWith({ ...retention, rules: few(4) })
  expect(other.lines).toHaveLength(1)
  await other.log.close()
})

test('a directory that a process of such a version holds is refused until it is gone', async () => {
  const { log } = await openWith(undefined)
  const old = { durability: 'fsync', 'retention.maxAgeMs': '1', 'retention.maxBytes': '1' }
  await tamper('settings', () => Buffer.from(JSON.stringify(old)))
  await expect(openWith(undefined)).rejects.toMatchObject({
    code: 'LOG_SETTINGS_DIFFER',
    message: expect.stringContaining('older version') as string,
  })
  await log.close()
  await (await openWith(undefined)).log.close()
})

test('rules changed at run time are found again in a directory that an older version has written to since', async () => {
  const { log } = await openWith(undefined)
  await changeRetention(log, { ...log.retention, rules: few(2) })
  await log.close()
  // It stores the fields that it knows, twelve of them.
  await tamper('state', (state) => {
    const known = Buffer.alloc(8 * 12 + checksumBytes)
    state.copy(known, 0, 0, 8 * 12)
    return Buffer.from(writeChecksum(known))
  })
  const again = await openWith(undefined)
  expect(again.log.retention.rules).toEqual([{ pattern: 'm', maxEvents: 2 }])
  await appendSome(again.log, 5)
  await appendSome(again.log, 1)
  expect((await readAll(again.log, 'm')).records).toHaveLength(2)
  await again.log.close()
})

test('a change by a process that is killed before it removes anything is followed by the other, which tells of the gap', async () => {
  const { log } = await openWith(undefined, { durability: 'commit' })
  const start = (await log.bounds()).head
  await appendSome(log, 4_000)
  for (const maxEvents of [1_500, 700, 90, 3]) {
    const child = startChild('rule-changer.ts', [directory, JSON.stringify(few(maxEvents))])
    const cursor = await child.line((line) => typeof line === 'string')
    expect(await child.ended).toBe('SIGKILL')
    const [record] = (await readAll(log, rulesTopic)).records
    expect(record && formatCursor(record.position)).toBe(cursor)
    expect(log.retention.rules).toEqual([{ pattern: 'm', maxEvents }])
    await log.sweep()
    const topics = parseTopicSet(['m'])
    const { head } = await log.bounds()
    const { records, lost } = await log.read({ topics, after: start, upTo: head, limit: 10_000 })
    const kept = Array.from({ length: maxEvents }, (_, i) => `${4_000 - maxEvents + i}`)
    expect(records.map(({ data }) => data)).toEqual(kept)
    const [oldest] = records
    const after = lost?.to ?? start
    expect(lost?.reason).toBe('retention')
    // Exact: nothing is missing behind the loss, and the oldest that is left comes next.
    const next = await log.read({ topics, after, upTo: head, limit: 1 })
    expect(next.lost).toBeUndefined()
    expect(next.records[0]?.data).toBe(oldest?.data)
  }
  await log.close()
})

test('a change to latestBy by a process that is killed at once is carried through by whoever opens the directory next', async () => {
  const first = await openWith(undefined, { durability: 'commit' })
  const events = Array.from({ length: 3_000 }, (_, i) => ({
    topic: parseTopic(`s/${i % 2}`),
    key: `k${i % 7}`,
    data: `${i}`,
  }))
  await first.log.append({ events })
  const start = (await first.log.bounds()).first
  await first.log.close()
  const rules = [{ pattern: 's/*', latestBy: 'key' }]
  const child = startChild('rule-changer.ts', [directory, JSON.stringify(rules)])
  expect(await child.ended).toBe('SIGKILL')
  const { log } = await openWith(undefined, { durability: 'commit' })
  expect(log.retention.rules).toEqual(rules)
  await log.sweep()
  const topics = parseTopicSet(['s/*'])
  const { head } = await log.bounds()
  const { records, lost } = await log.read({ topics, after: start, upTo: head, limit: 100 })
  expect(records.map(({ data }) => data)).toEqual(events.slice(-14).map(({ data }) => data))
  expect(lost).toBeUndefined()
  await log.close()
})

test('a sweep that looked under the rules before removes nothing that the new ones keep', async () => {
  const clock = createFakeClock()
  const { log } = await openWith({ rules: [{ pattern: 'm', maxAgeMs: hourMs }] }, { clock })
  await appendSome(log, 100)
  // The append before is over with the turn.
  await new Promise((resolve) => setImmediate(resolve))
  clock.set(clock.now() + 2 * hourMs)
  // Its transaction is on the way when the sweep looks, and before that of the sweep.
  const changing = changeRetention(log, { ...log.retention, rules: [] })
  await log.sweep()
  await changing
  const { records, lost } = await readAll(log, 'm')
  expect(records).toHaveLength(100)
  expect(lost).toBeUndefined()
  await log.close()
})
