// A ledger whose log stumbles: tails that are overtaken, storage that fails, silence, and values
// that cannot be read.

import { createFakeClock } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import type { EventLog } from '../src/event-log.ts'
import { memoryLog, openLedger, parseTopicSet } from '../src/index.ts'
import { ledgerHistoryCharactersMax } from '../src/limits.ts'
import type { Ledger, LedgerChange, LedgerOptions } from '../src/index.ts'
import { settle, stumble } from './support/stumble.ts'
import type { StumblingLog } from './support/stumble.ts'

const codec = { encode: (value: string) => value, decode: (text: string) => text }

let clock: FakeClock
let log: EventLog
let slow: StumblingLog
let errors: unknown[]

beforeEach(() => {
  clock = createFakeClock()
  log = memoryLog({ clock, retention: { maxAgeMs: Infinity } })
  slow = stumble(log)
  errors = []
})

function open(of: EventLog, options: Partial<LedgerOptions<string>> = {}): Promise<Ledger<string>> {
  return openLedger(of, 'bans', {
    codec,
    clock,
    onError: (error) => void errors.push(error),
    ...options,
  })
}

function contents(ledger: Ledger<string>): Record<string, string> {
  return Object.fromEntries(ledger.entries().map(({ key, value }) => [key, value]))
}

async function missEverything(own: Ledger<string>): Promise<void> {
  await own.set('deleted', 'x')
  await own.set('changed', 'old')
  await own.set('kept', 'x')
  slow.stop()
  await own.delete('deleted')
  await own.set('changed', 'new')
  await own.set('added', 'x')
  // By then the log has not even the deletion any more.
  clock.advance(5 * 60_000)
  const { first, head } = await log.bounds()
  const topics = parseTopicSet(['$hub/state/bans'])
  const page = await log.read({ topics, after: first, upTo: head, limit: 100 })
  expect(page.records.map(({ key }) => key)).toEqual(['kept', 'changed', 'added'])
}

test('a node that stood still while a deletion came and went drops the deleted entry all the same', async () => {
  const own = await open(log)
  const late = await open(slow)
  const told: LedgerChange<string>[] = []
  late.onChange((change) => told.push(change))
  await missEverything(own)
  expect(contents(late)).toEqual({ deleted: 'x', changed: 'old', kept: 'x' })
  told.length = 0
  await slow.overtake()
  await settle()
  expect(contents(late)).toEqual(contents(own))
  expect(told.map(({ key, before, value, cause }) => [key, before, value, cause])).toEqual([
    ['deleted', 'x', undefined, 'overtaken'],
    ['changed', 'old', 'new', 'overtaken'],
    ['added', undefined, 'x', 'overtaken'],
  ])
  await own.set('then', 'y')
  await settle()
  expect(late.get('then')).toBe('y')
})

test('a snapshot that cannot be read anew is tried again, and until then the ledger stands where it stood', async () => {
  const own = await open(log)
  const late = await open(slow)
  await missEverything(own)
  const stoodAt = late.position
  slow.failReads(2)
  await slow.overtake()
  await settle()
  expect(errors).toMatchObject([{ code: 'LOG_UNAVAILABLE' }])
  expect(late.position).toBe(stoodAt)
  expect(late.get('deleted')).toBe('x')
  clock.advance(1_000)
  await settle()
  expect(errors).toHaveLength(2)
  clock.advance(1_000)
  await settle()
  expect(contents(late)).toEqual(contents(own))
})

test('a call whose log takes everything and hands nothing over rejects, and does not wait for ever', async () => {
  const late = await open(slow)
  slow.stop()
  const wait = async (): Promise<void> => {
    await settle()
    clock.advance(10_000)
  }
  const [answer] = await Promise.allSettled([late.set('ada', 'x'), wait()])
  expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'LOG_UNAVAILABLE' } })
  late.close()
  expect(clock.pending).toBe(0)
})

test('a value of a newer version is no value, cannot be claimed over, and stops nothing', async () => {
  const newer = await open(log, { codec: { ...codec, encode: (value) => `v2 ${value}` } })
  const older = await open(log, {
    codec: {
      ...codec,
      decode(text) {
        if (text.startsWith('v2')) throw new Error('unknown version')
        return text
      },
    },
  })
  await newer.set('ada', 'x')
  const position = await newer.set('bob', 'x')
  await older.reached(position)
  expect(older.get('ada')).toBeUndefined()
  expect(older.entries()).toEqual([])
  expect(errors).toMatchObject([{ message: 'unknown version' }, { message: 'unknown version' }])
  await expect(older.claim('ada', 'mine')).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  await older.set('ada', 'mine')
  expect(older.get('ada')).toBe('mine')
})

