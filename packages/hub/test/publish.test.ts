// Publishing over HTTP: what comes back, and what the topic then holds.

import { expect, test } from 'vitest'
import { openLiveStream } from './support/live-stream.ts'
import { exchange } from './support/raw.ts'
import { makeDirectory, startTestHub } from './support/test-hub.ts'
import type { TestHub } from './support/test-hub.ts'

interface History {
  readonly records: readonly {
    cursor: string
    topic: string
    type: string
    key?: string
    data: string
    time: number
    expiresAt?: number
  }[]
  readonly next: string
  readonly lost?: unknown
}

async function history(hub: TestHub, path: string): Promise<History> {
  return (await fetch(`${hub.url}/topics/${path}`)).json() as Promise<History>
}

async function post(
  hub: TestHub,
  path: string,
  init: RequestInit,
): Promise<{ cursor: string; sessions: number; code?: string }> {
  const response = await fetch(`${hub.url}${path}`, { method: 'POST', ...init })
  return response.json() as Promise<{ cursor: string; sessions: number }>
}

test('a body is published as it is, whatever its content type', async () => {
  const hub = await startTestHub()
  const texts = ['{"a":1}', 'grüße 🌊\r\nzwei', '', '\uFEFFwith a mark']
  for (const body of texts)
    await post(hub, '/topics/a', { body, headers: { 'Content-Type': 'application/json' } })
  expect((await history(hub, 'a')).records.map(({ data }) => data)).toEqual(texts)
})

test('type and key come from the query', async () => {
  const hub = await startTestHub()
  await post(hub, '/topics/orders/42?type=paid&key=k%201', { body: 'x' })
  expect((await history(hub, 'orders/42')).records).toMatchObject([
    { topic: 'orders/42', type: 'paid', key: 'k 1' },
  ])
})

test.each(['memory:', 'lmdb'])('tags are published, kept and delivered (%s)', async (kind) => {
  const hub = await startTestHub({ data: kind === 'memory:' ? kind : await makeDirectory() })
  const tags = { region: 'eu', '': 'x' }
  const refused = await post(hub, '/publish', {
    body: JSON.stringify({ topic: 'a', data: 1, tags }),
  })
  expect(refused).toMatchObject({ code: 'EVENT_TAGS_INVALID' })
  const stream = await openLiveStream(hub.port, 'topic=a&fields=tags')
  const body =
    '[{"topic":"a","data":1,"tags":{"region":"eu","tier":""}},{"topic":"a","data":2,"tags":{}}]'
  await post(hub, '/publish', { body })
  await stream.until('data: 2\n')
  expect(stream.text).toContain('\ntags: {"region":"eu","tier":""}\ndata: 1\n')
  expect(stream.text.match(/^tags:/gm)).toHaveLength(1)
  const { records } = await history(hub, 'a')
  expect(records).toMatchObject([{ data: '1', tags: { region: 'eu', tier: '' } }, { data: '2' }])
  expect(records[1]).not.toHaveProperty('tags')
})

test.each(['memory:', 'lmdb'])(
  'a publish that counts on a head is refused once the topic moved on, and its retry is not (%s)',
  async (kind) => {
    const hub = await startTestHub({ data: kind === 'memory:' ? kind : await makeDirectory() })
    const { cursor } = await post(hub, '/topics/a', { body: '1' })
    await post(hub, '/topics/b', { body: 'another topic' })
    const headers = { 'If-Head': cursor, 'Idempotency-Key': 'second' }
    const second = await post(hub, '/topics/a', { body: '2', headers })
    const late = await fetch(`${hub.url}/topics/a`, {
      method: 'POST',
      body: '3',
      headers: { 'If-Head': cursor },
    })
    expect(late.status).toBe(412)
    expect(await late.json()).toMatchObject({
      code: 'HEAD_MOVED',
      detail: expect.stringContaining(second.cursor),
    })
    expect((await post(hub, '/topics/a', { body: '2', headers })).cursor).toBe(second.cursor)
    const body = JSON.stringify({ topic: 'a', data: 4 })
    const last = { body, headers: { 'If-Head': second.cursor } }
    expect(await post(hub, '/publish', last)).toHaveProperty('cursor')
    expect((await history(hub, 'a')).records.map(({ data }) => data)).toEqual(['1', '2', '4'])
  },
)

test('a life is milliseconds or a duration, in JSON and in the query', async () => {
  const hub = await startTestHub()
  const body = JSON.stringify([
    { topic: 'a', data: 1, ttl: 60_000 },
    { topic: 'a', data: 2, ttl: '2m' },
  ])
  await post(hub, '/publish', { body })
  await post(hub, '/topics/a?ttl=3h', { body: '3' })
  const { records } = await history(hub, 'a')
  expect(records.map(({ time, expiresAt = 0 }) => expiresAt - time)).toEqual([
    60_000, 120_000, 10_800_000,
  ])
})

test('topics are decoded segment by segment and compared byte by byte', async () => {
  const hub = await startTestHub()
  await post(hub, '/topics/caf%C3%A9/a%20b', { body: 'composed' })
  expect((await history(hub, encodeURI('café/a b'))).records).toHaveLength(1)
  expect((await history(hub, encodeURI('café/a b'.normalize('NFD')))).records).toHaveLength(0)
})

