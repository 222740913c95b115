// One user alone cannot use up what all users of a log share.

import { memoryLog } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { consumersOfUserMax } from '../src/consumers/limits.ts'
import { createTidemark } from '../src/index.ts'
import type { RequestFacts, Tidemark } from '../src/index.ts'
import { UserShares } from '../src/scheduled/user-shares.ts'

function createTide(): Tidemark {
  const clock = createFakeClock()
  const tide = createTidemark({
    log: memoryLog({ clock }),
    clock,
    authorize: ({ header }) => {
      const user = header('x-user')
      const permissions = user === 'root' ? ['admin'] : []
      return { user, subscribe: ['**'], publish: ['**'], permissions }
    },
  })
  onTestFinished(() => tide.close())
  return tide
}

const by = (user: string): RequestFacts => ({
  method: 'POST',
  url: '/',
  address: '127.0.0.1',
  header: (name) => (name === 'x-user' ? user : undefined),
})

const mebibyte = 'x'.repeat(1024 * 1024 - 1_000)

test('a user who schedules large events for next year leaves room for those of others', async () => {
  const tide = createTide()
  const delayMs = 365 * 24 * 3_600_000
  const add = (user: string): Promise<unknown> =>
    tide.schedule.add('a', { data: mebibyte }, { delayMs, by: by(user) })
  // All at once: none is in the ledger yet when the next one asks.
  const settled = await Promise.allSettled(Array.from({ length: 40 }, () => add('mallory')))
  expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(32)
  await expect(add('mallory')).rejects.toMatchObject({ code: 'SCHEDULE_FULL' })
  for (let i = 0; i < 10; i++) await add('ada')
  for (let i = 0; i < 10; i++) await add('root')
  await tide.schedule.add('a', { data: mebibyte }, { delayMs })
})

test('what was published, cancelled or refused leaves its room to its user', () => {
  const shares = new UserShares({ count: 8, bytes: 800 })
  const put = (id: string, user: string | undefined, bytes = 10): boolean => {
    const isIn = shares.hasRoom(user, bytes)
    if (isIn) shares.put(id, { user, bytes })
    return isIn
  }
  expect(['1', '2', '3', '4', '5'].map((id) => put(id, 'ada'))).toEqual([
    true,
    true,
    true,
    true,
    false,
  ])
  expect(put('6', 'bob')).toBe(true)
  expect(put('7', undefined)).toBe(true)
  shares.drop('1')
  shares.drop('1')
  shares.drop('2')
  expect(put('8', 'ada')).toBe(true)
  expect(put('9', 'ada')).toBe(false)
  for (const id of ['3', '4', '6', '7', '8']) shares.drop(id)
  expect(put('a', 'ada', 401)).toBe(true)
  expect(put('b', 'ada', 1)).toBe(false)
  shares.put('a', { user: 'ada', bytes: 300 })
  expect(put('b', 'ada', 200)).toBe(true)
})

test('a user has so many consumers, one after the other or at once, and others have theirs', async () => {
  const tide = createTide()
  const reset = (user: string, name: string): Promise<unknown> =>
    tide.consumers({ by: by(user) }).reset(name, { since: 'now' })
  const names = Array.from({ length: consumersOfUserMax + 20 }, (_, i) => `c${i}`)
  const settled = await Promise.allSettled(names.map((name) => reset('mallory', name)))
  expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(consumersOfUserMax)
  await expect(reset('mallory', 'one-more')).rejects.toMatchObject({ code: 'CONSUMERS_FULL' })
  // Those that there are go on.
  const [first] = await tide.consumers({ user: 'mallory' }).list()
  await reset('mallory', first?.name ?? '')
  await reset('ada', 'phone')
  await tide.consumers({ user: 'mallory' }).delete(first?.name ?? '')
  await reset('mallory', 'one-more')
})
