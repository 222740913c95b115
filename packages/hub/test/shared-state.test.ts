// Cookies, tickets and revocations of a hub: real processes, one log.

import { mintToken } from '@tidemark/access'
import { askHttp, startHubProcess, streamHttp } from '@tidemark/testkit'
import type { Answered, HubProcess, Streamed } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { makeDirectory, startTestHub } from './support/test-hub.ts'

const secret = 'the secret of these tests, of more than 32 bytes'

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })
const page = { 'Sec-Fetch-Site': 'same-origin' }

function signFor(sub: string, permissions: readonly string[] = []): Promise<string> {
  return mintToken({ secret, sub, subscribe: ['**'], publish: ['**'], permissions })
}

async function startWorkers(
  dataDirectory: string,
  { workers = 2, port }: { readonly workers?: number; readonly port?: number } = {},
): Promise<HubProcess> {
  const hub = await startHubProcess({
    dataDirectory,
    port,
    args: ['--workers', String(workers), '--limits-sessions-per-user', 'none'],
    env: { TIDEMARK_AUTH_SECRET: secret },
  })
  onTestFinished(() => hub.stop())
  return hub
}

async function openStreams(
  port: number,
  count: number,
  headers: Readonly<Record<string, string>>,
): Promise<readonly Streamed[]> {
  const streams = await Promise.all(
    Array.from({ length: count }, () => streamHttp(port, '/events?topic=a', headers)),
  )
  for (const stream of streams) await expect.poll(() => stream.events.length).toBeGreaterThan(0)
  return streams
}

/** The nodes that have the sessions of streams: each session id begins with its node. */
function nodesOf(streams: readonly Streamed[]): ReadonlySet<string | undefined> {
  return new Set(
    streams.map(
      ({ events }) =>
        (JSON.parse(events[0]?.data ?? '{}') as { session: string }).session.split('.')[0],
    ),
  )
}

async function signIn(port: number, token: string): Promise<string> {
  const { status, headers } = await askHttp(port, {
    method: 'POST',
    path: '/session',
    headers: bearer(token),
  })
  expect(status).toBe(204)
  return headers['set-cookie']?.[0]?.split(';')[0] ?? ''
}

test('a log-out on one worker ends the streams on all of them', async () => {
  const hub = await startWorkers(await makeDirectory())
  const { port } = hub
  const token = await signFor('ada')
  const cookie = await signIn(port, token)
  const streams = await openStreams(port, 8, { Cookie: cookie })
  expect(nodesOf(streams).size).toBe(2)
  const others = await openStreams(port, 2, bearer(await signFor('bob')))
  const { status } = await askHttp(port, {
    method: 'DELETE',
    path: '/session',
    headers: { ...page, Cookie: cookie },
  })
  expect(status).toBe(204)
  await Promise.all(streams.map(({ ended }) => ended))
  expect(new Set(streams.flatMap(({ byes }) => byes))).toEqual(new Set(['revoked']))
  expect(others.flatMap(({ byes }) => byes)).toEqual([])
  for (let i = 0; i < 4; i++)
    expect((await streamHttp(port, '/events?topic=a', { Cookie: cookie })).status).toBe(401)
  expect(hub.output).not.toContain(token)
})

test('a revocation is kept over a kill and a restart', async () => {
  const directory = await makeDirectory()
  const first = await startWorkers(directory, { workers: 1 })
  const admin = bearer(await signFor('root', ['admin']))
  const token = await signFor('ada')
  const { status, body } = await askHttp(first.port, {
    method: 'POST',
    path: '/admin/revocations',
    headers: admin,
    body: JSON.stringify({ user: 'ada', note: 'lost a phone' }),
  })
  expect([status, JSON.parse(body)]).toMatchObject([201, { name: '$user', value: 'ada' }])
  await first.kill('SIGKILL')
  const { port } = await startWorkers(directory, { workers: 1 })
  expect((await streamHttp(port, '/events?topic=a', bearer(token))).status).toBe(401)
  expect((await streamHttp(port, '/events?topic=a', admin)).status).toBe(200)
  const listed = await askHttp(port, { method: 'GET', path: '/admin/revocations', headers: admin })
  expect(JSON.parse(listed.body)).toMatchObject({ revocations: [{ note: 'lost a phone' }] })
})

