// An application with Express gets of `createAccess` what the hub gives: fresh tokens, topic tokens,
// revocations, cookies with its own check, and tickets.

import { mintTopicToken } from '@tidemark/access'
import type { AccessOptions } from '@tidemark/access'
import { askHttp, streamHttp, waitUntil } from '@tidemark/testkit'
import type { Answered, Streamed } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { startExpressApp } from './support/express-app.ts'
import type { ExpressApp } from './support/express-app.ts'
import { secret, signToken } from './support/tokens.ts'

async function start(options: AccessOptions = {}): Promise<ExpressApp> {
  const app = await startExpressApp({ tokens: [{ secret }], ...options })
  onTestFinished(() => app.close())
  return app
}

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })

const tokenFor = (subscribe: readonly string[], seconds = 3_600): Promise<string> =>
  signToken({ seconds, claims: { tidemark: { subscribe } } })

async function open(
  { port }: ExpressApp,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<Streamed & { readonly session: string }> {
  const stream = await streamHttp(port, path, headers)
  stream.ended.catch(() => undefined)
  onTestFinished(() => stream.leave())
  await waitUntil('the stream is ready', () => stream.events.length > 0)
  const { session } = JSON.parse(stream.events[0]?.data ?? '{}') as { readonly session: string }
  return Object.assign(stream, { session })
}

const dataOf = ({ events }: Streamed): readonly string[] =>
  events.filter(({ type }) => type === 'message').map(({ data }) => data)

const patch = (
  { port }: ExpressApp,
  session: string,
  {
    headers,
    ...change
  }: Readonly<Record<string, unknown>> & { readonly headers?: Readonly<Record<string, string>> },
): Promise<Answered> => {
  const body = JSON.stringify(change)
  return askHttp(port, { method: 'PATCH', path: `/sessions/${session}`, headers, body })
}

test('a fresh token prolongs a stream while events are published: none is lost, and none comes twice', async () => {
  const app = await start()
  const seconds = 6
  const renewed = await open(app, '/events?topic=a', bearer(await tokenFor(['a'], seconds)))
  const left = await open(app, '/events?topic=a', bearer(await tokenFor(['a'], seconds)))
  let sent = 0
  let answered = 0
  while (left.byes.length === 0) {
    await app.tide.publish('a', { data: String(sent) })
    sent += 1
    if (answered < 5 && renewed.events.some(({ type }) => type === 'tidemark.token')) {
      const { status } = await patch(app, renewed.session, { token: await tokenFor(['a']) })
      expect(status).toBe(204)
      answered += 1
    }
    // As fast as one stream reads.
    await waitUntil('the event is there', () => dataOf(renewed).length === sent)
  }
  await app.tide.publish('a', { data: 'after the end' })
  await waitUntil('the last event', () => dataOf(renewed).at(-1) === 'after the end')
  expect(answered).toBeGreaterThan(0)
  expect(left.byes).toEqual(['expired'])
  const all = Array.from({ length: sent }, (_, i) => String(i))
  expect(dataOf(renewed)).toEqual([...all, 'after the end'])
  expect(renewed.byes).toEqual([])
})

test('a fresh token takes away what it does not hold, and one of somebody else or a forged one changes nothing', async () => {
  const app = await start()
  const stream = await open(app, '/events?topics=a,b', bearer(await tokenFor(['a', 'b'])))
  const forged = await signToken({ secret: 'a secret of somebody else, of 32 bytes or more' })
  const ofEve = await signToken({ claims: { sub: 'eve', tidemark: { subscribe: ['**'] } } })
  const outcomes = await Promise.all(
    [forged, ofEve].map(async (token) => {
      const { status, body } = await patch(app, stream.session, { token })
      return [status, (JSON.parse(body) as { readonly code: string }).code]
    }),
  )
  expect(outcomes).toEqual([
    [401, 'TOKEN_INVALID'],
    [403, 'USER_DIFFERS'],
  ])
  expect((await patch(app, stream.session, { token: await tokenFor(['a']) })).status).toBe(204)
  for (const topic of ['b', 'a']) await app.tide.publish(topic, { data: `of ${topic}` })
  await waitUntil('the event of a', () => dataOf(stream).includes('of a'))
  expect(dataOf(stream)).toEqual(['of a'])
})

test('topic tokens open a stream in the body of POST /events, and add topics to it by PATCH', async () => {
  const app = await start()
  const headers = bearer(await tokenFor(['own']))
  const mint = (topic: string, sub = 'ada'): Promise<string> =>
    mintTopicToken({ secret, sub, subscribe: [topic] })
  const post = async (topicTokens: readonly string[]): Promise<Response> => {
    const leaving = new AbortController()
    onTestFinished(() => leaving.abort())
    return fetch(`http://127.0.0.1:${app.port}/events`, {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'application/json' },
      body: JSON.stringify({ topics: ['own', 'orders/1'], topicTokens }),
      signal: leaving.signal,
    })
  }
  expect((await post([])).status).toBe(403)
  expect((await post([await mint('orders/1', 'bob')])).status).toBe(403)
  const answer = await post([await mint('orders/1')])
  expect(answer.status).toBe(200)
  let text = ''
  const decoder = new TextDecoder()
  const write = (chunk: Uint8Array): void => void (text += decoder.decode(chunk))
  answer.body?.pipeTo(new WritableStream({ write })).catch(() => undefined)
  await waitUntil('the session', () => /"session":"[^"]+"/.test(text))
  const session = /"session":"([^"]+)"/.exec(text)?.[1] ?? ''
  const add = ['orders/2']
  const statusOf = async (topicTokens: readonly string[]): Promise<number> =>
    (await patch(app, session, { headers, add, topicTokens })).status
  expect(await statusOf([])).toBe(403)
  expect(await statusOf([await mint('orders/2', 'bob')])).toBe(403)
  expect(await statusOf([await mint('orders/2')])).toBe(204)
  for (const topic of ['orders/1', 'orders/2']) await app.tide.publish(topic, { data: topic })
  await waitUntil('the second event', () => text.includes('data: orders/2'))
  expect(text).toContain('data: orders/1')
})

