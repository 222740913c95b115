// The contract of ledgers that are full: each is bounded on its own, and what makes it no larger passes.

import { openLedger, parseTopic } from '@tidemark/log'
import type { EventLog, Ledger, LedgerCodec, NewEvent } from '@tidemark/log'
import { expect, test } from 'vitest'

import type { FakeClock } from '../fake-clock.ts'
import { event } from './harness.ts'
import type { OpenBench } from './harness.ts'

const textCodec: LedgerCodec<string> = { encode: (value) => value, decode: (text) => text }

function openBans(log: EventLog, clock: FakeClock): Promise<Ledger<string>> {
  return openLedger(log, 'bans', { codec: textCodec, clock })
}

/** A ledger of many pages is read in as many turns. */
async function openLarge(log: EventLog, clock: FakeClock): Promise<Ledger<string>> {
  const opening = openBans(log, clock)
  const isOpen = opening.then(
    () => true,
    () => true,
  )
  while (!(await Promise.race([isOpen, nextTurn()]))) clock.advance(1)
  return await opening
}

function nextTurn(): Promise<false> {
  return new Promise((resolve) => setImmediate(() => resolve(false)))
}

export function describeFull(open: OpenBench): void {
  const ledgerTopic = parseTopic('$hub/state/bans')
  const fill = (count: number, data: string): NewEvent[] =>
    Array.from({ length: count }, (_, i) => ({
      topic: ledgerTopic,
      type: 'set',
      key: `k${i}`,
      data: `- -\n${data}`,
    }))

  test('a ledger that is full of bytes refuses more, and takes less', async () => {
    const { log, clock } = await open()
    const bans = await openBans(log, clock)
    const large = 'x'.repeat(4 * 1024 * 1024 - 1_000)
    for (let i = 0; i < 16; i++) await bans.set(`k${i}`, large)
    const full = { code: 'LEDGER_FULL' }
    await expect(bans.set('one more', large)).rejects.toMatchObject(full)
    await expect(bans.set('k0', `${large}${large}`)).rejects.toMatchObject(full)
    await expect(bans.claim('one more', large)).rejects.toMatchObject(full)
    expect(bans.get('one more')).toBeUndefined()
    await bans.set('k0', 'small')
    expect(await bans.delete('k1')).toBe(true)
    await bans.set('one more', large)
    const other = await openLedger(log, 'other', { codec: textCodec, clock })
    await other.set('k', 'a ledger is full on its own')
  })

  test('a ledger that is full of entries refuses another, and a batch that passes the bound as a whole', async () => {
    const { log, clock, harness } = await open()
    const second = (await harness.openSecond?.()) ?? log
    for (let i = 0; i < 10; i++) {
      const events = fill(i === 9 ? 9_990 : 10_000, '')
      await log.append({ events: events.map((one) => ({ ...one, key: `${i} ${one.key}` })) })
    }
    const full = { code: 'LEDGER_FULL' }
    const last = fill(20, '').map((one, i) => (i % 2 ? log : second).append({ events: [one] }))
    const raced = await Promise.allSettled(last)
    expect(raced.filter(({ status }) => status === 'fulfilled')).toHaveLength(10)
    for (const answer of raced)
      if (answer.status === 'rejected') expect(answer.reason).toMatchObject(full)
    const bans = await openLarge(log, clock)
    await expect(bans.set('one more', 'x')).rejects.toMatchObject(full)
    const another = fill(1, '').map((one) => ({ ...one, key: 'another' }))
    const batch = log.append({ events: [event('a', '1'), ...another] })
    await expect(batch).rejects.toMatchObject(full)
    await bans.set('0 k0', 'y')
    expect(await bans.delete('0 k1')).toBe(true)
    expect(bans.entries()).toHaveLength(99_999)
  })

  test('a log has sixteen ledgers at most, and a record without a key is none of a ledger', async () => {
    const { log, clock } = await open()
    for (let i = 0; i < 16; i++) {
      const ledger = await openLedger(log, `n${i}`, { codec: textCodec, clock })
      await ledger.set('k', 'v')
    }
    const one = await openLedger(log, 'one-more', { codec: textCodec, clock })
    await expect(one.set('k', 'v')).rejects.toMatchObject({ code: 'LEDGER_FULL' })
    const keyless = log.append({ events: [event('$hub/state/n0', 'v')] })
    await expect(keyless).rejects.toMatchObject({ code: 'BATCH_INVALID' })
  })
}