test('a ticket that is shown to all workers at once opens one stream', async () => {
  const { port } = await startWorkers(await makeDirectory())
  const token = bearer(await signFor('ada'))
  for (let round = 0; round < 6; round++) {
    const { body } = await askHttp(port, {
      method: 'POST',
      path: '/tickets?topic=a',
      headers: token,
    })
    const { url } = JSON.parse(body) as { url: string }
    const uses = await Promise.all(Array.from({ length: 8 }, () => streamHttp(port, url)))
    const opened = uses.filter(({ status }) => status === 200)
    expect(opened).toHaveLength(1)
    expect(uses.filter(({ status }) => status === 401)).toHaveLength(7)
  }
})

test('the reconnect of a ticket at another worker replaces the session that it comes from', async () => {
  const { port } = await startWorkers(await makeDirectory())
  const { headers, status } = await askHttp(port, {
    method: 'GET',
    path: '/tickets/redirect?topic=a',
    headers: bearer(await signFor('ada')),
  })
  expect(status).toBe(303)
  const { pathname, search } = new URL(headers.location ?? '', 'http://hub/tickets/redirect')
  let stream = await streamHttp(port, pathname + search)
  for (let reconnect = 0; reconnect < 4; reconnect++) {
    await expect.poll(() => stream.lastEventId).not.toBe('')
    const cursor = { 'Last-Event-ID': stream.lastEventId }
    const next = await streamHttp(port, pathname + search, cursor)
    expect(next.status).toBe(200)
    await stream.ended
    expect(stream.byes).toEqual(['replaced'])
    stream = next
  }
})

const trades = [
  ['POST', '/session'],
  ['DELETE', '/session'],
  ['POST', '/tickets'],
  ['GET', '/tickets/redirect'],
] as const

test.each([...trades, ['GET', '/admin/revocations'] as const])(
  'a hub that asks nobody who is there has nothing to trade: %s %s',
  async (method, path) => {
    const { port } = await startTestHub()
    const { status, body } = await askHttp(port, { method, path })
    expect([status, JSON.parse(body)]).toMatchObject([404, { code: 'NOT_FOUND' }])
    expect(body).toContain('--auth-secret')
  },
)

test.each(['POST', 'DELETE'])('a hub that takes no cookies hands none out: %s', async (method) => {
  const { port } = await startTestHub({ 'auth-secret': secret, 'auth-sources': 'bearer' })
  const headers = bearer(await signFor('ada'))
  const { status, body } = await askHttp(port, { method, path: '/session', headers })
  expect([status, JSON.parse(body)]).toMatchObject([404, { code: 'NOT_FOUND' }])
  expect(body).toContain('auth.sources')
})

test.each(trades)('a page of another origin cannot ask for %s %s', async (method, path) => {
  const { port } = await startTestHub({ 'auth-secret': secret })
  const token = await signFor('ada')
  for (const credential of [bearer(token), { Cookie: await signIn(port, token) }]) {
    const headers = {
      ...credential,
      'Sec-Fetch-Site': 'cross-site',
      Origin: 'https://evil.example',
    }
    const { status, body } = await askHttp(port, { method, path, headers })
    expect([status, JSON.parse(body)]).toMatchObject([403, { code: 'CROSS_SITE' }])
  }
})

test.each([
  ['POST', '/topics/a'],
  ['POST', '/tickets'],
  ['DELETE', '/session'],
])(
  'a cookie that somebody sends without saying from where changes nothing: %s %s',
  async (method, path) => {
    const { port } = await startTestHub({ 'auth-secret': secret })
    const headers = { Cookie: await signIn(port, await signFor('ada')) }
    expect((await askHttp(port, { method, path, headers })).status).toBe(403)
    const known = await askHttp(port, { method, path, headers: { ...page, ...headers }, body: 'x' })
    expect(known.status).toBeLessThan(300)
  },
)

