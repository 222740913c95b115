// How often an address may open streams and a user publish, and what one process counts for a whole hub.

import { systemClock } from '@tidemark/log'
import { createFakeClock, waitUntil } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { LocalCounts, StreamRate, SuspicionGatherer, describeRate } from '../src/hub/index.ts'
import type { CountRules, RateState, Suspicion } from '../src/hub/index.ts'
import { rateKeysMax, slowedMax, suspectsMax, suspicionsGatheredMax } from '../src/limits.ts'
import { BoundedLimiter } from '../src/rates/bounded-limiter.ts'

const window = { windowMs: 900_000 }

const none: CountRules = {
  streams: undefined,
  publishes: undefined,
  refusals: undefined,
  sessionsPerAddress: undefined,
}

function countFor(
  rules: Partial<CountRules>,
  clearDead: (key: string) => Promise<void> = async () => undefined,
) {
  return new LocalCounts<string>({ ...none, ...rules }, { clock: systemClock, clearDead })
}

/** Streams that never end by themselves while they wait. */
const stays = () => () => undefined

test('ten streams of an address are let in, the eleventh is told when to come back, another address is not', async () => {
  const counts = countFor({ streams: { points: 10, ...window } }).of('worker 1')
  const rate = new StreamRate({ counts, clock: createFakeClock() })
  for (let i = 1; i <= 10; i++) {
    expect(await rate.pass('192.0.2.1', stays)).toMatchObject({
      'RateLimit-Limit': '10',
      'RateLimit-Remaining': String(10 - i),
    })
  }
  await expect(rate.pass('192.0.2.1', stays)).rejects.toMatchObject({
    code: 'RATE_LIMITED',
    status: 429,
    isPassing: true,
    headers: { 'Retry-After': '900', 'RateLimit-Remaining': '0', 'RateLimit-Reset': '900' },
  })
  await rate.pass('192.0.2.2', stays)
})

test('two processes share one limit', async () => {
  const counts = countFor({ streams: { points: 3, ...window } })
  const states = []
  for (const worker of ['a', 'b', 'a', 'b'])
    states.push(await counts.of(worker).take('streams', 'x'))
  expect(states.map((state) => state?.isAllowed)).toEqual([true, true, true, false])
})

test('what is not limited is not counted', async () => {
  expect(await countFor({}).of('a').take('publishes', 'ada')).toBeUndefined()
  expect(describeRate({ isAllowed: true, used: 5, limit: null, resetMs: 1 })).toBeUndefined()
})

test('a window ends, and counting begins anew', async () => {
  const counts = countFor({ publishes: { points: 1, windowMs: 50 } }).of('a')
  const take = async () => (await counts.take('publishes', 'ada'))?.isAllowed
  expect([await take(), await take()]).toEqual([true, false])
  await waitUntil('the window has ended', () => take().then((isAllowed) => isAllowed === true))
})

test('beyond five streams each begins half a second later than the one before, up to ten seconds', async () => {
  const clock = createFakeClock()
  const state = (used: number): RateState => ({
    isAllowed: true,
    used,
    limit: null,
    resetMs: 1_000,
  })
  const begun = async (used: number): Promise<number> => {
    const counts = { take: async () => state(used) }
    const rate = new StreamRate({ counts, slowAfter: 5, clock })
    const start = clock.elapsed()
    const passed = rate.pass('x', stays).then(() => clock.elapsed() - start)
    for (let step = 0; step < 150; step++) {
      for (let turn = 0; turn < 5; turn++) await Promise.resolve()
      clock.advance(100)
    }
    return passed
  }
  expect(await begun(5)).toBeLessThanOrEqual(0)
  expect(await begun(6)).toBe(500)
  expect(await begun(7)).toBe(1_000)
  expect(await begun(500)).toBe(10_000)
})

test('no more than a bounded number wait, and a client that leaves waits no more and leaves no timer', async () => {
  const clock = createFakeClock()
  const state: RateState = { isAllowed: true, used: 6, limit: null, resetMs: 1_000 }
  const rate = new StreamRate({ counts: { take: async () => state }, slowAfter: 5, clock })
  const leave = new Set<() => void>()
  const onGone = (listener: () => void) => {
    leave.add(listener)
    return () => void leave.delete(listener)
  }
  const waiting = Array.from({ length: slowedMax }, () => rate.pass('x', onGone))
  await waitUntil('all wait', () => rate.waiting === slowedMax)
  await expect(rate.pass('x', onGone)).rejects.toMatchObject({ code: 'RATE_LIMITED' })
  for (const listener of leave) listener()
  await Promise.all(waiting)
  expect([rate.waiting, leave.size, clock.pending]).toEqual([0, 0, 0])
})

