// Rules that a process did not name, cannot read, or has seen in a transaction that failed.

import { changeRetention, parseTopic, parseTopicSet } from '@tidemark/log'
import type { EventLog, NewEvent, Retention } from '@tidemark/log'
import {
  Lineage,
  createRuleBook,
  encodeRetention,
  parseEpoch,
  rulesTopic,
  validateRetention,
} from '@tidemark/log/driver'
import { createFakeClock, createRandom } from '@tidemark/testkit'
import { open } from 'lmdb'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { backUpLog, checkLog, restoreLog } from '../src/index.ts'
import type { LmdbEventLog, LmdbLogOptions } from '../src/index.ts'
import { sweepTopicsMax } from '../src/limits.ts'
import { NewestState } from '../src/lmdb-files/newest-state.ts'
import { openTables } from '../src/open/open-environment.ts'
import { CurrentRules } from '../src/retention/current-rules.ts'
import { SupersededRecords } from '../src/retention/superseded.ts'
import { checksumBytes, writeChecksum } from '../src/tables/checksum.ts'
import { readState } from '../src/tables/log-state.ts'
import { encodeRecord } from '../src/tables/record-codec.ts'
import { openRoot, sequenceKey, textKey, withSnapshot } from '../src/tables/schema.ts'
import type { Tables } from '../src/tables/schema.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'

const m = parseTopic('m')
const few = (maxEvents: number) => [{ pattern: 'm', maxEvents }] as const
const latestOf = (pattern: string) => [{ pattern, latestBy: 'key' }] as const
let directory = ''

beforeEach(async () => {
  directory = await makeDirectory()
})
afterEach(() => removeDirectory(directory))

async function readData(log: EventLog, name: string): Promise<readonly string[]> {
  const { first, head } = await log.bounds()
  const query = { topics: parseTopicSet([name]), after: first, upTo: head, limit: 10_000 }
  return (await log.read(query)).records.map(({ data }) => data)
}

async function openTold(
  options: Partial<LmdbLogOptions>,
): Promise<{ readonly log: LmdbEventLog; readonly lines: readonly string[] }> {
  const lines: string[] = []
  const onWarning = (text: string): void => void lines.push(text)
  return { log: await openAt(directory, { onWarning, ...options }), lines }
}

/** Rewrites values of a closed directory behind the log's back. */
async function rewrite(table: string, change: (value: Buffer, key: Buffer) => Buffer | undefined) {
  const encoding = { encoding: 'binary', keyEncoding: 'binary' } as const
  const root = open<Buffer, Buffer>(directory, { noSubdir: false, ...encoding })
  const entries = root.openDB<Buffer, Buffer>(table, encoding)
  for (const { key, value } of [...entries.getRange()]) {
    const changed = change(Buffer.from(value), Buffer.from(key))
    if (changed !== undefined) await entries.put(Buffer.from(key), changed)
  }
  await root.close()
}

/** As a newer version might write the record of the rules; a second call puts it right again. */
async function exchangeWords(from: string, to: string): Promise<void> {
  await rewrite('records', (value) => {
    const at = value.indexOf(from)
    if (at < 0) return undefined
    value.write(to, at)
    return writeChecksum(value)
  })
}

test('a script that names no retention leaves alone what a hub was configured with', async () => {
  const hub = await openTold({ retention: { maxAgeMs: Infinity, rules: few(3) } })
  const script = await openTold({})
  expect(script.log.retention).toEqual(hub.log.retention)
  expect(script.log.retentionFrom).toBe('configuration')
  expect(hub.log.retention).toMatchObject({ maxAgeMs: Infinity, rules: few(3) })
  await hub.log.close()
  await script.log.close()
  const alone = await openTold({})
  expect(alone.log.retention).toMatchObject({ maxAgeMs: Infinity, rules: few(3) })
  await alone.log.close()
  const again = await openTold({ retention: { maxAgeMs: Infinity, rules: few(3) } })
  expect([script, alone, again].flatMap(({ lines }) => lines)).toEqual([])
  expect(await readData(again.log, rulesTopic)).toEqual([])
  await again.log.close()
})

test('a worker that replaces a dead one does not put back what another hub was configured with since', async () => {
  const first = await openTold({ retention: { rules: few(5) } })
  const second = await openTold({ retention: { rules: few(2) } })
  const { place, seen } = first.log
  const worker = await openTold({ retention: { rules: few(5) }, place, seen })
  for (const { log } of [first, second, worker]) expect(log.retention.rules).toEqual(few(2))
  expect(worker.lines).toEqual([])
  for (const { log } of [first, second, worker]) await log.close()
  const restarted = await openTold({ retention: { rules: few(5) } })
  expect(restarted.log.retention.rules).toEqual(few(5))
  expect(restarted.lines).toHaveLength(1)
  await restarted.log.close()
})

