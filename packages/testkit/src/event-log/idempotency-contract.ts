// The contract of idempotency keys: a repeated append adds nothing and gets the same positions.

import { formatCursor } from '@tidemark/log'
import type { Position } from '@tidemark/log'
import { expect, test } from 'vitest'

import { event, readWhole, series } from './harness.ts'
import type { OpenBench } from './harness.ts'

const cursors = (positions: readonly Position[]): string[] =>
  positions.map((one) => formatCursor(one))

export function describeIdempotency(open: OpenBench): void {
  describeKeyReuse(open)
  describeKeyLifetime(open)
  test('the same key with the same events gives the same positions and adds nothing', async () => {
    const { log, start } = await open()
    const batch = {
      events: [...series('a', 'a', 2), event('b', 'b', { type: 't', key: 'k' })],
      idempotencyKey: 'once',
    }
    const first = await log.append(batch)
    await log.append({ events: [event('a', 'between')] })
    expect(cursors(await log.append(batch))).toEqual(cursors(first))
    expect((await readWhole(log, ['**'], { after: start })).data).toEqual([
      'a1',
      'a2',
      'b',
      'between',
    ])
  })

  test('repeated appends that run together are one', async () => {
    const { log, start } = await open()
    const batch = { events: series('a', 'a', 3), idempotencyKey: 'together' }
    const answers = await Promise.all(Array.from({ length: 8 }, () => log.append(batch)))
    expect(new Set(answers.map((positions) => cursors(positions).join())).size).toBe(1)
    expect((await readWhole(log, ['a'], { after: start })).data).toEqual(['a1', 'a2', 'a3'])
  })

  test('the default type is the same event as `message`', async () => {
    const { log } = await open()
    const first = await log.append({ events: [event('a', 'x')], idempotencyKey: 'k' })
    const again = await log.append({
      events: [event('a', 'x', { type: 'message' })],
      idempotencyKey: 'k',
    })
    expect(cursors(again)).toEqual(cursors(first))
  })
}

function describeKeyReuse(open: OpenBench): void {
  const others = {
    'other data': [event('a', 'y', { key: 'k' })],
    'another topic': [event('b', 'x', { key: 'k' })],
    'another type': [event('a', 'x', { key: 'k', type: 't' })],
    'another key': [event('a', 'x', { key: 'l' })],
    'no key': [event('a', 'x')],
    'one event more': [event('a', 'x', { key: 'k' }), event('a', 'x', { key: 'k' })],
  }
  for (const [what, events] of Object.entries(others)) {
    test(`the same key with ${what} is refused and adds nothing`, async () => {
      const { log, start } = await open()
      await log.append({ events: [event('a', 'x', { key: 'k' })], idempotencyKey: 'used' })
      const reuse = log.append({ events, idempotencyKey: 'used' })
      await expect(reuse).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' })
      expect((await readWhole(log, ['**'], { after: start })).data).toEqual(['x'])
    })
  }

  test('a key whose batch was refused is not used up', async () => {
    const { log } = await open()
    const refused = log.append({ events: [event('a', '\ud800')], idempotencyKey: 'k' })
    await expect(refused).rejects.toMatchObject({ code: 'BATCH_INVALID' })
    expect(await log.append({ events: [event('a', 'fine')], idempotencyKey: 'k' })).toHaveLength(1)
  })
}

function describeKeyLifetime(open: OpenBench): void {
  test('a key is remembered after retention removed its events', async () => {
    const { log, harness } = await open({ rules: [{ pattern: '**', maxEvents: 1 }] })
    const batch = { events: [event('a', 'first')], idempotencyKey: 'k' }
    const first = await log.append(batch)
    await log.append({ events: series('a', 'more', 5) })
    await harness.flushRetention()
    expect(cursors(await log.append(batch))).toEqual(cursors(first))
  })

  test('a key is forgotten a day after its use', async () => {
    const { log, clock, harness } = await open()
    const batch = { events: [event('a', 'x')], idempotencyKey: 'k' }
    const first = await log.append(batch)
    clock.advance(23 * 3_600_000)
    expect(cursors(await log.append(batch))).toEqual(cursors(first))
    clock.advance(2 * 3_600_000)
    await harness.flushRetention()
    expect(cursors(await log.append(batch))).not.toEqual(cursors(first))
  })

  for (const key of ['', 'with space', 'tab\t', 'ü', 'x'.repeat(129)]) {
    test(`${JSON.stringify(key.slice(0, 20))} of ${key.length} characters is not an idempotency key`, async () => {
      const { log } = await open()
      const refused = log.append({ events: [event('a', 'x')], idempotencyKey: key })
      await expect(refused).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_INVALID' })
    })
  }
}
