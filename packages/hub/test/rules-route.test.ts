// `/admin/rules`: rules for topics that change while hubs run, on every node from one cursor on.

import { memoryLog } from '@tidemark/log'
import { startHubProcess, waitUntil } from '@tidemark/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makeDirectory, startTestHub } from './support/test-hub.ts'
import { startTestServer } from './support/test-server.ts'
import { grantToken, secret } from './support/tokens.ts'

interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

async function ask(url: string, path: string, init: RequestInit = {}): Promise<Answer> {
  const answer = await fetch(`${url}${path}`, init)
  return { status: answer.status, body: (await answer.json()) as Answer['body'] }
}

/** Any node of a hub is asked, with these headers. */
interface Place {
  readonly url: string
  readonly headers?: Record<string, string>
}

function put({ url, headers = {} }: Place, name: string, list: unknown): Promise<Answer> {
  const body = typeof list === 'string' ? list : JSON.stringify(list)
  return ask(url, `/admin/rules/${name}`, { method: 'PUT', body, headers })
}

/** The data of a topic's history. */
async function read(url: string, topic: string): Promise<readonly unknown[]> {
  const { body } = await ask(url, `/topics/${topic}`)
  return (body['records'] as readonly { readonly data: string }[]).map(({ data }) => data)
}

/** Publishes with the key `x`. */
async function publish({ url }: Place, topic: string, data: string): Promise<void> {
  const answer = await fetch(`${url}/topics/${topic}?key=x`, { method: 'POST', body: data })
  expect(answer.status).toBe(200)
}

const latest = [{ pattern: 'prices/*', latestBy: 'key' }]
const conflate = [{ pattern: 'prices/*', whenLagging: 'conflate' }]

test('lists of rules are shown and replaced as a whole, in the form of the file', async () => {
  const { url } = await startTestHub()
  expect(await ask(url, '/admin/rules')).toMatchObject({
    status: 200,
    body: {
      rules: {
        retention: { from: 'configuration', rules: [] },
        lag: { from: 'configuration', rules: [] },
      },
    },
  })
  const written = [{ pattern: 'logs/**', maxAge: '1h', maxBytes: '1MiB' }, ...latest]
  expect(await put({ url }, 'retention', written)).toEqual({
    status: 200,
    body: { cursor: expect.any(String) },
  })
  const kept = [{ pattern: 'logs/**', maxAge: 3_600_000, maxBytes: 1_048_576 }, ...latest]
  const shown = await ask(url, '/admin/rules/retention')
  expect(shown).toEqual({ status: 200, body: { from: 'change', rules: kept } })
  // An answer can be sent again.
  expect((await put({ url }, 'retention', shown.body['rules'])).status).toBe(200)
  expect(await ask(url, '/admin/rules/retention')).toEqual(shown)
})

test('the hub’s own rules for its own events outlive a change of retention', async () => {
  const log = memoryLog()
  const port = await startTestServer({ log })
  expect((await put({ url: `http://127.0.0.1:${port}` }, 'retention', latest)).status).toBe(200)
  expect(log.retention.rules.slice(-2)).toMatchObject([
    { pattern: '$hub/hooks/**', maxBytes: 4 * 1024 * 1024 },
    { pattern: '$hub/**', maxEvents: 100 },
  ])
})

