// Events that are published later over HTTP: by a worker, over a restart, or not at all.

import { startHubProcess, waitUntil } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { makeDirectory, startTestHub } from './support/test-hub.ts'

async function ask(
  url: string,
  method: string,
  init: RequestInit = {},
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(url, { method, ...init })
  const text = await response.text()
  return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as never) }
}

async function dataOf(url: string): Promise<readonly string[]> {
  const { body } = await ask(`${url}/topics/a`, 'GET')
  return (body['records'] as { data: string }[]).map(({ data }) => data)
}

test.each(['memory:', 'lmdb'])('an event waits under its id until it is due (%s)', async (kind) => {
  const hub = await startTestHub({ data: kind === 'memory:' ? kind : await makeDirectory() })
  const { status, body } = await ask(`${hub.url}/topics/a?delay=1h&type=t&key=k&ttl=2m`, 'POST', {
    body: 'x',
  })
  expect(status).toBe(202)
  const { id, at } = body as { id: string; at: number }
  expect(await ask(`${hub.url}/scheduled/${id}`, 'GET')).toEqual({
    status: 200,
    body: { id, at, topic: 'a', type: 't', key: 'k', ttlMs: 120_000, data: 'x' },
  })
  expect((await ask(`${hub.url}/scheduled/${id}`, 'DELETE')).status).toBe(204)
  for (const method of ['GET', 'DELETE'])
    expect(await ask(`${hub.url}/scheduled/${id}`, method)).toMatchObject({
      status: 404,
      body: { code: 'SCHEDULED_NOT_FOUND' },
    })
  const at2 = new Date(Date.now() - 1_000).toISOString()
  const tags = { region: 'eu' }
  const json = { method: 'POST', body: JSON.stringify({ topic: 'a', data: 'now', tags }) }
  expect((await ask(`${hub.url}/publish?at=${at2}`, 'POST', json)).status).toBe(202)
  await waitUntil('a moment that has passed is now', async () =>
    (await dataOf(hub.url)).includes('now'),
  )
})

test('those that wait are listed page by page, the next one first', async () => {
  const { url } = await startTestHub()
  for (const delay of ['3h', '1h', '2h'])
    expect((await ask(`${url}/topics/a?delay=${delay}&key=${delay}`, 'POST')).status).toBe(202)
  const first = await ask(`${url}/scheduled?limit=2`, 'GET')
  expect(first).toMatchObject({ status: 200, body: { scheduled: [{ key: '1h' }, { key: '2h' }] } })
  const after = encodeURIComponent(String(first.body['next']))
  const second = await ask(`${url}/scheduled?after=${after}`, 'GET')
  expect(second.body).toMatchObject({ scheduled: [{ key: '3h' }] })
  expect(second.body).not.toHaveProperty('next')
  for (const query of ['limit=0', 'limit=1001', 'after=x', 'user=ada'])
    expect(await ask(`${url}/scheduled?${query}`, 'GET')).toMatchObject({
      status: 400,
      body: { code: 'QUERY_INVALID' },
    })
})

const headers = { 'If-Head': '1abcdefghijklmno0000-1' }
const two = '[{"topic":"a","data":1},{"topic":"a","data":2}]'

test.each([
  ['an odd delay', '/topics/a?delay=soon', {}, 'SCHEDULE_INVALID'],
  ['an odd moment', '/topics/a?at=tomorrow', {}, 'SCHEDULE_INVALID'],
  ['a moment without its zone', '/topics/a?at=2026-12-01T10:00:00', {}, 'SCHEDULE_INVALID'],
  ['both', '/topics/a?at=1&delay=1s', {}, 'SCHEDULE_INVALID'],
  ['a head', '/topics/a?delay=1s', { headers }, 'SCHEDULE_INVALID'],
  [
    'a delay and a key',
    '/topics/a?delay=1s',
    { headers: { 'Idempotency-Key': 'k' } },
    'SCHEDULE_INVALID',
  ],
  ['two events', '/publish?delay=1s', { body: two }, 'BATCH_INVALID'],
])('a request with %s is refused, and nothing is scheduled', async (...[, path, init, code]) => {
  const hub = await startTestHub()
  const answer = await ask(`${hub.url}${path}`, 'POST', { body: 'x', ...init })
  expect(answer).toMatchObject({ status: 400, body: { code } })
})

test('events due while both workers are killed and the hub is down come once, in the hub that follows', async () => {
  const dataDirectory = await makeDirectory()
  const args = ['--workers=2']
  const hub = await startHubProcess({ dataDirectory, args, isGroup: true })
  const dueAt = Date.now() + 1_500
  const sent = await Promise.all(
    Array.from({ length: 10 }, (_, i) =>
      ask(`${hub.url}/topics/a?at=${dueAt}`, 'POST', {
        body: `${i}`,
        headers: { 'Idempotency-Key': `k${i}` },
      }),
    ),
  )
  expect(sent.map(({ status }) => status)).toEqual(Array(10).fill(202))
  const [cancelled] = sent
  const gone = await ask(`${hub.url}/scheduled/${String(cancelled?.body['id'])}`, 'DELETE')
  expect(gone.status).toBe(204)
  process.kill(-(hub.pid ?? 0), 'SIGKILL')
  await waitUntil('the hub is gone', () => hub.isEnded)
  await waitUntil('they are due', () => Date.now() > dueAt)
  const again = await startHubProcess({ dataDirectory, args, port: hub.port })
  onTestFinished(() => again.stop())
  await waitUntil('all are out', async () => (await dataOf(again.url)).length >= 9)
  // Both workers have had their turn once the later one has published a later event.
  await ask(`${again.url}/topics/a?delay=1s`, 'POST', { body: 'last' })
  await waitUntil('the last is out', async () => (await dataOf(again.url)).includes('last'))
  expect((await dataOf(again.url)).toSorted()).toEqual([
    ...Array.from({ length: 9 }, (_, i) => `${i + 1}`),
    'last',
  ])
})