test('a restored backup follows the rules it was made under, until the configuration is another than was its own', async () => {
  const retention = { rules: few(5) }
  const first = await openTold({ retention })
  await changeRetention(first.log, { ...first.log.retention, rules: few(3) })
  for (const data of ['1', '2', '3', '4']) await first.log.append({ events: [{ topic: m, data }] })
  const target = `${directory}-backup`
  await backUpLog({ directory, target })
  await changeRetention(first.log, { ...first.log.retention, rules: few(1) })
  await first.log.close()
  const restored = `${directory}-restored`
  try {
    await restoreLog({ backup: target, directory: restored })
    const lines: string[] = []
    const onWarning = (text: string): void => void lines.push(text)
    const log = await openAt(restored, { retention, onWarning })
    expect([log.retention.rules, log.retentionFrom]).toEqual([few(3), 'change'])
    expect(await readData(log, 'm')).toEqual(['2', '3', '4'])
    await log.close()
    expect(lines).toEqual([])
    const edited = await openAt(restored, { retention: { rules: few(2) }, onWarning })
    await edited.sweep()
    expect(await readData(edited, 'm')).toEqual(['3', '4'])
    expect(lines).toHaveLength(1)
    await edited.close()
  } finally {
    for (const path of [target, restored]) await removeDirectory(path)
  }
})

test('an edited configuration is put in force for all in place of rules that this version cannot read', async () => {
  const first = await openTold({ retention: { rules: few(5) } })
  await changeRetention(first.log, { ...first.log.retention, rules: few(2) })
  await first.log.close()
  await exchangeWords('"change"', '"whence"')
  const same = await openTold({ retention: { rules: few(5) } })
  expect(same.log.retention.rules).toEqual(few(5))
  expect(same.lines.join()).toMatch(/cannot be read/)
  await same.log.close()
  const edited = await openTold({ retention: { rules: few(9) } })
  expect(edited.lines.join()).toMatch(/in force from now on/)
  expect((await readData(edited.log, rulesTopic)).join()).toMatch(/"configuration".*"maxEvents":9/)
  await edited.log.close()
})

test('a process that cannot read the rules does not say that they have been carried through', async () => {
  const clock = createFakeClock()
  const retention = { rules: latestOf('s/*') }
  const first = await openTold({ clock, retention })
  const event = (data: string): NewEvent => ({ topic: parseTopic('t/a'), key: 'k', data })
  await first.log.append({ events: [event('1'), event('2'), event('3')] })
  await changeRetention(first.log, { ...first.log.retention, rules: latestOf('t/*') })
  // The clock stands still, so that no sweep has come.
  await first.log.close()
  await exchangeWords('"change"', '"whence"')
  const blind = await openTold({ clock, retention })
  await blind.log.sweep()
  await blind.log.close()
  await exchangeWords('"whence"', '"change"')
  const { log } = await openTold({ clock, retention })
  await log.sweep()
  expect(await readData(log, 't/*')).toEqual(['3'])
  await log.close()
})

test('a directory of the version before rules opens with its events, and follows the rules it is given', async () => {
  const retention = { maxBytes: 5_000_000, rules: few(5) }
  const before = await openTold({ retention })
  const topics = ['m', 'n'] as const
  for (const name of topics)
    await before.log.append({ events: [{ topic: parseTopic(name), data: '1' }] })
  const { head } = await before.log.bounds()
  await before.log.close()
  await rewrite('meta', (value, key) => {
    if (key.equals(textKey('settings'))) {
      return Buffer.from(
        JSON.stringify({
          durability: 'fsync',
          'retention.maxAgeMs': '86400000',
          'retention.maxBytes': '5000000',
          'retention.rules': JSON.stringify(few(5)),
        }),
      )
    }
    if (!key.equals(textKey('state'))) return undefined
    const known = Buffer.alloc(8 * 12 + checksumBytes)
    value.copy(known, 0, 0, 8 * 12)
    return writeChecksum(known)
  })
  const { log, lines } = await openTold({ retention })
  expect(lines).toEqual([])
  expect(log.retention.rules).toEqual(few(5))
  expect(await readData(log, '**')).toEqual(['1', '1'])
  const { records, lost } = await log.read({
    topics: parseTopicSet(['m']),
    after: head,
    upTo: head,
    limit: 1,
  })
  expect([records, lost]).toEqual([[], undefined])
  await changeRetention(log, { ...log.retention, rules: few(2) })
  for (const data of ['2', '3']) await log.append({ events: [{ topic: m, data }] })
  expect(await readData(log, 'm')).toEqual(['2', '3'])
  await log.close()
})