test.each([
  {
    what: 'an object',
    body: '{"topic":"a","data":{"x":1}}',
    type: 'application/json',
    data: ['{"x":1}'],
  },
  {
    what: 'an array',
    body: '[{"topic":"a","data":"text"},{"topic":"a","data":2}]',
    type: 'application/json',
    data: ['text', '2'],
  },
  {
    what: 'lines',
    body: '{"topic":"a","data":1}\n{"topic":"a","data":null}\n',
    type: 'application/x-ndjson',
    data: ['1', 'null'],
  },
  {
    what: 'lines as curl -d sends them',
    body: '{"topic":"a","data":1}\n{"topic":"a","data":2}',
    type: 'application/x-www-form-urlencoded',
    data: ['1', '2'],
  },
])('POST /publish takes $what', async ({ body, type, data }) => {
  const hub = await startTestHub()
  await post(hub, '/publish', { body, headers: { 'Content-Type': type } })
  expect((await history(hub, 'a')).records.map((record) => record.data)).toEqual(data)
})

test.each([
  ['alone', 'application/json', (event: string) => event],
  ['in an array', 'application/json', (event: string) => `[ ${event} ]`],
  ['in a line', 'application/x-ndjson', (event: string) => `\n${event}\n`],
])(
  'a payload goes out with the numbers, the order and the spacing it was published with (%s)',
  async (_, type, wrap) => {
    const hub = await startTestHub()
    const data = '{"id":12345678901234567890, "price":1.10,"b":1,"1":[2 ,1e2],"b":"\\u00e9"}'
    const body = wrap(`{"data":0,"topic":"a", "d\\u0061ta" : ${data} }`)
    await post(hub, '/publish', { body, headers: { 'Content-Type': type } })
    expect((await history(hub, 'a')).records.map((record) => record.data)).toEqual([data])
  },
)

test('one bad event in a batch keeps all of it out', async () => {
  const hub = await startTestHub()
  const body = '[{"topic":"a","data":1},{"topic":"a/../b","data":2}]'
  expect(await post(hub, '/publish', { body })).toMatchObject({ code: 'TOPIC_INVALID' })
  expect((await history(hub, 'a')).records).toEqual([])
})

test.each(['memory:', 'lmdb'])(
  'a retry with its idempotency key adds nothing (%s)',
  async (kind) => {
    const data = kind === 'memory:' ? kind : await makeDirectory()
    const hub = await startTestHub({ data })
    const headers = { 'Idempotency-Key': 'job-7' }
    const first = await post(hub, '/topics/a', { body: 'x', headers })
    expect((await post(hub, '/topics/a', { body: 'x', headers })).cursor).toBe(first.cursor)
    expect(await post(hub, '/topics/a', { body: 'other', headers })).toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    })
    expect((await history(hub, 'a')).records).toHaveLength(1)
  },
)

test('the answer counts the streams an event goes to', async () => {
  const hub = await startTestHub()
  const controller = new AbortController()
  for (const query of ['topic=a', 'topic=*', 'topic=b', 'topics=a,b']) {
    const response = await fetch(`${hub.url}/events?${query}`, { signal: controller.signal })
    await response.body?.getReader().read()
  }
  expect(await post(hub, '/topics/a', { body: 'x' })).toMatchObject({ sessions: 3 })
  expect(
    await post(hub, '/publish', { body: '[{"topic":"a","data":1},{"topic":"b","data":1}]' }),
  ).toMatchObject({ sessions: 4 })
  controller.abort()
})

test('history is read page by page, and says what retention took', async () => {
  const hub = await startTestHub()
  for (let i = 0; i < 5; i++) await post(hub, '/topics/a', { body: String(i) })
  const seen: string[] = []
  let page = await history(hub, 'a?limit=2')
  while (page.records.length > 0) {
    seen.push(...page.records.map(({ data }) => data))
    page = await history(hub, `a?limit=2&after=${page.next}`)
  }
  expect(seen).toEqual(['0', '1', '2', '3', '4'])
  expect(await history(hub, 'a?after=1zzzzzzzzzzzzzzzzzz0-5')).toMatchObject({
    lost: { reason: 'epoch' },
  })
})

test('live and ready', async () => {
  const hub = await startTestHub({ data: await makeDirectory() })
  for (const path of ['/livez', '/health', '/readyz'])
    expect((await fetch(hub.url + path)).status, path).toBe(200)
})

test.each([
  '/livez',
  '/health',
  '/readyz',
  '/',
  '/page.js',
  '/page.css',
  '/topics/a',
  '/events?topic=a',
])('HEAD %s is answered with the head of GET and no body', async (path) => {
  const hub = await startTestHub()
  await post(hub, '/topics/a', { body: 'x' })
  const end = 'Host: localhost\r\nConnection: close\r\n\r\n'
  const head = await exchange(hub.port, [`HEAD ${path} HTTP/1.1\r\n${end}`])
  expect(head).toMatchObject({ status: 200, body: '', ending: 'end' })
  const controller = new AbortController()
  const got = await fetch(hub.url + path, { signal: controller.signal })
  for (const name of ['content-type', 'content-length', 'cache-control']) {
    const value = got.headers.get(name)
    // To know the length of a history it would have to be read.
    if (path === '/topics/a' && name === 'content-length') continue
    if (value !== null) expect(head.headers.toLowerCase()).toContain(`\r\n${name}: ${value}`)
  }
  controller.abort()
})
