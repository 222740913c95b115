// Grants as an application hands them in, publishes and histories on behalf of clients.

import { memoryLog } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { describeRequest } from '../src/fetch/describe-request.ts'
import { ServerError, createTidemark } from '../src/index.ts'
import { CodedError } from '../src/hub/index.ts'
import type { Authorize, Grant, PlainRequest, Tidemark, TidemarkOptions } from '../src/index.ts'
import { authorizeMsMax, authorizeWaitingMax, subscriptionBodiesBytesMax } from '../src/limits.ts'
import { settle } from './support/settle.ts'

const by = describeRequest(new Request('http://localhost/publish?x=1', { method: 'POST' }))

function create(authorize: Authorize, options: Partial<TidemarkOptions> = {}): Tidemark {
  const tide = createTidemark({ log: memoryLog(), authorize, ...options })
  onTestFinished(() => tide.close())
  return tide
}

const askFor = (topic: string): Request => new Request(`http://localhost/events?topic=${topic}`)

test.each<[string, unknown]>([
  ['nothing, by a forgotten return', undefined],
  ['null', null],
  ['true', true],
  ['a list', ['**']],
  ['a promise of nothing', Promise.resolve(undefined)],
  ['a text in place of a list', { user: 'ada', subscribe: '**' }],
  ['a list of something else', { user: 'ada', subscribe: [['**']] }],
  ['a malformed pattern', { user: 'ada', subscribe: ['orders*'] }],
  ['a user that is empty', { user: '', subscribe: ['**'] }],
  ['a restriction this node does not know', { user: 'ada', subscribe: ['**'], rooms: {} }],
  ['an end in seconds', { user: 'ada', subscribe: ['**'], expiresAt: 1_764_280_000 }],
  ['an end that is no time', { user: 'ada', subscribe: ['**'], expiresAt: 'never' }],
  ['a user of 257 characters', { user: 'a'.repeat(257), subscribe: ['**'] }],
  [
    'a grant that throws',
    {
      get subscribe() {
        throw new Error('broken')
      },
    },
  ],
])('%s for a grant opens no door, and an operator hears of it', async (_, grant) => {
  const told: unknown[] = []
  const tide = create(() => grant as Grant, { onError: (error) => told.push(error) })
  const response = await tide.fetch(askFor('a'))
  expect(response.status).toBe(500)
  expect(await response.json()).toMatchObject({ code: 'OPTION_INVALID' })
  expect(tide.sessionCount).toBe(0)
  expect(told).toHaveLength(1)
})

test.each<[string, Grant]>([
  ['an empty grant', {}],
  ['a grant of no topics', { subscribe: [], publish: [] }],
  ['a grant to publish', { publish: ['**'] }],
])('%s is none to subscribe by', async (_, grant) => {
  expect((await create(() => grant).fetch(askFor('a'))).status).toBe(401)
})

test.each<[string, (request: PlainRequest) => void]>([
  ['takes topics off the list', ({ topics }) => (topics as string[]).splice(0)],
  ['puts another list in its place', (request) => Object.assign(request, { topics: [] })],
])('an authorize that %s does not grant them by that', async (_, change) => {
  const tide = create((request) => {
    change(request)
    return { user: 'ada', subscribe: ['news'] }
  })
  expect((await tide.fetch(askFor('secrets'))).status).toBe(503)
  expect(tide.sessionCount).toBe(0)
})

test('an authorize that hangs keeps no client waiting for ever, and what it says later counts for nothing', async () => {
  const clock = createFakeClock()
  const told: unknown[] = []
  const late = Promise.withResolvers<Grant>()
  const tide = create(() => late.promise, { clock, onError: (error) => told.push(error) })
  const answer = tide.fetch(askFor('a'))
  await settle()
  clock.advance(authorizeMsMax)
  const { status, headers } = await answer
  expect(status).toBe(503)
  expect(headers.get('retry-after')).toMatch(/^\d+$/)
  expect(told).toHaveLength(1)
  late.resolve({ user: 'ada', subscribe: ['**'] })
  await settle()
  expect(tide.sessionCount).toBe(0)
})

test('an authorize that fails after its time is up ends no process', async () => {
  const clock = createFakeClock()
  const late = Promise.withResolvers<Grant>()
  const tide = create(() => late.promise, { clock })
  const answer = tide.fetch(askFor('a'))
  await settle()
  clock.advance(authorizeMsMax)
  expect((await answer).status).toBe(503)
  // An unhandled rejection fails the run.
  late.reject(new Error('too late'))
  await settle()
})