test.each([1, 2, 3])(
  'a directory whose rules went on and off between two processes is whole, and keeps what the last ones say (seed %i)',
  async (seed) => {
    const random = createRandom(seed)
    const choices: readonly Retention['rules'][] = [
      [],
      latestOf('s/*'),
      latestOf('s/a'),
      [{ pattern: 's/*', maxEvents: 5 }],
      latestOf('**'),
    ]
    const first = await openAt(directory)
    const second = await openAt(directory)
    const logs = [first, second]
    const newest = new Map<string, string>()
    for (let round = 0; round < 150; round++) {
      const log = random.pick(logs)
      const topic = `s/${random.pick(['a', 'b', 'c'])}`
      const key = random.pick(['x', 'y', 'z'])
      const deed = random.int(9)
      if (deed === 0) await log.sweep()
      else if (deed === 1)
        await changeRetention(log, { ...log.retention, rules: random.pick(choices) })
      else {
        await log.append({ events: [{ topic: parseTopic(topic), key, data: `${round}` }] })
        newest.set(`${topic} ${key}`, `${round}`)
      }
    }
    await changeRetention(first, { ...first.retention, rules: latestOf('s/*') })
    await second.sweep()
    // Rules that kept five events per topic may have removed the newest of a key, and its mark says so.
    const kept = await readData(first, 's/*')
    expect(kept.filter((data) => ![...newest.values()].includes(data))).toEqual([])
    expect(kept.length).toBeGreaterThan(2)
    for (const log of logs) await log.close()
    expect((await checkLog({ path: directory })).damage).toBeUndefined()
  },
)

/** The tables of a directory that no log holds. */
async function withTables(use: (tables: Tables) => Promise<void>): Promise<void> {
  const root = openRoot(directory, undefined)
  const tables = await openTables({ root, newest: new NewestState(directory) })
  await use(tables)
  await root.close()
  tables.newest.close()
}

test('rules of a transaction that failed are not taken for those of the next one under the same sequence', async () => {
  await (await openAt(directory)).close()
  await withTables(async (tables) => {
    const configured = validateRetention()
    const lineage = new Lineage([{ epoch: parseEpoch('0'.repeat(19)), begin: 0 }])
    const rules = new CurrentRules({ configured, lineage, onWarning: () => undefined })
    const put = (maxEvents: number): number => {
      const event = encodeRetention({ ...configured, rules: few(maxEvents) }, 'change')
      const place = { time: 1, topicId: 1, weight: 1 }
      void tables.records.put(sequenceKey(1), encodeRecord(event, place))
      const found = rules.find(tables, { ...readState(tables), head: 1, rulesAt: 1 })
      return found.ruleFor(m).maxEvents
    }
    const failed = tables.root.childTransaction(() => {
      expect(put(7)).toBe(7)
      throw new Error('The disk is full.')
    })
    await expect(failed).rejects.toThrow('full')
    await tables.root.childTransaction(() => {
      // The next transaction begins where the failed one began: under the configuration.
      expect(rules.find(tables, readState(tables)).ruleFor(m).maxEvents).toBe(Infinity)
      expect(rules.isRead).toBe(true)
      expect(put(2)).toBe(2)
    })
  })
})

test('a lap over superseded records passes none by when the topic at which it stood is gone', async () => {
  const log = await openAt(directory)
  const put = (topic: string, data: string): NewEvent => ({
    topic: parseTopic(topic),
    key: 'k',
    data,
  })
  await log.append({ events: [put('s/b', '1'), put('s/b', '2')] })
  const many = Array.from({ length: sweepTopicsMax + 1 }, (_, i) => put('s/a', `${i}`))
  await log.append({ events: many })
  await log.close()
  await withTables(async (tables) => {
    const rules = createRuleBook(validateRetention({ rules: latestOf('s/*') }))
    const superseded = new SupersededRecords()
    superseded.follow(rules)
    const first = withSnapshot(tables, () => superseded.find(tables, rules))
    expect(first.sequences).toHaveLength(sweepTopicsMax)
    superseded.moveOn(first)
    await tables.topics.remove(textKey('s/a'))
    const second = withSnapshot(tables, () => superseded.find(tables, rules))
    expect(second.sequences).toEqual([1, 2])
  })
})
