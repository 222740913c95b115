// Claims that came too late, though no key kept them out of the log, and how they are kept from
// having an effect.

import { createFakeClock } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { beforeEach, expect, test } from 'vitest'
import { LogError } from '../src/errors.ts'
import { comparePositions, memoryLog, openLedger, parseTopic, parseTopicSet } from '../src/index.ts'
import type { EventLog, Ledger, LedgerOptions, Position } from '../src/index.ts'
import { settle, stumble } from './support/stumble.ts'
import type { StumblingLog } from './support/stumble.ts'

const codec = { encode: (value: string) => value, decode: (text: string) => text }
const topic = parseTopic('$hub/state/bans')

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
  const onError = (error: unknown): void => void errors.push(error)
  return openLedger(of, 'bans', { codec, clock, onError, ...options })
}

/** Appends what a claimant would whose clock has named its claim otherwise. */
async function loseRace(key: string, expiry: number | '-' = '-'): Promise<void> {
  await log.append({ events: [{ topic, type: 'claim', key, data: `${expiry} 00ff\nloser` }] })
  await settle()
}

async function pass(ms: number): Promise<void> {
  clock.advance(ms)
  await settle()
}

test('a node that cannot read the winner puts it back as it is, and deletes nothing', async () => {
  const newer = { ...codec, encode: (value: string) => `v2 ${value}` }
  const writer = await open(log, { codec: newer })
  await writer.claim('run', 'winner')
  writer.close()
  const older = await open(log, {
    codec: {
      ...codec,
      decode(text) {
        if (text.startsWith('v2')) throw new Error('unknown version')
        return text
      },
    },
  })
  await loseRace('run')
  await pass(1_000)
  expect((await open(log)).get('run')).toBe('v2 winner')
  await expect(older.claim('run', 'other')).rejects.toMatchObject({ code: 'OPTION_INVALID' })
})

test('what is put back late does not end a claim that has been won since', async () => {
  const late = await open(slow)
  await late.claim('run', 'winner', { expiresAt: clock.now() + 500 })
  await loseRace('run', clock.now() + 1_500)
  const own = await open(log)
  slow.beforeAppend(() => Promise.reject(new LogError('LOG_UNAVAILABLE', 'The disk is full.')))
  for (let i = 0; i < 180; i++) await pass(1_000)
  expect(errors).not.toEqual([])
  slow.stop()
  expect(await own.claim('run', 'next')).toMatchObject({ isWon: true })
  slow.beforeAppend(() => undefined)
  for (let i = 0; i < 3; i++) await pass(1_000)
  expect(own.get('run')).toBe('next')
  expect((await open(log)).get('run')).toBe('next')
})

test('a node that was stopped while the race was run takes the winner that was put back, and deletes nothing', async () => {
  const [own, late] = [await open(log), await open(slow)]
  await own.set('lease', 'old')
  slow.handOnly(({ type }) => type === 'kept')
  await own.delete('lease')
  for (const key of ['run', 'lease']) {
    await own.claim(key, 'winner')
    await loseRace(key)
  }
  for (let i = 0; i < 5; i++) await pass(1_000)
  const fresh = await open(log)
  for (const ledger of [own, late, fresh])
    for (const key of ['run', 'lease']) expect(ledger.get(key)).toBe('winner')
})

test('a node that takes the loser for the winner cannot make others believe it', async () => {
  const own = await open(log)
  await own.claim('run', 'winner')
  await loseRace('run')
  const mistaken = await open(log)
  expect(mistaken.get('run')).toBe('loser')
  await log.append({ events: [{ topic, type: 'claim', key: 'run', data: '- 00fe\nsecond' }] })
  for (let i = 0; i < 10; i++) await pass(1_000)
  const fresh = await open(log)
  for (const ledger of [own, mistaken, fresh]) expect(ledger.get('run')).toBe('winner')
})

test('a codec that never writes a value twice alike does not have it put back for ever', async () => {
  let count = 0
  const restless = {
    encode: (value: string) => `${count++} ${value}`,
    decode: (text: string) => text.slice(text.indexOf(' ') + 1),
  }
  const both = [await open(log, { codec: restless }), await open(slow, { codec: restless })]
  await both[0]?.claim('run', 'winner')
  await loseRace('run')
  for (let i = 0; i < 5; i++) await pass(1_000)
  const { head } = await log.bounds()
  for (let i = 0; i < 5; i++) await pass(1_000)
  expect(comparePositions((await log.bounds()).head, head)).toBe(0)
  for (const ledger of both) expect(ledger.get('run')).toBe('winner')
})

test('entries that were put back have one place and one order on all nodes', async () => {
  const own = await open(log)
  for (const key of ['a', 'b', 'c']) await own.claim(key, 'winner')
  await loseRace('a')
  await pass(1_000)
  await own.set('d', 'x')
  const places = (ledger: Ledger<string>): readonly (readonly [string, Position])[] =>
    ledger.entries().map(({ key, position }) => [key, position])
  expect(places(await open(log))).toEqual(places(own))
  expect(places(own).map(([key]) => key)).toEqual(['b', 'c', 'a', 'd'])
})

test('a claimant that read a snapshot on the way does not take itself for the winner', async () => {
  const own = await open(log)
  const ahead = { ...clock, now: () => clock.now() + 60_000 }
  const late = await open(slow, { clock: ahead })
  let isRaced = false
  slow.beforeAppend(async () => {
    if (isRaced) return
    isRaced = true
    slow.stop()
    await own.claim('run', 'winner')
  })
  const claim = late.claim('run', 'loser')
  await settle()
  await slow.overtake()
  for (let i = 0; i < 5; i++) await pass(1_000)
  expect(await claim).toMatchObject({ isWon: false, value: 'winner' })
  for (const ledger of [own, late]) expect(ledger.get('run')).toBe('winner')
})

test('a claim that comes from a clock ahead of an expiry learns the winner, and is not tried in vain', async () => {
  const own = await open(log)
  await own.claim('lease', 'winner', { expiresAt: clock.now() + 30_000 })
  const ahead = { ...clock, now: () => clock.now() + 60_000 }
  const early = await open(log, { clock: ahead })
  expect(await early.claim('lease', 'other')).toMatchObject({ isWon: false, value: 'winner' })
  expect(own.get('lease')).toBe('winner')
})

test('a full ledger takes what puts an entry right', async () => {
  const own = await open(log)
  await own.claim('run', 'w'.repeat(1_000))
  await loseRace('run')
  for (let size = 32 * 1024 * 1024; size >= 1; size = Math.floor(size / 2))
    await own.set(`of ${size}`, 'x'.repeat(size)).catch(() => undefined)
  let count = 0
  const fits = (): Promise<boolean> => own.set(`small ${count++}`, '').then(Boolean, () => false)
  while (await fits());
  await pass(1_000)
  expect(await findNewest((await log.bounds()).first)).toMatch(/^- [0-9a-f]+ .*\nw{1000}$/)
})

/** The newest record of the key that was raced for. */
async function findNewest(first: Position): Promise<string | undefined> {
  const { head: upTo } = await log.bounds()
  const topics = parseTopicSet([topic])
  let found: string | undefined
  for (let after = first; comparePositions(after, upTo) < 0;) {
    const page = await log.read({ topics, after, upTo, limit: 1_000 })
    for (const { key, data } of page.records) if (key === 'run') found = data
    after = page.next
  }
  return found
}
