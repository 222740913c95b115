// `POST /send`: one event to whoever is meant, over all processes of a log.

import { startHubProcess, waitUntil } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { openLiveStream } from './support/live-stream.ts'
import type { LiveStream } from './support/live-stream.ts'
import { makeDirectory, startTestHub } from './support/test-hub.ts'
import { grantToken, secret } from './support/tokens.ts'

interface Answer {
  readonly status: number
  readonly body: unknown
}

async function send(url: string, body: unknown, init: RequestInit = {}): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const answer = await fetch(`${url}/send`, { method: 'POST', body: text, ...init })
  return { status: answer.status, body: await answer.json() }
}

const untilData = (stream: LiveStream, data: string): Promise<void> =>
  waitUntil(`${data} is there`, () => stream.data.includes(data))

const idOf = ({ text }: LiveStream): string => /"session":"([^"]+)"/.exec(text)?.[1] ?? 'none'

test('an event goes to a session, a label, a pattern, everyone, a topic and users, and the answer says if it is stored', async () => {
  const { url, port } = await startTestHub()
  const stream = await openLiveStream(port, 'topics=a,users/ada/**&label=kitchen')
  const unstored = { status: 200, body: { stored: false, sessions: 1 } }
  expect(await send(url, { to: { session: idOf(stream) }, data: '1' })).toEqual(unstored)
  expect(await send(url, { to: { label: 'kitchen' }, data: '2' })).toEqual(unstored)
  expect(await send(url, { to: { pattern: 'users/*/x' }, data: '3' })).toEqual(unstored)
  expect(await send(url, { to: { everyone: true }, data: '4' })).toEqual(unstored)
  const stored = { stored: true, cursor: expect.any(String) as string, sessions: 1 }
  expect(await send(url, { to: { topic: 'a' }, data: '5' })).toEqual({ status: 200, body: stored })
  const many = { to: { users: ['ada', 'bob'] }, type: 'note', data: '6' }
  expect(await send(url, many)).toEqual({ status: 200, body: stored })
  expect(await send(url, { to: { user: 'ada' }, topic: 'alerts', data: '7' })).toMatchObject({
    status: 200,
  })
  await untilData(stream, '7')
  expect(stream.data).toEqual(['1', '2', '3', '4', '5', '6', '7'])
  const page = await fetch(`${url}/topics/users/bob/inbox`)
  expect(await page.json()).toMatchObject({ records: [{ type: 'note', data: '6' }] })
})

test('a retry with its idempotency key is stored once, and an event to sessions takes no such key', async () => {
  const { url } = await startTestHub()
  const headers = { 'Idempotency-Key': 'once' }
  const first = await send(url, { to: { user: 'ada' }, data: 'x' }, { headers })
  expect(await send(url, { to: { user: 'ada' }, data: 'x' }, { headers })).toEqual(first)
  const page = await fetch(`${url}/topics/users/ada/inbox`)
  expect(((await page.json()) as { records: unknown[] }).records).toHaveLength(1)
  const refused = await send(url, { to: { everyone: true }, data: 'x' }, { headers })
  expect(refused).toMatchObject({ status: 400, body: { code: 'IDEMPOTENCY_KEY_INVALID' } })
})

test('an event to everyone reaches the streams of both workers, each once', async () => {
  const dataDirectory = await makeDirectory()
  const hub = await startHubProcess({ dataDirectory, args: ['--workers', '2'] })
  onTestFinished(() => hub.stop())
  const streams: LiveStream[] = []
  const workers = new Set<string>()
  while (workers.size < 2 || streams.length < 6) {
    const stream = await openLiveStream(
      hub.port,
      `topic=t/${streams.length}&label=l${streams.length % 2}`,
    )
    workers.add(idOf(stream).split('.', 1)[0] ?? '')
    streams.push(stream)
  }
  for (const to of [{ everyone: true }, { pattern: 't/*' }, { label: 'l1' }])
    expect(await send(hub.url, { to, data: JSON.stringify(to).length.toString() })).toMatchObject({
      status: 200,
    })
  await send(hub.url, { to: { everyone: true }, data: 'end' })
  for (const [i, stream] of streams.entries()) {
    await untilData(stream, 'end')
    expect(stream.data).toEqual(i % 2 === 1 ? ['17', '17', '14', 'end'] : ['17', '17', 'end'])
  }
})