test('revocations are for those with the permission, and for them only', async () => {
  const { port } = await startTestHub({ 'auth-secret': secret })
  const ask = (method: string, headers: Readonly<Record<string, string>>): Promise<Answered> =>
    askHttp(port, { method, path: '/admin/revocations', headers, body: '{"user":"root"}' })
  for (const method of ['GET', 'POST']) {
    expect((await ask(method, {})).status).toBe(401)
    const { status, body } = await ask(method, bearer(await signFor('ada')))
    expect([status, JSON.parse(body)]).toMatchObject([403, { code: 'PERMISSION_MISSING' }])
  }
  const root = bearer(await signFor('root', ['admin']))
  expect((await ask('GET', root)).body).toBe('{"revocations":[]}\n')
})

test.each([
  ['{}', 'REVOCATION_INVALID'],
  ['[]', 'REVOCATION_INVALID'],
  ['null', 'REVOCATION_INVALID'],
  ['{"user":"ada","issuedBefore":"yesterday"}', 'REVOCATION_INVALID'],
  ['{"user":["ada"]}', 'REVOCATION_INVALID'],
  ['{"__proto__":{"user":"ada"}}', 'REVOCATION_INVALID'],
  ['user=ada', 'BODY_NOT_JSON'],
])('a revocation %s is refused with its mistake', async (body, code) => {
  const { port } = await startTestHub({ 'auth-secret': secret })
  const headers = bearer(await signFor('root', ['admin']))
  const answer = await askHttp(port, { method: 'POST', path: '/admin/revocations', headers, body })
  expect([answer.status, JSON.parse(answer.body)]).toMatchObject([400, { code }])
})

test.each<[Readonly<Record<string, string>>, string]>([
  [{ 'cookie-same-site': 'None', 'cookie-secure': 'false' }, 'cookie.sameSite'],
  [{ 'cookie-domain': 'a b' }, 'cookie.domain'],
  [{ 'cookie-path': 'hub' }, 'cookie.path'],
  [{ 'auth-cookie': '__Host-a', 'cookie-domain': 'example.org' }, 'auth.cookie'],
  [{ 'auth-cookie': '__Host-a', 'cookie-path': '/hub' }, 'auth.cookie'],
  [{ 'auth-cookie': '__Secure-a', 'cookie-secure': 'false' }, 'auth.cookie'],
  [{ 'cookie-max-age': '0s' }, 'cookie.maxAge'],
])('a hub with the contradictory cookie settings %j does not start', async (flags, name) => {
  const started = startTestHub({ 'auth-secret': secret, ...flags })
  await expect(started).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  await expect(started).rejects.toThrow(name)
})

test('a hub revokes by the claims that its settings name, and by no other', async () => {
  const { port } = await startTestHub({ 'auth-secret': secret, 'revocation-claims': 'jti2,iss' })
  const headers = bearer(await signFor('root', ['admin']))
  const revoke = async (claim: string): Promise<number> => {
    const body = JSON.stringify({ claim, value: 'x' })
    const path = '/admin/revocations'
    return (await askHttp(port, { method: 'POST', path, headers, body })).status
  }
  expect(await Promise.all(['jti2', 'iss', 'tenant'].map(revoke))).toEqual([201, 201, 400])
})

test('the cookie of a hub has the attributes that its settings say', async () => {
  const { port } = await startTestHub({
    'auth-secret': secret,
    'cookie-same-site': 'None',
    'cookie-domain': 'example.org',
    'cookie-path': '/events',
    'cookie-max-age': '1m',
  })
  const { headers } = await askHttp(port, {
    method: 'POST',
    path: '/session',
    headers: bearer(await signFor('ada')),
  })
  expect(headers['set-cookie']?.[0]?.replace(/=[^;]*/, '=')).toBe(
    '__Secure-tidemark=; Path=/events; Domain=example.org; Max-Age=60; HttpOnly; Secure; SameSite=None',
  )
})
