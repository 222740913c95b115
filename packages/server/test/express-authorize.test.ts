// An Express application with an `authorize` of its own, a plain function: what its clients get for each of
// its answers.

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { memoryLog } from '@tidemark/log'
import { askHttp, createFakeClock, streamHttp, waitUntil } from '@tidemark/testkit'
import type { FakeClock, Streamed } from '@tidemark/testkit'
import express from 'express'
import { expect, onTestFinished, test } from 'vitest'
import { ServerError, createTidemark } from '../src/index.ts'
import type { Grant, PlainRequest, Tidemark } from '../src/index.ts'
import { authorizeMsMax } from '../src/limits.ts'

type Answer = (request: PlainRequest) => Grant | Promise<Grant>

interface Application {
  readonly port: number
  readonly tide: Tidemark
  readonly clock: FakeClock
  readonly told: readonly unknown[]
  readonly asked: readonly PlainRequest[]
  /** Its `authorize`, from now on. */
  answer: Answer
}

async function start(answer: Answer): Promise<Application> {
  const clock = createFakeClock(1_800_000_000_000)
  const told: unknown[] = []
  const asked: PlainRequest[] = []
  const own = { answer }
  const tide = createTidemark({
    log: memoryLog({ clock }),
    clock,
    onError: (error) => told.push(error),
    authorize: (request) => {
      asked.push(request)
      return own.answer(request)
    },
  })
  const app = express()
  app.get('/events', (request, response) => void tide.subscribe(request, response))
  const server = app.listen(0, '127.0.0.1')
  onTestFinished(async () => {
    await tide.close()
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return Object.assign(own, { port, tide, clock, told, asked })
}

const path = '/events?topic=a'
const program = { Accept: 'text/event-stream, application/problem+json' }

async function refusedBy(answer: Answer): Promise<Application & { readonly problem: unknown }> {
  const app = await start(answer)
  const { status, body } = await askHttp(app.port, { method: 'GET', path, headers: program })
  const problem = JSON.parse(body) as { readonly status: number }
  expect(problem.status).toBe(status)
  return Object.assign(app, { problem })
}

async function open({ port }: Application): Promise<Streamed> {
  const stream = await streamHttp(port, path, { Cookie: 'sid=1' })
  stream.ended.catch(() => undefined)
  onTestFinished(() => stream.leave())
  expect(stream.status).toBe(200)
  await waitUntil('the stream is ready', () =>
    stream.events.some(({ type }) => type === 'tidemark.ready'),
  )
  return stream
}

test('it sees a plain request, and its grant opens the stream', async () => {
  const app = await start(() => ({ user: 'ada', subscribe: ['a'] }))
  const stream = await open(app)
  await app.tide.publish('a', { data: 'x' })
  await waitUntil('the event', () => stream.events.some(({ data }) => data === 'x'))
  const [request] = app.asked
  expect(request).toMatchObject({ action: 'subscribe', topics: ['a'], method: 'GET', url: path })
  expect(request?.header('cookie')).toBe('sid=1')
})

test.each<[string, Answer, readonly [status: number, code: string]]>([
  ['grants something else', () => ({ user: 'ada', subscribe: ['b'] }), [403, 'TOPIC_FORBIDDEN']],
  ['grants nobody in particular nothing', () => ({}), [401, 'UNAUTHENTICATED']],
  [
    'refuses for good',
    () => {
      throw new ServerError('UNAUTHENTICATED', 'Sign in first.')
    },
    [401, 'UNAUTHENTICATED'],
  ],
  [
    'has an end that is over',
    () => ({ user: 'ada', subscribe: ['a'], expiresAt: 1_700_000_000_000 }),
    [401, 'UNAUTHENTICATED'],
  ],
  ['returns nothing', () => undefined as unknown as Grant, [500, 'OPTION_INVALID']],
  ['returns a text', () => '**' as unknown as Grant, [500, 'OPTION_INVALID']],
  [
    'returns a member that nobody knows',
    () => ({ user: 'ada', subscribe: ['a'], only: 'b' }) as Grant,
    [500, 'OPTION_INVALID'],
  ],
])('where it %s, the client is refused for good', async (_, answer, [status, code]) => {
  const { problem, port } = await refusedBy(answer)
  expect(problem).toMatchObject({ status, code })
  // A plain EventSource gets the status as well, so that it does not come back.
  const headers = { Accept: 'text/event-stream' }
  expect((await askHttp(port, { method: 'GET', path, headers })).status).toBe(status)
})

test.each<[string, Answer]>([
  [
    'says so itself',
    () => {
      throw new ServerError('ACCESS_UNAVAILABLE', 'The directory is being moved.')
    },
  ],
  [
    'throws',
    () => {
      throw new Error('connect ECONNREFUSED db.internal:5432')
    },
  ],
  ['rejects', () => Promise.reject(new Error('connect ECONNREFUSED db.internal:5432'))],
])('where it %s, the client is refused for now, and comes back', async (_, answer) => {
  const { problem, port, told } = await refusedBy(answer)
  expect(problem).toMatchObject({ status: 503, code: 'ACCESS_UNAVAILABLE' })
  expect(JSON.stringify(problem)).not.toContain('db.internal')
  const isOwn = told.length === 0
  expect(isOwn || String(told[0]).includes('db.internal')).toBe(true)
  const sentAway = await streamHttp(port, path)
  await sentAway.ended
  expect(sentAway.status).toBe(200)
  expect(sentAway.events.map(({ type }) => type)).toEqual(['tidemark.bye'])
})

test('where it never settles, the client is refused for now after a while, and the operator is told', async () => {
  const app = await start(() => new Promise(() => undefined))
  const asking = askHttp(app.port, { method: 'GET', path, headers: program })
  await waitUntil('it is asked', () => app.asked.length === 1)
  app.clock.advance(authorizeMsMax)
  const { status, headers, body } = await asking
  expect([status, JSON.parse(body)]).toMatchObject([503, { code: 'ACCESS_UNAVAILABLE' }])
  expect(headers['retry-after']).toMatch(/^\d+$/)
  expect(String(app.told[0])).toContain(`has not answered for ${authorizeMsMax} ms`)
})

test('a grant with an end is announced, and ends the stream', async () => {
  const app = await start(() => ({
    user: 'ada',
    subscribe: ['a'],
    expiresAt: 1_800_000_000_000 + 60_000,
  }))
  const stream = await open(app)
  app.clock.advance(30_000)
  await waitUntil('it is told', () => stream.events.some(({ type }) => type === 'tidemark.token'))
  app.clock.advance(30_000)
  await stream.ended
  expect(stream.byes).toEqual(['expired'])
})

test('asked again, it may change the grant, be down for a while, and end the stream', async () => {
  const grant: Grant = { user: 'ada', subscribe: ['a'], recheckAfterMs: 60_000 }
  const app = await start(() => grant)
  const stream = await open(app)
  app.answer = () => {
    throw new Error('down')
  }
  app.clock.advance(60_000)
  await waitUntil('the operator is told', () => app.told.length === 1)
  await app.tide.publish('a', { data: 'still open' })
  await waitUntil('the event', () => stream.events.some(({ data }) => data === 'still open'))
  app.answer = () => {
    throw new ServerError('UNAUTHENTICATED', 'Signed out.')
  }
  app.clock.advance(60_000)
  await stream.ended
  expect(stream.byes).toEqual(['expired'])
  expect(app.asked.at(-1)).toMatchObject({ isRecheck: true })
  expect(app.asked.at(-1)?.header('cookie')).toBe('sid=1')
})