test('a revocation ends the streams of its user, says so, and refuses the token from then on', async () => {
  const app = await start()
  const headers = bearer(await tokenFor(['a']))
  const stream = await open(app, '/events?topic=a', headers)
  const other = await open(
    app,
    '/events?topic=a',
    bearer(await signToken({ claims: { sub: 'bob', tidemark: { subscribe: ['a'] } } })),
  )
  await app.access.revoke({ user: 'ada' })
  await stream.ended
  expect(stream.byes).toEqual(['revoked'])
  const again = await askHttp(app.port, { method: 'GET', path: '/events?topic=a', headers })
  expect([again.status, JSON.parse(again.body)]).toMatchObject([401, { code: 'TOKEN_EXPIRED' }])
  expect(other.byes).toEqual([])
})

test('the application’s own session is asked about again while the stream is open, and its end ends the stream', async () => {
  const sessions = new Map([['s1', 'ada']])
  let asked = 0
  const app = await start({
    recheckAfterMs: 1_000,
    authenticate: (request) => {
      asked += 1
      return sessions.get(/sid=(\w+)/.exec(request.header('cookie') ?? '')?.[1] ?? '')
    },
  })
  const stream = await open(app, '/events?topic=users/ada/x', { Cookie: 'sid=s1' })
  await waitUntil('it is asked about again', () => asked > 2)
  expect(stream.byes).toEqual([])
  sessions.delete('s1')
  await stream.ended
  // A visitor is granted none of its topics.
  expect(stream.byes).toEqual(['forbidden'])
  const path = '/events?topic=users/ada/x'
  const again = await askHttp(app.port, { method: 'GET', path, headers: { Cookie: 'sid=s1' } })
  // Never a redirect to a page, which an EventSource would take for its stream.
  expect([again.status, again.headers.location]).toEqual([401, undefined])
})

test('a ticket opens one stream, is refused to a second client, and is not handed out for HEAD', async () => {
  const app = await start()
  const headers = bearer(await tokenFor(['a']))
  const path = '/tickets/redirect?topic=a'
  const head = await askHttp(app.port, { method: 'HEAD', path, headers })
  expect([head.status, head.headers.allow, head.headers.location]).toEqual([405, 'GET', undefined])
  const led = await askHttp(app.port, { method: 'GET', path, headers })
  expect(led.status).toBe(303)
  const { pathname, search } = new URL(led.headers.location ?? '', 'http://a/tickets/redirect')
  const stream = await open(app, pathname + search, { 'User-Agent': 'Firefox' })
  const second = await askHttp(app.port, {
    method: 'GET',
    path: pathname + search,
    headers: { 'User-Agent': 'curl' },
  })
  expect([second.status, JSON.parse(second.body)]).toMatchObject([401, { code: 'TICKET_INVALID' }])
  await app.tide.publish('a', { data: 'still there' })
  await waitUntil('the event', () => dataOf(stream).includes('still there'))
})

test('of the streams of one user the oldest is replaced where an application counts them, and nobody else’s', async () => {
  const app = await start()
  const ada = bearer(await tokenFor(['a']))
  const bob = bearer(await signToken({ claims: { sub: 'bob', tidemark: { subscribe: ['a'] } } }))
  const other = await open(app, '/three?topic=a', bob)
  const streams: Streamed[] = []
  for (let i = 0; i < 4; i++) streams.push(await open(app, '/three?topic=a', ada))
  await streams[0]?.ended
  expect(streams.map(({ byes }) => byes)).toEqual([['replaced'], [], [], []])
  expect(other.byes).toEqual([])
  expect(app.tide.sessions({ user: 'ada' })).toHaveLength(3)
})