test('an authorize that hangs gathers requests up to a bound, and serves the next once they are gone', async () => {
  const clock = createFakeClock()
  let isHanging = true
  const authorize: Authorize = () =>
    isHanging ? new Promise(() => undefined) : { user: 'ada', subscribe: ['a'] }
  const tide = create(authorize, { clock })
  const waiting = Array.from({ length: authorizeWaitingMax }, () =>
    tide.history({ topic: 'a', by }),
  )
  const outcomes = Promise.allSettled(waiting)
  await expect(tide.history({ topic: 'a', by })).rejects.toMatchObject({ code: 'FULL' })
  clock.advance(authorizeMsMax)
  for (const outcome of await outcomes) {
    expect(outcome).toMatchObject({ reason: { code: 'ACCESS_UNAVAILABLE' } })
  }
  isHanging = false
  await expect(tide.history({ topic: 'a', by })).resolves.toMatchObject({ records: [] })
})

test('an error of another room that authorize throws keeps its code, and no operator is told of a refusal', async () => {
  const told: unknown[] = []
  class OwnError extends CodedError {
    readonly code = 'ACCOUNT_LOCKED'
    readonly row = { title: 'The account is locked.', status: 403 }
  }
  const tide = create(
    () => {
      throw new OwnError('Locked since Monday.')
    },
    { onError: (error) => told.push(error) },
  )
  const response = await tide.fetch(askFor('a'))
  expect(response.status).toBe(403)
  expect(await response.json()).toMatchObject({ code: 'ACCOUNT_LOCKED' })
  expect(told).toEqual([])
})

test.each([
  ['a challenge of its own', 'Basic realm="a"', 'Basic realm="a"'],
  ['a challenge that would split the answer', 'Basic\r\nX: y', 'Bearer'],
])('authorize may refuse with %s', async (_, challenge, answered) => {
  const tide = create(() => {
    const headers = { 'WWW-Authenticate': challenge }
    throw new ServerError('UNAUTHENTICATED', 'Sign in.', { headers })
  })
  const response = await tide.fetch(askFor('a'))
  expect(response.status).toBe(401)
  expect(response.headers.get('www-authenticate')).toBe(answered)
})

test('topics that the application chooses are its own word, and not asked about', async () => {
  const tide = create(() => {
    throw new Error('asked')
  })
  expect((await tide.fetch(askFor('a'), { topics: ['b'] })).status).toBe(200)
  expect(tide.sessionCount).toBe(1)
})

test('a client publishes what it is granted, all or nothing, and is told of the topic that it may not use', async () => {
  const seen: PlainRequest[] = []
  const log = memoryLog()
  const authorize: Authorize = (request) => {
    seen.push(request)
    return { user: 'ada', publish: ['chat/*'], subscribe: ['**'] }
  }
  const tide = create(authorize, { log })
  const before = (await log.bounds()).head
  const both = ['chat/1', 'secrets'].map((topic) => ({ topic, data: 'hi' }))
  await expect(tide.publishAll(both, { by })).rejects.toMatchObject({
    code: 'TOPIC_FORBIDDEN',
    message: expect.stringContaining('"secrets"'),
  })
  expect((await log.bounds()).head).toEqual(before)
  await tide.publish('chat/1', { data: 'hi' }, { by })
  expect(seen).toMatchObject([
    { action: 'publish', topics: ['chat/1', 'secrets'], method: 'POST', url: '/publish?x=1' },
    { action: 'publish', topics: ['chat/1'] },
  ])
})

test('the application itself publishes and reads without being asked', async () => {
  const tide = create(() => {
    throw new Error('asked')
  })
  await tide.publish('a', { data: 'one' })
  const page = await tide.history({ topic: 'a' })
  expect(page.records).toMatchObject([{ topic: 'a', type: 'message', data: 'one' }])
})

test('a client reads what it may subscribe to, and nothing beyond', async () => {
  const tide = create(({ action }) => ({
    user: 'ada',
    subscribe: action === 'read' ? ['orders/*'] : [],
    publish: ['**'],
  }))
  await tide.publish('orders/1', { data: 'one' })
  await expect(tide.history({ topic: 'orders/1', by })).resolves.toMatchObject({
    records: [{ data: 'one' }],
  })
  await expect(tide.history({ topic: 'secrets', by })).rejects.toMatchObject({ status: 403 })
})

