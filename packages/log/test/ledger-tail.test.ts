// Many ledgers of one log, and what their users may do while they are told.

import { createFakeClock } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { beforeEach, expect, test } from 'vitest'
import { comparePositions, memoryLog, openLedger, parseTopic } from '../src/index.ts'
import type { EventLog, Ledger, LedgerChange } from '../src/index.ts'
import { settle, stumble } from './support/stumble.ts'
import type { StumblingLog } from './support/stumble.ts'

const codec = { encode: (value: string) => value, decode: (text: string) => text }

let clock: FakeClock
let log: EventLog
let counted: StumblingLog

beforeEach(() => {
  clock = createFakeClock()
  log = memoryLog({ clock, retention: { maxAgeMs: Infinity } })
  counted = stumble(log)
})

function open(name: string): Promise<Ledger<string>> {
  return openLedger(counted, name, { codec, clock })
}

test('a thousand ledgers follow one tail, which the last that closes lets go of, and the next opens again', async () => {
  const ledgers = await Promise.all(Array.from({ length: 1_000 }, (_, i) => open(`of-${i % 500}`)))
  expect(counted.tailCount).toBe(1)
  const [one, two, ...rest] = ledgers
  await one?.set('ada', 'x')
  expect(ledgers.filter((ledger) => ledger.get('ada') === 'x')).toHaveLength(2)
  for (const ledger of rest) ledger.close()
  expect(counted.tailCount).toBe(1)
  await two?.set('bob', 'y')
  one?.close()
  two?.close()
  expect(counted.tailCount).toBe(0)
  expect(clock.pending).toBe(0)
  const again = await open('of-1')
  expect(again.get('bob')).toBe('y')
  expect(counted.tailCount).toBe(1)
})

test.each(Array.from({ length: 12 }, (_, turns) => turns))(
  'a ledger that closes %i turns after its snapshot has to be read anew leaves no tail behind',
  async (turns) => {
    const bans = await open('bans')
    await bans.set('ada', 'x')
    const overtaken = counted.overtake()
    for (let i = 0; i < turns; i++) await Promise.resolve()
    bans.close()
    await overtaken
    await settle()
    expect(counted.tailCount).toBe(0)
    expect(clock.pending).toBe(0)
    expect(bans.get('ada')).toBe('x')
  },
)

test('a ledger that has its part of a batch still to come does not say that it has it', async () => {
  const ledgers = [await open('a'), await open('b'), await open('c')]
  const seen: boolean[] = []
  for (const ledger of ledgers) {
    ledger.onChange(({ position }) => {
      for (const other of ledgers)
        seen.push(comparePositions(other.position, position) < 0 || other.get('k') !== undefined)
    })
  }
  await log.append({
    events: ['c', 'b', 'a'].map((name) => ({
      topic: parseTopic(`$hub/state/${name}`),
      type: 'set',
      key: 'k',
      data: '- -\nx',
    })),
  })
  await settle()
  const { head } = await log.bounds()
  for (const ledger of ledgers) expect(comparePositions(ledger.position, head)).toBe(0)
  // Each of three is told once and looks at three; those behind it in the batch are seen where they stood.
  expect(seen).toHaveLength(9)
  expect(seen).not.toContain(false)
})

test('a ledger that is opened in the middle of traffic misses nothing of it', async () => {
  const writer = await open('bans')
  const opened: Ledger<string>[] = []
  const opening: Promise<unknown>[] = []
  for (let i = 0; i < 200; i++) {
    const written = writer.set(`k${i % 50}`, String(i))
    if (i % 10 === 0) opening.push(open('bans').then((ledger) => opened.push(ledger)))
    if (i % 3 === 0) await written
  }
  await Promise.all(opening)
  const { head } = await log.bounds()
  for (const ledger of [writer, ...opened]) {
    await ledger.reached(head)
    expect(ledger.entries()).toEqual(writer.entries())
  }
  expect(opened).toHaveLength(20)
})

test('a listener may set, delete, claim, close and open, and none is told twice or not at all', async () => {
  const bans = await open('bans')
  const other = await open('bans')
  const told: string[] = []
  const begun: Promise<unknown>[] = []
  bans.onChange(({ key, value }) => {
    told.push(`${key}: ${value}`)
    if (value === 'x') begun.push(bans.set('b', 'from a listener'))
    if (key === 'b') begun.push(bans.claim('c', 'claimed').then(() => bans.delete('a')))
    if (value !== undefined) return
    bans.close()
    begun.push(open('bans'))
  })
  await bans.set('a', 'x')
  await settle()
  const answers = await Promise.allSettled(begun)
  // The one that waited for the listener which closed the ledger.
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(told).toEqual(['a: x', 'b: from a listener', 'c: claimed', 'a: undefined'])
  expect(other.entries().map(({ key }) => key)).toEqual(['b', 'c'])
  await expect(bans.set('d', 'x')).rejects.toMatchObject({ code: 'LOG_CLOSED' })
})

test('a call that is on its way when the ledger closes rejects, and its entry is stored or not, as the log says', async () => {
  const bans = await open('bans')
  const calls = [bans.set('a', 'x'), bans.delete('a'), bans.claim('b', 'x')]
  bans.close()
  for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'LOG_CLOSED' })
  expect((await open('bans')).get('b')).toBeUndefined()
  expect(clock.pending).toBe(0)
})

test('keys that objects have from birth, and the longest, are keys as all others', async () => {
  const bans = await open('bans')
  const keys = ['__proto__', 'constructor', 'toString', '', ' ', '🌊'.repeat(128), 'k'.repeat(256)]
  for (const key of keys) {
    expect(bans.get(key)).toBeUndefined()
    expect(await bans.claim(key, 'x')).toMatchObject({ isWon: true })
  }
  expect((await open('bans')).entries().map(({ key }) => key)).toEqual(keys)
  for (const key of keys) expect(await bans.delete(key)).toBe(true)
  const refused = { code: 'BATCH_INVALID' }
  await expect(bans.set('k'.repeat(257), 'x')).rejects.toMatchObject(refused)
  await expect(bans.claim('\ud800', 'x')).rejects.toMatchObject(refused)
})

test('a clock that is set back brings an expired entry back for its time, and never one that was deleted', async () => {
  const bans = await open('bans')
  const told: LedgerChange<string>[] = []
  bans.onChange((change) => told.push(change))
  const start = clock.now()
  await bans.set('ada', 'x', { expiresAt: start + 10_000 })
  await bans.set('bob', 'x')
  await bans.delete('bob')
  clock.advance(20_000)
  expect(bans.get('ada')).toBeUndefined()
  clock.set(start)
  expect(bans.get('ada')).toBe('x')
  expect(bans.get('bob')).toBeUndefined()
  clock.advance(20_000)
  expect(bans.get('ada')).toBeUndefined()
  expect(told.filter(({ cause }) => cause === 'expired')).toHaveLength(1)
})