test('a claimant that dies before it put the winner back leaves a log that others mend', async () => {
  const bans = await open(log)
  await bans.claim('run', 'winner')
  const [topic] = parseTopicSet(['$hub/state/bans']).topics
  if (topic === undefined) throw new Error('The set lost its topic.')
  // A claimant whose clock named the claim otherwise appends this.
  await log.append({ events: [{ topic, type: 'claim', key: 'run', data: '- 00ff\nloser' }] })
  await settle()
  expect(bans.get('run')).toBe('winner')
  const mistaken = await open(log)
  expect(mistaken.get('run')).toBe('loser')
  clock.advance(1_000)
  await settle()
  const late = await open(log)
  for (const ledger of [late, mistaken, bans]) expect(ledger.get('run')).toBe('winner')
  expect(await late.claim('run', 'other')).toMatchObject({ isWon: false, value: 'winner' })
  clock.advance(60_000)
  expect(clock.pending).toBe(0)
})

test('what a listener throws is told, and costs neither other listeners nor the ledger', async () => {
  const bans = await open(log)
  const told: string[] = []
  bans.onChange(() => {
    throw new Error('of a listener')
  })
  const stop = bans.onChange(({ key }) => told.push(key))
  await bans.set('ada', 'x')
  stop()
  await bans.set('bob', 'x')
  expect(told).toEqual(['ada'])
  expect(errors).toMatchObject([{ message: 'of a listener' }, { message: 'of a listener' }])
})

test('a handler of errors that throws costs the ledger no record, and is heard of as uncaught', async () => {
  const own = globalThis.queueMicrotask
  const thrown: unknown[] = []
  const catching = (task: () => void): void =>
    own(() => {
      try {
        task()
      } catch (error) {
        thrown.push(error)
      }
    })
  vi.stubGlobal('queueMicrotask', catching)
  onTestFinished(() => void vi.unstubAllGlobals())
  const bans = await open(log, {
    onError: () => {
      throw new Error('of the handler')
    },
  })
  bans.onChange(({ key }) => {
    if (key === 'first') throw new Error('of a listener')
  })
  await Promise.all([bans.set('first', 'x'), bans.set('second', 'y')])
  expect(contents(bans)).toEqual({ first: 'x', second: 'y' })
  expect(thrown).toMatchObject([{ message: 'of the handler' }])
})

test('a moment from before the changes that are remembered is refused, not answered wrongly', async () => {
  const bans = await open(log)
  const position = await bans.set('ada', 'first')
  const moment = { position, time: clock.now() }
  for (let i = 0; i < 999; i++) await bans.set('ada', `${i}`)
  expect(bans.getAt('ada', moment)).toBe('first')
  for (let i = 0; i < 2_000; i++) await bans.set('ada', `${i}`)
  const refused = expect.objectContaining({ code: 'POSITION_INVALID' })
  expect(() => bans.getAt('ada', moment)).toThrow(refused)
  slow.stop()
  const late = await open(slow)
  const ahead = { position: await bans.set('ada', 'x'), time: clock.now() }
  expect(() => late.getAt('ada', ahead)).toThrow(refused)
})

test('however large its values are, the changes that a ledger remembers take no more than their bound', async () => {
  const bans = await open(log)
  const value = 'x'.repeat(256 * 1024)
  const first = { position: await bans.set('ada', value), time: clock.now() }
  const most = ledgerHistoryCharactersMax / value.length
  for (let i = 0; i < most - 1; i++) await bans.set('ada', `${i}${value}`)
  expect(bans.getAt('ada', first)).toBe(value)
  for (let i = 0; i < most + 1; i++) await bans.set('ada', `${i}${value}`)
  const refused = expect.objectContaining({ code: 'POSITION_INVALID' })
  expect(() => bans.getAt('ada', first)).toThrow(refused)
  const last = { position: await bans.set('ada', 'y'), time: clock.now() }
  expect(bans.getAt('ada', last)).toBe('y')
})

test('names, codecs and expiries that are none are refused', async () => {
  const refused = { code: 'OPTION_INVALID' }
  for (const name of ['', 'Bans', 'a/b', 'a'.repeat(65), 7 as never])
    await expect(openLedger(log, name, { codec })).rejects.toMatchObject(refused)
  await expect(openLedger(log, 'bans', {} as never)).rejects.toMatchObject(refused)
  const bans = await open(log)
  for (const expiresAt of [NaN, -1, 0.5, '1' as never])
    await expect(bans.set('ada', 'x', { expiresAt })).rejects.toMatchObject(refused)
  const textless = await open(log, { codec: { ...codec, encode: () => undefined as never } })
  await expect(textless.claim('ada', 'x')).rejects.toMatchObject(refused)
  const unnamed = await open(log, { randomBytes: () => [] as never })
  await expect(unnamed.claim('ada', 'x')).rejects.toMatchObject(refused)
  await expect(bans.set('a\tb', 'x')).rejects.toMatchObject({ code: 'BATCH_INVALID' })
  expect(bans.entries()).toEqual([])
})
