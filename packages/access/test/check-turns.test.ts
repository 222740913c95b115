// Turns at checking signatures: a flood of one address waits for itself.

import { expect, test } from 'vitest'
import { CheckTurns } from '../src/tokens/check-turns.ts'

interface Check {
  readonly name: string
  readonly end: () => void
}

/** Checks that end when they are told to. */
function createChecks(atOnceMax: number) {
  const turns = new CheckTurns(atOnceMax)
  const begun: Check[] = []
  const take = (address: string, name: string): Promise<string> =>
    turns.take(
      address,
      () => new Promise((resolve) => begun.push({ name, end: () => resolve(name) })),
    )
  return { turns, begun, take, names: () => begun.map(({ name }) => name) }
}

/** Ends the check that has begun as number `i`, and lets the next begin. */
async function end(begun: readonly Check[], i: number): Promise<void> {
  begun[i]?.end()
  await new Promise<void>((resolve) => setImmediate(resolve))
}

test('so many checks run at a time, and a client of another address waits for one of a flood', async () => {
  const { begun, take, names } = createChecks(2)
  const flood = Array.from({ length: 100 }, (_, i) => take('203.0.113.9', `bad ${i}`))
  const good = take('198.51.100.1', 'good')
  expect(names()).toEqual(['bad 0', 'bad 1'])
  await end(begun, 0)
  await end(begun, 1)
  expect(names()).toEqual(['bad 0', 'bad 1', 'bad 2', 'good'])
  await end(begun, 3)
  expect(await good).toBe('good')
  for (let i = 2; i < 101; i++) if (i !== 3) await end(begun, i)
  expect(await Promise.all(flood)).toHaveLength(100)
})

test('of one address, and of one network of IPv6, the oldest comes first', async () => {
  const { begun, take, names } = createChecks(1)
  const all = [
    take('2001:db8::1', 'first'),
    take('2001:db8::2', 'second'),
    take('2001:db8::3', 'third'),
    take('2001:db8:0:1::1', 'of another network'),
  ]
  for (let i = 0; i < 4; i++) await end(begun, i)
  expect(names()).toEqual(['first', 'second', 'of another network', 'third'])
  await Promise.all(all)
})

test('a check that fails gives its place to the next', async () => {
  const { turns, begun, take } = createChecks(1)
  const failing = turns.take('a', () => Promise.reject(new Error('forged')))
  const next = take('a', 'next')
  await expect(failing).rejects.toThrow('forged')
  await end(begun, 0)
  expect(await next).toBe('next')
  const last = take('a', 'last')
  await end(begun, 1)
  expect(await last).toBe('last')
})
