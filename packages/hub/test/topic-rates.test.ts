// Rules `rate` over HTTP: in force at every worker from one cursor on, and counted for all of them together.

import { startHubProcess, waitUntil } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { makeDirectory, startTestHub } from './support/test-hub.ts'
import { startTestServer } from './support/test-server.ts'

async function putRules(url: string, list: readonly unknown[]): Promise<Response> {
  const body = JSON.stringify(list)
  return await fetch(`${url}/admin/rules/rate`, { method: 'PUT', body })
}

async function publish(
  url: string,
  topic: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  return await fetch(`${url}/topics/${topic}`, { method: 'POST', body: 'x', headers })
}

const oneInTen = [{ pattern: 'chat/*', perSecond: 0.1, burst: 3 }]

test('what is beyond is 429 with the code and a time to come back', async () => {
  const { url } = await startTestHub()
  expect((await putRules(url, oneInTen)).status).toBe(200)
  for (let i = 0; i < 3; i++) expect((await publish(url, 'chat/a')).status).toBe(200)
  for (let i = 0; i < 3; i++) {
    const refused = await publish(url, 'chat/a')
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(0)
    expect(refused.headers.get('Content-Type')).toBe('application/problem+json')
    expect(await refused.json()).toMatchObject({ status: 429, code: 'TOPIC_RATE_LIMITED' })
  }
  expect((await publish(url, 'other')).status).toBe(200)
  const history = await fetch(`${url}/topics/chat/a`)
  expect(await history.json()).toMatchObject({ records: [{}, {}, {}] })
  const batch = await fetch(`${url}/publish`, {
    method: 'POST',
    body: JSON.stringify(Array.from({ length: 4 }, () => ({ topic: 'chat/b', data: 'x' }))),
  })
  expect(await batch.json()).toMatchObject({ status: 400, code: 'BATCH_INVALID' })
})

test('a busy topic has nobody banned, and what is forbidden is counted as ever', async () => {
  const port = await startTestServer({
    authorize: () => ({ publish: ['chat/*'], permissions: ['admin'] }),
    settings: { addresses: { trustProxy: ['loopback'], banAfter: 3 } },
  })
  const url = `http://127.0.0.1:${port}`
  expect((await putRules(url, oneInTen)).status).toBe(200)
  const headers = { 'X-Forwarded-For': '203.0.113.9' }
  const statuses: number[] = []
  for (let i = 0; i < 9; i++) statuses.push((await publish(url, 'chat/a', headers)).status)
  expect(statuses.filter((status) => status === 429)).toHaveLength(6)
  expect((await publish(url, 'secret', headers)).status).toBe(401)
  await waitUntil('the forbidden one is counted', async () => {
    const listed = await fetch(`${url}/admin/addresses`)
    return (await listed.text()).includes('"refused":1')
  })
  expect((await publish(url, 'chat/b', headers)).status).toBe(200)
})

test.each([
  [{ pattern: 'a' }],
  [{ pattern: 'a', perSecond: 0 }],
  [{ pattern: 'a', perSecond: 5, burst: 0.5 }],
  [{ pattern: 'a', perSecond: 5, bursts: 5 }],
])('a rule that cannot hold is refused: %j', async (rule) => {
  const { url } = await startTestHub()
  const answer = await putRules(url, [rule])
  expect(answer.status).toBe(400)
  expect(await answer.json()).toMatchObject({ code: 'RULE_INVALID' })
})

test('two workers count together', async () => {
  const hub = await startHubProcess({
    dataDirectory: await makeDirectory(),
    args: ['--workers=2', '--data=data'],
  })
  onTestFinished(() => hub.stop())
  expect((await putRules(hub.url, oneInTen)).status).toBe(200)
  const isKnown = async (): Promise<boolean> => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => fetch(`${hub.url}/admin/rules/rate`)),
    )
    const lists = await Promise.all(answers.map((answer) => answer.json()))
    return lists.every((list) => (list as { from: string }).from === 'change')
  }
  await waitUntil('each worker follows the change', isKnown)
  const began = performance.now()
  // Many connections, so that both workers are asked; one wave after another, so that each tail is level.
  let passed = 0
  for (let wave = 0; wave < 8; wave++) {
    const answers = await Promise.all(Array.from({ length: 12 }, () => publish(hub.url, 'chat/a')))
    for (const { status } of answers) {
      expect([200, 429]).toContain(status)
      if (status === 200) passed += 1
    }
  }
  const earned = ((performance.now() - began) / 1_000) * 0.1
  expect(passed).toBeGreaterThanOrEqual(3)
  // A burst of each worker in the first moment; the time behind it makes up for that.
  expect(passed).toBeLessThanOrEqual(6 + Math.ceil(earned))
  const history = await fetch(`${hub.url}/topics/chat/a`)
  expect(((await history.json()) as { records: unknown[] }).records).toHaveLength(passed)
})