test('counters are bounded: of too many keys the oldest counts anew', async () => {
  const limiter = new BoundedLimiter({ points: 5, ...window }, systemClock, rateKeysMax)
  for (let i = 0; i <= rateKeysMax; i++) await limiter.add(`key ${i}`)
  expect(limiter.size).toBe(rateKeysMax)
  expect((await limiter.add(`key ${rateKeysMax}`)).consumedPoints).toBe(2)
  expect((await limiter.add('key 0')).consumedPoints).toBe(1)
})

test('a place of an address is given back, also by a process that died', async () => {
  const counts = countFor({ sessionsPerAddress: 2 })
  const [first, second] = [counts.of('a'), counts.of('b')]
  expect(await first.enter('x')).toBe(true)
  expect(await second.enter('x')).toBe(true)
  expect(await first.enter('x')).toBe(false)
  second.leave('x')
  expect(await first.enter('x')).toBe(true)
  counts.ended('a')
  expect(counts.addressCount).toBe(0)
  // A place that was never taken cannot be given back.
  first.leave('x')
  expect(counts.addressCount).toBe(0)
})

test('a process that dies while it waits for a place takes none', async () => {
  let goOn = (): void => undefined
  const counts = countFor(
    { sessionsPerAddress: 1 },
    () => new Promise((resolve) => (goOn = resolve)),
  )
  const [first, second] = [counts.of('a'), counts.of('b')]
  expect(await first.enter('x')).toBe(true)
  const waiting = second.enter('x')
  first.leave('x')
  counts.ended('b')
  goOn()
  expect(await waiting).toBe(false)
  expect(counts.addressCount).toBe(0)
})

test('dead sessions of an address are cleared before a stream of it is refused, once for all that ask', async () => {
  let cleared = 0
  const counts = countFor({ sessionsPerAddress: 2 }, async (key) => {
    cleared += 1
    await Promise.resolve()
    counts.of('a').leave(key)
  })
  expect([await counts.of('a').enter('x'), await counts.of('b').enter('x')]).toEqual([true, true])
  const answers = await Promise.all([counts.of('b').enter('x'), counts.of('b').enter('x')])
  expect(answers.toSorted((a, b) => Number(a) - Number(b))).toEqual([false, true])
  expect(cleared).toBe(1)
})

test('an address is to be banned at its twentieth refusal, and then counted anew', async () => {
  const counts = countFor({ refusals: { points: 20, ...window } }).of('a')
  const refuse = (count: number) => counts.report([{ key: 'x', kind: 'refused', count }])
  expect(await refuse(19)).toEqual([])
  expect(await counts.report([{ key: 'x', kind: 'user-agent', count: 500 }])).toEqual([])
  expect(await refuse(1)).toEqual(['x'])
  expect(await refuse(19)).toEqual([])
  expect(await counts.suspects()).toMatchObject([
    { address: 'x', counts: { refused: 39, 'user-agent': 500 } },
  ])
})

test('of suspicious addresses a bounded number is remembered, those seen last', async () => {
  const counts = countFor({}).of('a')
  const seen = Array.from({ length: suspectsMax + 5 }, (_, i): Suspicion => ({
    key: `k${i}`,
    kind: 'refused',
    count: 1,
  }))
  await counts.report(seen)
  const suspects = (await counts.suspects()) ?? []
  expect(suspects).toHaveLength(suspectsMax)
  expect(suspects[0]?.address).toBe(`k${suspectsMax + 4}`)
})

test('a flood of refusals is told in few messages', () => {
  const clock = createFakeClock()
  const told: (readonly Suspicion[])[] = []
  const gatherer = new SuspicionGatherer({ clock, tell: (seen) => told.push(seen) })
  for (let i = 0; i < 10_000; i++) gatherer.note('x', 'refused')
  expect(told).toEqual([])
  clock.advance(200)
  expect(told).toEqual([[{ key: 'x', kind: 'refused', count: 10_000 }]])
  for (let i = 0; i < suspicionsGatheredMax; i++) gatherer.note(`y${i}`, 'refused')
  expect(told).toHaveLength(2)
  expect(clock.pending).toBe(0)
})
