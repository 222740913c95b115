// A grant that is asked about again while its stream is open: applied, refused, or not to be had now.

import { memoryLog } from '@tidemark/log'
import { createFakeClock, createRandom } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { CodedError } from '../src/hub/index.ts'
import { ServerError, createTidemark } from '../src/index.ts'
import type { Grant, PlainRequest, Tidemark, TidemarkOptions } from '../src/index.ts'
import { authorizeMsMax } from '../src/limits.ts'
import { recheckRetryMs, rechecksMax } from '../src/session/limits.ts'
import { settle } from './support/settle.ts'

const minute = 60_000

interface Bench {
  readonly tide: Tidemark
  readonly clock: FakeClock
  readonly asked: PlainRequest[]
  readonly told: unknown[]
  /** Answers from now on. */
  answer: (request: PlainRequest) => Grant | Promise<Grant>
}

const ada: Grant = { user: 'ada', subscribe: ['a', 'b'], recheckAfterMs: minute }

function start(options: Partial<TidemarkOptions> = {}): Bench {
  const clock = createFakeClock()
  const asked: PlainRequest[] = []
  const told: unknown[] = []
  const bench: Omit<Bench, 'tide'> = { clock, asked, told, answer: () => ada }
  const tide = createTidemark({
    log: memoryLog({ clock }),
    clock,
    random: createRandom(7).next,
    onError: (error) => told.push(error),
    authorize: (request) => {
      asked.push(request)
      return bench.answer(request)
    },
    ...options,
  })
  onTestFinished(() => tide.close())
  return Object.assign(bench, { tide })
}

/** Lets time pass in steps in which clients read. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 4_000) {
    clock.advance(Math.min(left, 4_000))
    await settle(3)
  }
}

/** A stream and the text that has come of it, read all the time. */
async function open(
  { tide }: Bench,
  query = 'topics=a,b',
): Promise<{ readonly text: string; readonly isEnded: boolean }> {
  const headers = { cookie: 'session=s3cret', 'x-tag': 'one' }
  const response = await tide.fetch(new Request(`http://localhost/?${query}`, { headers }))
  expect(response.status).toBe(200)
  const stream = { text: '', isEnded: false }
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  void (async () => {
    for (let next = await reader?.read(); next?.done === false; next = await reader?.read())
      stream.text += next.value
    stream.isEnded = true
  })()
  await settle(3)
  return stream
}

test('authorize is asked again for the same request, with the topics of now, as long as the stream is open', async () => {
  const bench = start()
  const { asked, tide, clock } = bench
  const stream = await open(bench)
  await tide.sessions()[0]?.changeTopics({ remove: ['b'] })
  for (let i = 1; i <= 3; i++) {
    await pass(clock, minute)
    expect(asked).toHaveLength(1 + i)
  }
  const [first, second] = asked
  expect(first?.topics).toEqual(['a', 'b'])
  expect(second).toMatchObject({
    action: 'subscribe',
    topics: ['a'],
    method: 'GET',
    url: first?.url,
  })
  expect(second?.header('Cookie')).toBe('session=s3cret')
  expect(second?.header('x-missing')).toBeUndefined()
  expect(stream.isEnded).toBe(false)
  await tide.sessions()[0]?.end()
  await pass(clock, 10 * minute)
  expect(asked).toHaveLength(4)
})

test('the answer takes the place of the grant: topics, permissions, claims, the end, and whether it is asked again', async () => {
  const bench = start()
  const { tide, clock, asked } = bench
  const stream = await open(bench)
  const expiresAt = clock.now() + 10 * minute
  const { recheckAfterMs: _, ...grant } = ada
  bench.answer = () => ({
    ...grant,
    subscribe: ['b'],
    expiresAt,
    permissions: ['admin'],
    claims: { n: 1 },
  })
  await pass(clock, minute)
  const [session] = tide.sessions()
  expect(session).toMatchObject({ topics: ['b'], expiresAt, permissions: ['admin'] })
  expect(session?.claims).toEqual({ n: 1 })
  expect(stream.text).toContain('data: {"added":[],"removed":["a"],"reason":"not-granted"}')
  await pass(clock, 10 * minute)
  expect(asked).toHaveLength(2)
  expect(stream.text).toContain('"reason":"expired"')
})

class Locked extends CodedError {
  readonly code = 'ACCOUNT_LOCKED'
  readonly row = { title: 'The account is locked.', status: 403 }
}

test.each<[string, () => Grant, string]>([
  [
    'that the client is not signed in any more',
    () => {
      throw new ServerError('UNAUTHENTICATED', 'Signed out.')
    },
    'expired',
  ],
  ['a grant that has ended', () => ({ ...ada, expiresAt: Date.UTC(2026, 0, 1) }), 'expired'],
  [
    'that the client may not',
    () => {
      throw new ServerError('TOPIC_FORBIDDEN', 'No.')
    },
    'forbidden',
  ],
  [
    'a refusal of its own',
    () => {
      throw new Locked('Since Monday.')
    },
    'forbidden',
  ],
  ['another user', () => ({ ...ada, user: 'bob' }), 'forbidden'],
  ['nobody', () => ({ subscribe: ['a', 'b'] }), 'forbidden'],
  ['none of the topics', () => ({ ...ada, subscribe: ['z'] }), 'forbidden'],
])('an answer of %s ends the stream, and the client hears why', async (_, answer, reason) => {
  const bench = start()
  const stream = await open(bench)
  bench.answer = answer
  await pass(bench.clock, minute)
  expect(stream.text).toContain(`"reason":"${reason}"`)
  expect(stream.isEnded).toBe(true)
  expect(bench.tide.sessionCount).toBe(0)
  expect(bench.told).toEqual([])
})