test('with two hubs on one log an event to a label reaches the other one, and so does one to an absent user later', async () => {
  const dataDirectory = await makeDirectory()
  const first = await startHubProcess({ dataDirectory })
  onTestFinished(() => first.stop())
  const second = await startHubProcess({ dataDirectory })
  onTestFinished(() => second.stop())
  const stream = await openLiveStream(first.port, 'topic=a&label=kitchen')
  const answer = await send(second.url, { to: { label: 'kitchen' }, data: 'hello' })
  expect(answer).toEqual({ status: 200, body: { stored: false, sessions: 0 } })
  await untilData(stream, 'hello')
  await send(second.url, { to: { user: 'ada' }, data: 'for later' })
  const later = await openLiveStream(first.port, 'topic=users/ada/**&since=earliest')
  await untilData(later, 'for later')
})

test.each<[string, unknown, readonly [number, string]]>([
  ['no JSON', 'x', [400, 'BODY_NOT_JSON']],
  ['a list', [], [400, 'EVENT_INVALID']],
  ['no target', { data: 'x' }, [400, 'TARGET_INVALID']],
  ['a target that is null', { to: null, data: 'x' }, [400, 'TARGET_INVALID']],
  ['a target that is misspelt', { to: { lable: 'x' }, data: 'x' }, [400, 'TARGET_INVALID']],
  ['an unknown member', { too: { label: 'x' }, data: 'x' }, [400, 'EVENT_INVALID']],
  ['no data', { to: { everyone: true } }, [400, 'EVENT_INVALID']],
  ['a user who is everybody', { to: { user: '**' }, data: 'x' }, [400, 'USER_INVALID']],
  ['a topic of the hub', { to: { topic: '$hub/x' }, data: 'x' }, [403, 'TOPIC_RESERVED']],
  ['a session that is not open', { to: { session: 'x' }, data: 'x' }, [404, 'SESSION_NOT_FOUND']],
])('%s is refused, and nobody gets anything', async (_, body, [status, code]) => {
  const { url, port } = await startTestHub()
  const stream = await openLiveStream(port, 'topic=a')
  expect(await send(url, body)).toMatchObject({ status, body: { code } })
  await send(url, { to: { everyone: true }, data: 'end' })
  await untilData(stream, 'end')
  expect(stream.data).toEqual(['end'])
})

test('a web page of another origin may send nothing', async () => {
  const { url } = await startTestHub()
  const headers = { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' }
  const answer = await send(url, { to: { everyone: true }, data: 'x' }, { headers })
  expect(answer).toMatchObject({ status: 403, body: { code: 'CROSS_SITE' } })
})

test.each<[string, object, readonly [number, string?]]>([
  ['an own topic', { user: 'ada' }, [200]],
  ['another user', { user: 'bob' }, [403, 'TOPIC_FORBIDDEN']],
  ['a label', { label: 'x' }, [403, 'PERMISSION_MISSING']],
  ['everyone', { everyone: true }, [403, 'PERMISSION_MISSING']],
  ['a permission', { permission: 'x' }, [403, 'PERMISSION_MISSING']],
])(
  'a user without the permission admin sends to %s, or is refused',
  async (_, to, [status, code]) => {
    const { url } = await startTestHub({ 'auth-secret': secret })
    const token = await grantToken({ publish: ['users/ada/**'] })
    const headers = { Authorization: `Bearer ${token}` }
    expect(await send(url, { to, data: 'x' }, { headers })).toMatchObject({
      status,
      ...(code && { body: { code } }),
    })
    expect(await send(url, { to, data: 'x' })).toMatchObject({ status: 401 })
  },
)

test('a request without a credential that names ten thousand users and 1 MB of data costs one look at it', async () => {
  const { url } = await startTestHub({ 'auth-secret': secret })
  const users = Array.from({ length: 10_000 }, (_, i) => `u${i}`)
  const large = await send(url, { to: { users }, data: 'x'.repeat(1_000_000) })
  expect(large).toMatchObject({ status: 413, body: { code: 'EVENT_TOO_LARGE' } })
  const small = await send(url, { to: { users }, data: 'x'.repeat(100) })
  expect(small).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } })
})
