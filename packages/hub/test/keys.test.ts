// Deleting keys over HTTP, and snapshots through a hub of two workers on a log that is kept.

import { sendRaw, startHubProcess, waitUntil } from '@tidemark/testkit'
import type { HubProcess, RawClient } from '@tidemark/testkit'
import { memoryLog } from '@tidemark/log'
import { expect, onTestFinished, test } from 'vitest'
import { makeDirectory } from './support/test-hub.ts'
import { startTestServer } from './support/test-server.ts'

const rules = [{ pattern: 'prices/**', latestBy: 'key' }] as const

test('a key is decoded once, may have slashes, and is deleted in its topic', async () => {
  const log = memoryLog({ retention: { rules } })
  const port = await startTestServer({ log })
  const url = `http://127.0.0.1:${port}/topics/prices/keys/eu`
  for (const key of ['a/b', 'a%2Fb', 'keys'])
    await fetch(`${url}?key=${encodeURIComponent(key)}`, { method: 'POST', body: 'x' })
  const remove = async (path: string): Promise<unknown> =>
    (await fetch(`${url}/keys/${path}`, { method: 'DELETE' })).json()
  expect(await remove('a%2Fb')).toMatchObject({ cursor: expect.any(String), sessions: 0 })
  expect(await remove('keys')).toMatchObject({ sessions: 0 })
  const { records } = (await (await fetch(url)).json()) as { records: readonly object[] }
  expect(records).toMatchObject([
    { key: 'a%2Fb', data: 'x' },
    { key: 'a/b', type: 'tidemark.deleted', data: '{"key":"a/b"}' },
    { key: 'keys', type: 'tidemark.deleted' },
  ])
})

test.each([
  ['a key that is no UTF-8', '/topics/a/keys/%ff', 400, 'PATH_INVALID'],
  ['a key with a control character', '/topics/a/keys/a%0Ab', 400, 'EVENT_KEY_INVALID'],
  ['a key that is too long', `/topics/a/keys/${'k'.repeat(257)}`, 400, 'EVENT_KEY_INVALID'],
  ['a pattern', '/topics/a/*/keys/k', 400, 'TOPIC_INVALID'],
  ['a topic of the hub', '/topics/$hub/state/rules/keys/k', 403, 'TOPIC_RESERVED'],
  ['no key', '/topics/a/keys/', 405, 'METHOD_NOT_ALLOWED'],
  ['a parameter that is none', '/topics/a/keys/k?type=x', 400, 'QUERY_INVALID'],
  ['a tag without a value', '/topics/a/keys/k?tag=region', 400, 'EVENT_TAGS_INVALID'],
])('%s is refused', async (...[, path, status, code]) => {
  const port = await startTestServer({})
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'DELETE' })
  expect([answer.status, await answer.json()]).toMatchObject([status, { code }])
})

async function startWorkers(): Promise<HubProcess> {
  const dataDirectory = await makeDirectory()
  const args = ['--workers=2', '--limits-sessions-per-user=none']
  const hub = await startHubProcess({ dataDirectory, args })
  onTestFinished(() => hub.stop())
  const put = { method: 'PUT', body: JSON.stringify(rules) }
  expect((await fetch(`${hub.url}/admin/rules/retention`, put)).status).toBe(200)
  return hub
}

async function follow({ port }: HubProcess): Promise<RawClient> {
  const client = sendRaw(port, 'GET /events?topic=prices/eu HTTP/1.1\r\nHost: localhost\r\n\r\n')
  onTestFinished(() => void client.socket.destroy())
  await waitUntil('the snapshot is over', () => client.text.includes('"phase":"end"'))
  return client
}

test('newcomers of each worker get the values, and each hears of a deletion', async () => {
  const hub = await startWorkers()
  const topic = `${hub.url}/topics/prices/eu`
  for (const [key, body] of [
    ['a', 'a1'],
    ['b', 'b1'],
    ['a', 'a2'],
  ] as const)
    await fetch(`${topic}?key=${key}`, { method: 'POST', body })
  const clients = await Promise.all([1, 2, 3, 4].map(() => follow(hub)))
  for (const { text } of clients)
    expect(text.match(/^data: (?:[ab]\d|\{"phase.*)$/gm)).toEqual([
      'data: {"phase":"begin","topic":"prices/eu"}',
      'data: b1',
      'data: a2',
      'data: {"phase":"end","topic":"prices/eu"}',
    ])
  await fetch(`${topic}/keys/a`, { method: 'DELETE' })
  for (const client of clients)
    await waitUntil('the deletion is told', () => client.text.includes('event: tidemark.deleted'))
})