test.each<[what: string, name: string, asked: { list: unknown; code: string; status: number }]>([
  ['a kind that there is not', 'lags', { list: conflate, code: 'NOT_FOUND', status: 404 }],
  ['one rule in place of a list', 'lag', { list: conflate[0], code: 'RULE_INVALID', status: 400 }],
  [
    'a pattern that is none',
    'lag',
    { list: [{ ...conflate[0], pattern: 'a//b' }], code: 'RULE_INVALID', status: 400 },
  ],
  [
    'an unknown member',
    'lag',
    { list: [{ ...conflate[0], whenLaging: 'drop' }], code: 'RULE_INVALID', status: 400 },
  ],
  ['a missing member', 'lag', { list: [{ pattern: 'a' }], code: 'RULE_INVALID', status: 400 }],
  [
    'an unknown word',
    'lag',
    { list: [{ pattern: 'a', whenLagging: 'forget' }], code: 'RULE_INVALID', status: 400 },
  ],
  [
    'more rules than may be',
    'lag',
    { list: Array(1_001).fill(conflate[0]), code: 'RULE_INVALID', status: 400 },
  ],
  [
    'an age of nothing',
    'retention',
    { list: [{ pattern: 'a', maxAge: '0s' }], code: 'RULE_INVALID', status: 400 },
  ],
  [
    'a size that is none',
    'retention',
    { list: [{ pattern: 'a', maxBytes: 'big' }], code: 'RULE_INVALID', status: 400 },
  ],
  ['what is no JSON', 'lag', { list: '[{', code: 'BODY_NOT_JSON', status: 400 }],
])('%s is refused, and nothing is stored', async (_, name, { list, code, status }) => {
  const log = memoryLog()
  const port = await startTestServer({ log })
  const { head } = await log.bounds()
  const answer = await put({ url: `http://127.0.0.1:${port}` }, name, list)
  expect(answer).toMatchObject({ status, body: { code, detail: expect.any(String) } })
  expect((await log.bounds()).head).toEqual(head)
})

test('a refusal names the place in the list, and what may stand there', async () => {
  const { url } = await startTestHub()
  const list = [...conflate, { pattern: 'b', whenLagging: 'forget' }]
  const { body } = await put({ url }, 'lag', list)
  expect(body['detail']).toMatch(/1\.whenLagging must be delay, conflate.*"forget"/)
})

test('rules are for those with the permission admin', async () => {
  const { url } = await startTestHub({ 'auth-secret': secret })
  expect(await put({ url }, 'lag', conflate)).toMatchObject({ status: 401 })
  const bearer = async (grant: object) => ({
    Authorization: `Bearer ${await grantToken({ ...grant })}`,
  })
  const reader = await bearer({ subscribe: ['**'] })
  expect(await put({ url, headers: reader }, 'lag', conflate)).toMatchObject({
    status: 403,
    body: { code: 'PERMISSION_MISSING' },
  })
  const admin = await bearer({ permissions: ['admin'] })
  expect(await put({ url, headers: admin }, 'lag', conflate)).toMatchObject({ status: 200 })
})

describe('two hubs of two workers each on one data directory', () => {
  test('follow a change from one cursor on, and it outlives kill -9', async () => {
    const dataDirectory = await makeDirectory()
    const args = ['--workers=2', '--data=data']
    const hubs = [
      await startHubProcess({ dataDirectory, args }),
      await startHubProcess({ dataDirectory, args }),
    ]
    onTestFinished(async () => {
      for (const hub of hubs) await hub.stop()
    })
    const [one, other] = hubs
    if (one === undefined || other === undefined) throw new Error('Two hubs were started.')
    await publish(one, 'prices/a', '1')
    await publish(other, 'prices/a', '2')
    expect((await put(one, 'retention', latest)).status).toBe(200)
    // Behind the change every append of every process follows it: no sweep has to come first.
    await publish(other, 'prices/b', '1')
    await publish(one, 'prices/b', '2')
    expect(await read(other.url, 'prices/b')).toEqual(['2'])
    expect((await put(other, 'lag', conflate)).status).toBe(200)
    const followers = async (url: string): Promise<boolean> => {
      const answers = Array.from({ length: 8 }, () => ask(url, '/admin/rules/lag'))
      return (await Promise.all(answers)).every(({ body }) => body['from'] === 'change')
    }
    for (const { url } of hubs)
      await waitUntil('each worker follows the change', () => followers(url))
    await Promise.all(hubs.map((hub) => hub.kill('SIGKILL')))
    const again = await startHubProcess({ dataDirectory, args })
    onTestFinished(() => again.stop())
    expect(await ask(again.url, '/admin/rules')).toMatchObject({
      body: {
        rules: {
          lag: { from: 'change', rules: conflate },
          retention: { from: 'change', rules: latest },
        },
      },
    })
  })
})