test('a history is read page by page until it is level, and goes on with what comes later', async () => {
  const tide = createTidemark({ log: memoryLog() })
  onTestFinished(() => tide.close())
  for (let i = 0; i < 5; i++) await tide.publish('a', { data: i })
  let page = await tide.history({ topic: 'a', limit: 2 })
  const found: string[] = []
  while (page.records.length > 0) {
    found.push(...page.records.map(({ data }) => data))
    page = await tide.history({ topic: 'a', limit: 2, after: page.next })
  }
  expect(found).toEqual(['0', '1', '2', '3', '4'])
  await tide.publish('a', { data: 'later' })
  expect((await tide.history({ topic: 'a', after: page.next })).records).toHaveLength(1)
})

test.each<[string, object | undefined, string]>([
  ['a pattern', { topic: 'a/*' }, 'TOPIC_INVALID'],
  ['no topic', {}, 'TOPIC_INVALID'],
  ['no query', undefined, 'OPTION_INVALID'],
  ['a cursor that is none', { topic: 'a', after: 'x' }, 'QUERY_INVALID'],
  ['a limit of nothing', { topic: 'a', limit: 0 }, 'QUERY_INVALID'],
  ['a limit beyond the largest', { topic: 'a', limit: 1_001 }, 'QUERY_INVALID'],
  ['a limit that is no number', { topic: 'a', limit: '5' }, 'QUERY_INVALID'],
])('a history of %s is refused with a code', async (_, query, code) => {
  const tide = createTidemark({ log: memoryLog() })
  onTestFinished(() => tide.close())
  await expect(tide.history(query as never)).rejects.toMatchObject({ code })
})

test('a log that fails is said to fail, by a history as by a publish', async () => {
  const log = memoryLog()
  const tide = createTidemark({ log })
  onTestFinished(() => tide.close())
  await tide.ready
  await log.close()
  await expect(tide.history({ topic: 'a' })).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' })
})

test('a driver with a copy of the log room of its own fails like any other: the client is told to come back', async () => {
  const log = memoryLog()
  const tide = createTidemark({
    log: {
      append: (batch) => log.append(batch),
      read: () => Promise.reject(Object.assign(new Error('No link.'), { code: 'LOG_UNAVAILABLE' })),
      tail: (after, onRecords) => log.tail(after, onRecords),
      locate: (query) => log.locate(query),
      bounds: () => log.bounds(),
      retention: log.retention,
      ruleFor: (topic) => log.ruleFor(topic),
      close: () => log.close(),
    },
  })
  onTestFinished(() => tide.close())
  await expect(tide.history({ topic: 'a' })).rejects.toMatchObject({
    name: 'ServerError',
    code: 'LOG_UNAVAILABLE',
    status: 503,
  })
})

test('an authorize that never answers cannot be made to hold any number of long lists', async () => {
  const tide = create(() => new Promise(() => undefined))
  const topics = Array.from({ length: 1_000 }, (_, i) => `${'x'.repeat(250)}/${i}`)
  const body = JSON.stringify({ topics })
  const url = 'http://localhost/events'
  const ask = (): Promise<Response> => tide.fetch(new Request(url, { method: 'POST', body }))
  let refused: Response | undefined
  for (let i = 0; i < 1_000 && refused === undefined; i++) {
    refused = await Promise.race([
      ask(),
      new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined))),
    ])
  }
  expect(refused?.status).toBe(503)
  expect(await refused?.json()).toMatchObject({ code: 'FULL' })
  expect(tide.bodies.heldBytes).toBeLessThanOrEqual(subscriptionBodiesBytesMax)
})

test('a publish by what is no request is a coded error', async () => {
  const tide = create(() => ({ publish: ['**'] }))
  const wrong = { method: 'POST' } as never
  await expect(tide.publish('a', { data: 1 }, { by: wrong })).rejects.toMatchObject({
    code: 'OPTION_INVALID',
  })
})

test('authorize that is no function is refused when the node is made', () => {
  const authorize = 'everybody' as unknown as Authorize
  expect(() => createTidemark({ log: memoryLog(), authorize })).toThrow(
    /authorize must be a function/,
  )
})