class TooMany extends CodedError {
  readonly code = 'TOO_MANY'
  readonly row = { title: 'Too many.', status: 429 }
}

test.each<[string, () => Grant]>([
  [
    'fails',
    () => {
      throw new Error('connect ECONNREFUSED')
    },
  ],
  [
    'says that it cannot say',
    () => {
      throw new ServerError('ACCESS_UNAVAILABLE', 'Later.')
    },
  ],
  [
    'is asked too often',
    () => {
      throw new TooMany('Later.')
    },
  ],
  ['gives what is no grant', () => ({ ...ada, subscribe: 'a' }) as never],
])(
  'while authorize %s the stream goes on, is asked about again, and ends when its grant does',
  async (_, answer) => {
    const bench = start()
    const { clock, asked } = bench
    const expiresAt = clock.now() + 10 * minute
    bench.answer = () => ({ ...ada, expiresAt })
    const stream = await open(bench)
    bench.answer = answer
    await pass(clock, minute)
    // The first look comes a little before a minute is over, so a second one may have followed.
    const { length: first } = asked
    expect(first).toBeGreaterThanOrEqual(2)
    for (let i = 1; i <= 4; i++) {
      await pass(clock, recheckRetryMs.to)
      expect(asked.length).toBeGreaterThanOrEqual(first + i)
    }
    expect(stream.isEnded).toBe(false)
    bench.answer = () => ({ ...ada, expiresAt })
    await pass(clock, recheckRetryMs.to)
    const { length } = asked
    await pass(clock, 0.5 * minute)
    expect(asked, 'after a good answer it waits its whole time').toHaveLength(length)
    bench.answer = answer
    await pass(clock, 10 * minute)
    expect(stream.text).toContain('"reason":"expired"')
  },
)

test('ten thousand streams that open together are not asked about together', async () => {
  const bench = start()
  const { clock, tide, asked } = bench
  bench.answer = () => ({ ...ada, recheckAfterMs: 5 * minute })
  const signal = new AbortController()
  for (let i = 0; i < 10_000; i++) {
    const request = new Request('http://localhost/?topic=a', { signal: signal.signal })
    await tide.fetch(request)
  }
  expect(tide.sessionCount).toBe(10_000)
  clock.advance(4 * minute - 1)
  await settle()
  expect(asked).toHaveLength(10_000)
  let most = 0
  for (let second = 0; second <= 60; second++) {
    const before = asked.length
    clock.advance(1_000)
    await settle(3)
    most = Math.max(most, asked.length - before)
  }
  expect(asked).toHaveLength(20_000)
  expect(most).toBeLessThan(300)
  signal.abort()
})

test('an authorize that hangs has so many streams to answer for at a time, and new ones still get in', async () => {
  const bench = start()
  const { clock, tide, asked } = bench
  for (let i = 0; i < 3 * rechecksMax; i++) await open(bench)
  const before = asked.length
  bench.answer = () => new Promise(() => undefined)
  await pass(clock, minute)
  expect(asked.length - before).toBe(rechecksMax)
  bench.answer = () => ada
  await open(bench)
  expect(tide.sessionCount).toBe(3 * rechecksMax + 1)
  // Those that hung are not answered in time, and the next have their turn.
  clock.advance(authorizeMsMax)
  await settle(10)
  expect(asked.length - before).toBeGreaterThanOrEqual(3 * rechecksMax + 1)
  expect(tide.sessionCount).toBe(3 * rechecksMax + 1)
})

test('an answer that comes after the stream has gone, or has got another grant, counts for nothing', async () => {
  const bench = start()
  const { clock, tide } = bench
  const gone = await open(bench)
  const renewed = await open(bench)
  const late: PromiseWithResolvers<Grant>[] = []
  bench.answer = () => {
    const next = Promise.withResolvers<Grant>()
    late.push(next)
    return next.promise
  }
  await pass(clock, minute)
  expect(late).toHaveLength(2)
  const [first, second] = tide.sessions()
  await first?.end()
  await second?.renew({ user: 'ada', subscribe: ['a', 'b'], permissions: ['admin'] })
  for (const { reject } of late) reject(new ServerError('UNAUTHENTICATED', 'Too late.'))
  await settle(3)
  expect(gone.isEnded).toBe(true)
  expect(renewed.isEnded).toBe(false)
  expect(second?.permissions).toEqual(['admin'])
  await pass(clock, 10 * minute)
  expect(late, 'its first request is not asked about any more').toHaveLength(2)
})

test('a clock that is set back puts no look at a grant off', async () => {
  const bench = start()
  await open(bench)
  bench.clock.set(Date.UTC(2020, 0, 1))
  await pass(bench.clock, minute)
  expect(bench.asked).toHaveLength(2)
})

test('streams that are asked about leave no timer and no request behind', async () => {
  const bench = start()
  const quiet = bench.clock.pending
  for (let i = 0; i < 50; i++) await open(bench)
  expect(bench.clock.pending).toBeGreaterThan(quiet)
  for (const session of bench.tide.sessions()) await session.end()
  await settle(3)
  bench.clock.advance(10_000)
  expect(bench.clock.pending).toBe(quiet)
})
