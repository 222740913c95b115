// One user alone cannot use up what all users of a log share.

import { memoryLog, parseTopic, systemClock } from '@tidemark/log'
import type { Clock, EventLog } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { consumersOfUserMax } from '../src/consumers/limits.ts'
import { createTidemark } from '../src/index.ts'
import type { RequestFacts, SessionHandle, Tidemark } from '../src/index.ts'
import { UserShares } from '../src/session/user-shares.ts'

function createTide(given?: EventLog, clock: Clock = createFakeClock()): Tidemark {
  const tide = createTidemark({
    log: given ?? memoryLog({ clock }),
    clock,
    authorize: (request) => {
      const user = request.header('x-user') || undefined
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

test('a user who changes topics again and again leaves room for the changes of others', async () => {
  const log = memoryLog()
  const topic = parseTopic('$hub/state/topic-sets')
  const until = systemClock.now() + 24 * 3_600_000
  const line = JSON.stringify({ asked: 'x', until, by: 'mallory' })
  const data = `- -\n${line}\na`
  for (let i = 0; i < 5; i++) {
    const keys = Array.from({ length: 10_000 }, (_, j) => `${i}-${j}`)
    await log.append({ events: keys.map((key) => ({ topic, type: 'set', key, data })) })
  }
  const tide = createTide(log, systemClock)
  const open = async (user: string): Promise<SessionHandle | undefined> => {
    const request = new Request('http://localhost/events?topic=a', { headers: { 'x-user': user } })
    const response = await tide.fetch(request)
    onTestFinished(() => response.body?.cancel())
    return tide.sessions({ user })[0]
  }
  const [mallory, ada] = [await open('mallory'), await open('ada')]
  await expect(mallory?.join('b')).rejects.toMatchObject({ code: 'TOPIC_SETS_FULL' })
  expect(mallory?.topics).toEqual(['a'])
  await ada?.join('b')
  expect(ada?.topics).toEqual(['a', 'b'])
  // A set that there is costs nobody anything.
  await mallory?.join('b')
  expect(mallory?.topics).toEqual(['a', 'b'])
})

describe('an idempotency key that another user has guessed', () => {
  const same = { idempotencyKey: 'outbox-1' }

  test('is a key of its own: the publish of its user is stored, once', async () => {
    const tide = createTide()
    await tide.publish('a', { data: 'burnt' }, { ...same, by: by('mallory') })
    await tide.publish('a', { data: 'burnt' }, { ...same, by: by('') })
    const first = await tide.publish('a', { data: 'paid' }, { ...same, by: by('ada') })
    const again = await tide.publish('a', { data: 'paid' }, { ...same, by: by('ada') })
    await tide.publish('a', { data: 'the application' }, same)
    expect(again.cursor).toBe(first.cursor)
    const { records } = await tide.history({ topic: 'a' })
    expect(records.map(({ data }) => data)).toEqual(['burnt', 'burnt', 'paid', 'the application'])
    await expect(
      tide.publish('a', { data: 'x' }, { ...same, by: by('ada') }),
    ).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
      message: expect.stringContaining('"outbox-1"') as string,
    })
  })

  test('neither schedules nor replaces an event of its user', async () => {
    const tide = createTide()
    const at = Date.UTC(2026, 5, 1)
    const add = (user: string, data: string): ReturnType<typeof tide.schedule.add> =>
      tide.schedule.add('a', { data }, { at, ...same, by: by(user) })
    const theirs = await add('mallory', 'burnt')
    const own = await add('ada', 'paid')
    expect((await add('ada', 'paid')).id).toBe(own.id)
    expect(own.id).not.toBe(theirs.id)
    expect((await tide.schedule.find(own.id)).data).toBe('paid')
  })

  test.each(['', 'ä', 'a b', 'x'.repeat(129)])('is refused where it is none: %j', async (key) => {
    const tide = createTide()
    const options = { idempotencyKey: key, by: by('ada') }
    const refused = { code: 'IDEMPOTENCY_KEY_INVALID' }
    await expect(tide.publish('a', { data: 1 }, options)).rejects.toMatchObject(refused)
    const later = { ...options, at: Date.UTC(2026, 5, 1) }
    await expect(tide.schedule.add('a', { data: 1 }, later)).rejects.toMatchObject(refused)
  })
})
