// Events that are published later: once, at their time, whichever node is there, or not at all.

import { LogError, memoryLog, parseTopicSet } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createTidemark, ServerError } from '../src/index.ts'
import { duePublishedMax } from '../src/scheduled/limits.ts'
import type { Grant, ScheduleOptions, Tidemark, TidemarkOptions } from '../src/index.ts'
import { describeRequest } from '../src/fetch/describe-request.ts'
import { settle } from './support/settle.ts'
import { wrapLog } from './support/wrap-log.ts'

const minuteMs = 60_000

interface Bench {
  readonly clock: FakeClock
  readonly log: EventLog
  /** Another node on the same log. */
  readonly node: (options?: Partial<TidemarkOptions>) => Promise<Tidemark>
}

function start(): Bench {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  return {
    clock,
    log,
    async node(options = {}) {
      const tide = createTidemark({ log, clock, authorize: 'everyone', ...options })
      onTestFinished(() => tide.close())
      await tide.ready
      await settle()
      return tide
    },
  }
}

async function publishedOf(tide: Tidemark, topic = 'a'): Promise<readonly string[]> {
  return (await tide.history({ topic })).records.map(({ data }) => data)
}

/** Lets the time pass in steps, each with what it starts. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let step = 0; step < 10; step++) {
    clock.advance(ms / 10)
    await settle(5)
  }
}

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'done',
    (error: unknown) => (error as ServerError).code,
  )

test('an event comes at its time, once, though two nodes hold it', async () => {
  const { clock, node } = start()
  const [near, far] = [await node(), await node()]
  const at = clock.now() + minuteMs
  const { id } = await near.schedule.add('a', { type: 't', data: { n: 1 }, key: 'k' }, { at })
  expect(await far.schedule.find(id)).toEqual({
    id,
    at,
    topic: 'a',
    type: 't',
    key: 'k',
    data: '{"n":1}',
  })
  await pass(clock, minuteMs - 10)
  expect(await publishedOf(far)).toEqual([])
  await pass(clock, 10)
  const { records } = await far.history({ topic: 'a' })
  expect(records).toMatchObject([{ type: 't', data: '{"n":1}', key: 'k', time: at }])
  await pass(clock, minuteMs)
  expect(await publishedOf(near)).toHaveLength(1)
  expect(await codeOf(near.schedule.find(id))).toBe('SCHEDULED_NOT_FOUND')
})

test('a delay counts from now, and the life of the event from when it is published', async () => {
  const { clock, node } = start()
  const tide = await node()
  const before = clock.now()
  const { at } = await tide.schedule.add('a', { data: 'x', ttlMs: 1_000 }, { delayMs: 5_000 })
  expect(at).toBe(before + 5_000)
  await pass(clock, 5_000)
  expect((await tide.history({ topic: 'a' })).records).toMatchObject([{ expiresAt: at + 1_000 }])
})

test('a node that starts later publishes what came due while nobody was there, and what is to come', async () => {
  const { clock, node } = start()
  const first = await node()
  await first.schedule.add('a', { data: 'missed' }, { delayMs: minuteMs })
  await first.schedule.add('a', { data: 'later' }, { delayMs: 3 * minuteMs })
  await first.close()
  clock.advance(2 * minuteMs)
  const second = await node()
  await pass(clock, 1_000)
  expect(await publishedOf(second)).toEqual(['missed'])
  await pass(clock, minuteMs)
  expect(await publishedOf(second)).toEqual(['missed', 'later'])
})

test('the other node publishes when the one that scheduled is gone', async () => {
  const { clock, node } = start()
  const [near, far] = [await node(), await node()]
  await near.schedule.add('a', { data: 'x' }, { delayMs: 1_000 })
  await settle()
  await near.close()
  await pass(clock, 1_000)
  expect(await publishedOf(far)).toEqual([])
  await pass(clock, 800)
  expect(await publishedOf(far)).toEqual(['x'])
})

describe('a cancelled event', () => {
  test('is not published, and cancelling it once more finds none', async () => {
    const { clock, node } = start()
    const [near, far] = [await node(), await node()]
    const { id } = await near.schedule.add('a', { data: 'x' }, { delayMs: minuteMs })
    await far.schedule.cancel(id)
    expect(await codeOf(near.schedule.cancel(id))).toBe('SCHEDULED_NOT_FOUND')
    await pass(clock, 2 * minuteMs)
    expect(await publishedOf(near)).toEqual([])
  })

  test.each([
    ['the event is first', 0],
    ['the cancellation is first', 1],
  ])('and one that is due at the same moment: %s, and both nodes agree', async (_, order) => {
    const { clock, log } = start()
    const held: (() => void)[] = []
    // Appends of the end of an entry wait until both are there.
    const slow = wrapLog(log, {
      append: async (batch) => {
        if (batch.idempotencyKey?.startsWith('$hub/scheduled/') === true)
          await new Promise<void>((resolve) => held.push(resolve))
        return await log.append(batch)
      },
    })
    const tide = createTidemark({ log: slow, clock, authorize: 'everyone' })
    onTestFinished(() => tide.close())
    const { id } = await tide.schedule.add('a', { data: 'x' }, { delayMs: 1_000 })
    clock.advance(1_000)
    await settle(5)
    const cancelled = codeOf(tide.schedule.cancel(id))
    await settle(5)
    expect(held).toHaveLength(2)
    held[order]?.()
    await settle(5)
    held[1 - order]?.()
    await settle(5)
    expect(await cancelled).toBe(order === 0 ? 'SCHEDULED_NOT_FOUND' : 'done')
    expect(await publishedOf(tide)).toEqual(order === 0 ? ['x'] : [])
    await pass(clock, minuteMs)
    expect(await publishedOf(tide)).toHaveLength(order === 0 ? 1 : 0)
  })
})

test('a repeated call with its key schedules nothing and gets the first id, also when the event is out', async () => {
  const { clock, node } = start()
  const [near, far] = [await node(), await node()]
  const at = clock.now() + minuteMs
  const options = { at, idempotencyKey: 'k' }
  const { id } = await near.schedule.add('a', { data: 'x' }, options)
  expect((await far.schedule.add('a', { data: 'x' }, options)).id).toBe(id)
  const other = near.schedule.add('a', { data: 'other' }, options)
  expect(await codeOf(other)).toBe('IDEMPOTENCY_KEY_REUSED')
  await pass(clock, 2 * minuteMs)
  expect((await near.schedule.add('a', { data: 'x' }, options)).id).toBe(id)
  await pass(clock, minuteMs)
  expect(await publishedOf(near)).toEqual(['x'])
})

test('a call that is repeated when the log has forgotten it, a day later, publishes nothing again and leaves nothing behind', async () => {
  const { clock, node } = start()
  const tide = await node()
  const options = { at: clock.now() + minuteMs, idempotencyKey: 'k' }
  const { id } = await tide.schedule.add('a', { data: 'x' }, options)
  await pass(clock, minuteMs)
  clock.advance(24 * 60 * minuteMs - minuteMs / 2)
  await settle()
  expect((await tide.schedule.add('a', { data: 'x' }, options)).id).toBe(id)
  await pass(clock, 1_000)
  expect(await codeOf(tide.schedule.find(id))).toBe('SCHEDULED_NOT_FOUND')
  // Retention has removed the first by now.
  expect((await publishedOf(tide)).length).toBeLessThanOrEqual(1)
})

test('the tags, the permission and the life of an event wait with it', async () => {
  const { clock, log, node } = start()
  const tide = await node()
  const input = { data: 'x', tags: { region: 'eu' }, permission: 'see', ttlMs: 5_000 }
  const { id, at } = await tide.schedule.add('a', input, { delayMs: minuteMs })
  expect(await tide.schedule.find(id)).toMatchObject(input)
  await pass(clock, minuteMs)
  const { first, head } = await log.bounds()
  const topics = parseTopicSet(['a'])
  const { records } = await log.read({ topics, after: first, upTo: head, limit: 10 })
  expect(records).toMatchObject([
    { tags: { region: 'eu' }, permission: 'see', expiresAt: at + 5_000 },
  ])
})

test.each<[string, ScheduleOptions]>([
  ['neither', {}],
  ['both', { at: Date.UTC(2026, 0, 2), delayMs: 1 }],
  ['a delay with a key', { delayMs: 1, idempotencyKey: 'k' }],
  ['a delay of less than nothing', { delayMs: -1 }],
  ['a delay of half a millisecond', { delayMs: 0.5 }],
  ['a delay of two years', { delayMs: 2 * 366 * 86_400_000 }],
  ['a delay that is text', { delayMs: '30s' as never }],
  ['a moment in two years', { at: Date.UTC(2028, 0, 2) }],
  ['a moment that is text', { at: 'tomorrow' as never }],
])('an event with %s is refused with a code, and nothing is scheduled', async (_, options) => {
  const { clock, node } = start()
  const tide = await node()
  expect(await codeOf(tide.schedule.add('a', { data: 'x' }, options))).toBe('SCHEDULE_INVALID')
  await pass(clock, minuteMs)
  expect(await publishedOf(tide)).toEqual([])
})

test('an event that breaks the rules is refused when it is scheduled', async () => {
  const tide = await start().node()
  const at = { delayMs: 1 }
  expect(await codeOf(tide.schedule.add('$hub/x', { data: 1 }, at))).toBe('TOPIC_RESERVED')
  expect(await codeOf(tide.schedule.add('a', { data: undefined }, at))).toBe('EVENT_INVALID')
  expect(await codeOf(tide.schedule.add('a', { data: 1 }, { ...at, ...keyOf('$hub/x') }))).toBe(
    'IDEMPOTENCY_KEY_INVALID',
  )
})

const keyOf = (idempotencyKey: string): ScheduleOptions => ({ idempotencyKey })

test('only who may publish may schedule, and only its user may see or cancel an event', async () => {
  const { node } = start()
  const grants: Readonly<Record<string, Grant>> = {
    ada: { user: 'ada', publish: ['a', 'b'] },
    bob: { user: 'bob', publish: ['a'] },
    eve: { user: 'eve', publish: [] },
    root: { user: 'root', publish: ['**'], permissions: ['admin'] },
  }
  const tide = await node({
    authorize: (request) => {
      const grant = grants[request.header('user') ?? '']
      if (grant === undefined) throw new ServerError('UNAUTHENTICATED', 'Nobody.')
      return grant
    },
  })
  const by = (user: string): ScheduleOptions['by'] => ({
    method: 'POST',
    url: '/',
    header: (name) => (name === 'user' ? user : undefined),
    address: undefined,
  })
  const at = { delayMs: minuteMs }
  const eve = tide.schedule.add('a', { data: 1 }, { ...at, by: by('eve') })
  expect(await codeOf(eve)).toBe('TOPIC_FORBIDDEN')
  const { id } = await tide.schedule.add('a', { data: 1 }, { ...at, by: by('ada') })
  const other = await tide.schedule.add('b', { data: 1 }, { ...at, by: by('ada') })
  for (const call of ['find', 'cancel'] as const) {
    const ask = (name: string, user: string): Promise<unknown> =>
      codeOf(tide.schedule[call](name, { by: by(user) }))
    expect(await ask(id, 'bob')).toBe('USER_DIFFERS')
    expect(await ask(other.id, 'bob')).toBe('TOPIC_FORBIDDEN')
    expect(await ask(id, 'nobody')).toBe('UNAUTHENTICATED')
    expect(await ask('none', 'bob')).toBe('SCHEDULED_NOT_FOUND')
  }
  await tide.schedule.cancel(id, { by: by('ada') })
  await tide.schedule.cancel(other.id, { by: by('root') })
})

test('an event that is due while the log takes none is published when it does', async () => {
  const { clock, log } = start()
  let isBroken = false
  const errors: unknown[] = []
  const failing = wrapLog(log, {
    append: (batch) =>
      isBroken ? Promise.reject(new LogError('LOG_UNAVAILABLE', 'Full disk.')) : log.append(batch),
  })
  const tide = createTidemark({
    log: failing,
    clock,
    authorize: 'everyone',
    observer: { failed: (error) => errors.push(error) },
  })
  onTestFinished(() => tide.close())
  await tide.schedule.add('a', { data: 'x' }, { delayMs: 1_000 })
  isBroken = true
  await pass(clock, 5_000)
  expect(errors.length).toBeGreaterThan(0)
  isBroken = false
  await pass(clock, 2_000)
  expect(await publishedOf(tide)).toEqual(['x'])
})

test('a thousand events that are due while the log takes none cost some attempts a second, and one line', async () => {
  const { clock, log } = start()
  let isBroken = false
  let tries = 0
  const errors: unknown[] = []
  const failing = wrapLog(log, {
    append(batch) {
      tries += 1
      return isBroken
        ? Promise.reject(new LogError('LOG_UNAVAILABLE', 'Full disk.'))
        : log.append(batch)
    },
  })
  const tide = createTidemark({
    log: failing,
    clock,
    authorize: 'everyone',
    observer: { failed: (error) => errors.push(error) },
  })
  onTestFinished(() => tide.close())
  const at = clock.now() + minuteMs
  const all = Array.from({ length: 1_000 }, (_, i) => `${i}`)
  for (const data of all) await tide.schedule.add('a', { data }, { at })
  isBroken = true
  tries = 0
  await pass(clock, minuteMs)
  await pass(clock, 5_000)
  expect(errors).toHaveLength(1)
  expect(tries).toBeGreaterThan(0)
  expect(tries).toBeLessThanOrEqual(6 * duePublishedMax)
  isBroken = false
  for (let i = 0; i < 5; i++) await pass(clock, 1_000)
  const { records } = await tide.history({ topic: 'a', limit: 1_000 })
  expect(records.map(({ data }) => data).toSorted()).toEqual(all.toSorted())
})

test('a log that holds as many as it may is told with a code of its own', async () => {
  const { clock, log } = start()
  const full = wrapLog(log, {
    append: (batch) =>
      batch.events.some(({ topic }) => topic === '$hub/state/scheduled')
        ? Promise.reject(new LogError('LEDGER_FULL', 'Full.'))
        : log.append(batch),
  })
  const tide = createTidemark({ log: full, clock, authorize: 'everyone' })
  onTestFinished(() => tide.close())
  expect(await codeOf(tide.schedule.add('a', { data: 'x' }, { delayMs: 1 }))).toBe('SCHEDULE_FULL')
})

test('a node that could not schedule an event leaves it to the node that has', async () => {
  const { clock, log, node } = start()
  let tries = 0
  let isFull = true
  const full = wrapLog(log, {
    append(batch) {
      tries += 1
      return isFull ? Promise.reject(new LogError('LEDGER_FULL', 'Full.')) : log.append(batch)
    },
  })
  const [near, far] = [await node({ log: full }), await node()]
  const once = { at: clock.now() + minuteMs, idempotencyKey: 'once' }
  expect(await codeOf(near.schedule.add('a', { data: 'x' }, once))).toBe('SCHEDULE_FULL')
  isFull = false
  await far.schedule.add('a', { data: 'x' }, once)
  await pass(clock, minuteMs - 10)
  tries = 0
  await pass(clock, 10)
  expect(await publishedOf(near)).toEqual(['x'])
  expect(tries).toBe(0)
})

test('a node of a log that never had a scheduled event follows no ledger of them', async () => {
  const { clock, log } = start()
  let tails = 0
  const counted = wrapLog(log, {
    tail: (after, handler) => {
      tails += 1
      return log.tail(after, handler)
    },
  })
  const tide = createTidemark({ log: counted, clock, authorize: 'everyone' })
  onTestFinished(() => tide.close())
  await tide.ready
  await tide.publish('a', { data: 1 })
  await settle(5)
  expect(tails).toBe(1)
})

describe('a list of those that wait', () => {
  test('has pages by when they are due, without their data', async () => {
    const { clock, node } = start()
    const [near, far] = [await node(), await node()]
    const moments = [5, 3, 9, 3, 1, 7, 3]
    for (const minutes of moments) {
      await near.schedule.add('a', { data: 'x' }, { at: clock.now() + minutes * minuteMs })
    }
    const found: number[] = []
    const ids = new Set<string>()
    let after: string | undefined
    do {
      const { scheduled, next } = await far.schedule.list({ limit: 2, after })
      expect(scheduled.length).toBeLessThanOrEqual(2)
      for (const event of scheduled) {
        expect(event).not.toHaveProperty('data')
        found.push((event.at - clock.now()) / minuteMs)
        ids.add(event.id)
      }
      after = next
    } while (after !== undefined)
    expect(found).toEqual(moments.toSorted((a, b) => a - b))
    expect(ids.size).toBe(moments.length)
    expect((await far.schedule.list()).scheduled).toHaveLength(7)
  })

  test('has those of the user who asks, and all for an admin', async () => {
    const { node } = start()
    const grants: Readonly<Record<string, Grant>> = {
      ada: { user: 'ada', publish: ['**'] },
      bob: { user: 'bob', publish: ['**'] },
      root: { user: 'root', permissions: ['admin'] },
      nobody: { publish: ['**'] },
    }
    const tide = await node({
      authorize: (request) => grants[request.header('x-user') ?? ''] ?? {},
    })
    const as = (user: string) =>
      describeRequest(new Request('http://localhost/', { headers: { 'x-user': user } }))
    for (const user of ['ada', 'bob', 'nobody'])
      await tide.schedule.add('a', { data: user }, { delayMs: minuteMs, by: as(user) })
    const count = async (user: string) =>
      (await tide.schedule.list({ by: as(user) })).scheduled.length
    expect(await Promise.all(['ada', 'bob', 'nobody', 'root', 'eve'].map(count))).toEqual([
      1, 1, 0, 3, 0,
    ])
  })

  test.each([
    [{ limit: 0 }],
    [{ limit: 1_001 }],
    [{ limit: 1.5 }],
    [{ after: '' }],
    [{ after: '5' }],
    [{ after: 5 as never }],
  ])('%j is refused', async (query) => {
    const { node } = start()
    const tide = await node()
    await expect(tide.schedule.list(query)).rejects.toMatchObject({ code: 'QUERY_INVALID' })
  })
})
