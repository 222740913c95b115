// `GET /admin/trace`: why a session got an event, or did not, whichever process is asked.

import { startHubProcess, waitUntil } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { openLiveStream } from './support/live-stream.ts'
import type { LiveStream } from './support/live-stream.ts'
import { makeDirectory, startTestHub } from './support/test-hub.ts'
import { grantToken, secret } from './support/tokens.ts'

interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

async function trace(
  url: string,
  query: { readonly event: string; readonly session: string },
  init: RequestInit = {},
): Promise<Answer> {
  const answer = await fetch(`${url}/admin/trace?${new URLSearchParams(query).toString()}`, init)
  return { status: answer.status, body: (await answer.json()) as Answer['body'] }
}

async function publish(url: string, topic: string, data: string): Promise<string> {
  const answer = await fetch(`${url}/topics/${topic}`, { method: 'POST', body: data })
  return ((await answer.json()) as { cursor: string }).cursor
}

const idOf = ({ text }: LiveStream): string => /"session":"([^"]+)"/.exec(text)?.[1] ?? 'none'

const untilData = (stream: LiveStream, data: string): Promise<void> =>
  waitUntil(`${data} is there`, () => stream.data.includes(data))

test('with two workers and with two hubs on one log every process answers for every session, on disk', async () => {
  const dataDirectory = await makeDirectory()
  const first = await startHubProcess({ dataDirectory, args: ['--workers', '2'] })
  onTestFinished(() => first.stop())
  const second = await startHubProcess({ dataDirectory })
  onTestFinished(() => second.stop())
  const stream = await openLiveStream(first.port, 'topic=orders/*')
  const session = idOf(stream)
  const event = await publish(second.url, 'orders/1', 'one')
  await untilData(stream, 'one')
  const other = await publish(first.url, 'news', 'two')
  // Both workers are asked, on connections of their own.
  for (let i = 0; i < 6; i++) {
    const init = { headers: { Connection: 'close' } }
    const url = i % 3 === 2 ? second.url : first.url
    expect(await trace(url, { event, session }, init)).toMatchObject({
      status: 200,
      body: { verdict: 'delivered', matched: 'orders/*', record: { topic: 'orders/1' } },
    })
    const answer = await trace(url, { event: other, session }, init)
    expect(answer.body).toMatchObject({ verdict: 'not-matched' })
  }
  stream.socket.destroy()
  const closed = { closed: { reason: 'disconnected' }, verdict: 'delivered' }
  await waitUntil('the end is known', async () => {
    const { body } = await trace(second.url, { event, session })
    return body['closed'] !== undefined
  })
  expect((await trace(second.url, { event, session })).body).toMatchObject(closed)
})

test.each<[string, { event: string; session: string }, readonly [number, string]]>([
  ['no cursor', { event: 'x', session: 'x' }, [400, 'QUERY_INVALID']],
  ['no event', { event: '', session: 'x' }, [400, 'QUERY_INVALID']],
  ['no session', { event: '1mjve7pc0c0rd6hy0000-1', session: '' }, [404, 'SESSION_NOT_FOUND']],
])('a question with %s is refused', async (_, query, [status, code]) => {
  const { url } = await startTestHub()
  expect(await trace(url, query)).toMatchObject({ status, body: { code } })
})

test('it takes the permission admin, and no web page of another origin', async () => {
  const { url } = await startTestHub({ 'auth-secret': secret })
  const query = { event: '1mjve7pc0c0rd6hy0000-1', session: 'x' }
  expect(await trace(url, query)).toMatchObject({ status: 401 })
  const bearer = async (grant: object) => ({
    headers: { Authorization: `Bearer ${await grantToken({ ...grant })}` },
  })
  const user = await trace(url, query, await bearer({ subscribe: ['**'] }))
  expect(user).toMatchObject({ status: 403, body: { code: 'PERMISSION_MISSING' } })
  const admin = await bearer({ permissions: ['admin'] })
  expect(await trace(url, query, admin)).toMatchObject({ status: 404 })
  const headers = {
    ...admin.headers,
    'Sec-Fetch-Site': 'cross-site',
    Origin: 'https://evil.example',
  }
  expect(await trace(url, query, { headers })).toMatchObject({
    status: 403,
    body: { code: 'CROSS_SITE' },
  })
})
