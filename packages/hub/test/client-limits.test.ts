// Limits of a hub of one process, asked over real connections. The proxy in front is this machine.

import { writeFile } from 'node:fs/promises'
import { createAccess } from '@tidemark/access'
import { memoryLog } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import type { Authorize } from '@tidemark/server'
import { sendRaw, waitUntil } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { loadConfig } from '../src/index.ts'
import { exchange } from './support/raw.ts'
import type { Answer } from './support/raw.ts'
import { makeDirectory } from './support/test-hub.ts'
import { startTestServer } from './support/test-server.ts'
import type { TestServerOptions } from './support/test-server.ts'
import { secret, signToken } from './support/tokens.ts'

interface Asked {
  readonly from?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** The request of a client at an address, through a proxy on this machine. */
function head(
  path: string,
  { from = '203.0.113.9', method = 'GET', headers, body = '' }: Asked = {},
) {
  const fields: Readonly<Record<string, string>> = {
    Host: 'localhost',
    'X-Forwarded-For': from,
    'Content-Length': String(Buffer.byteLength(body)),
    ...headers,
  }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`
}

function ask(port: number, path: string, asked: Asked = {}): Promise<Answer> {
  const headers = { Connection: 'close', ...asked.headers }
  return exchange(port, [head(path, { ...asked, headers })])
}

const eventSource = { Accept: 'text/event-stream' }

/** A stream that stays open. */
async function openStream(port: number, asked: Asked = {}) {
  const headers = { ...eventSource, ...asked.headers }
  const client = sendRaw(port, head('/events?topic=a', { ...asked, headers }))
  onTestFinished(() => void client.socket.destroy())
  await waitUntil('the stream is answered', () => client.text.includes('\r\n\r\n'))
  return client
}

async function openReady(port: number, asked: Asked = {}) {
  const client = await openStream(port, asked)
  await waitUntil('the stream is ready', () => client.text.includes('tidemark.ready'))
  return client
}

/** Users by a header, as an application would know them by a cookie. */
const byHeader: Authorize = (request) => ({
  user: request.header('x-user'),
  subscribe: ['**'],
  publish: ['**'],
  permissions: request.header('x-user') === 'root' ? ['admin'] : [],
})

const start = (settings: object, options: Partial<TestServerOptions> = {}): Promise<number> =>
  startTestServer({
    authorize: byHeader,
    ...options,
    settings: { ...settings, addresses: { trustProxy: ['loopback'], ...sectionOf(settings) } },
  })

function sectionOf(settings: object): object {
  return 'addresses' in settings && typeof settings.addresses === 'object'
    ? (settings.addresses ?? {})
    : {}
}

const root = { 'X-User': 'root' }
const refusing: Authorize = (request) => ({
  user: request.header('x-user'),
  permissions: ['admin'],
})

async function refuseTimes(port: number, count: number, from: string): Promise<void> {
  for (let i = 0; i < count; i++) {
    expect((await ask(port, '/topics/a', { from })).status).toBe(401)
  }
}

test('an address that was refused 20 times is banned, told why and until when, and others are not', async () => {
  const port = await start({}, { authorize: refusing })
  await refuseTimes(port, 20, '203.0.113.9')
  await waitUntil('the address is banned', async () => {
    const { status } = await ask(port, '/livez')
    return status === 403
  })
  const refused = await ask(port, '/events?topic=a', { headers: eventSource })
  expect(refused.status).toBe(403)
  expect(JSON.parse(refused.body)).toMatchObject({ code: 'ADDRESS_DENIED' })
  expect(refused.body).toMatch(/refused 20 times within 15m/)
  expect((await ask(port, '/livez', { from: '203.0.113.10' })).status).toBe(200)
  expect((await ask(port, '/livez', { from: '127.0.0.1' })).status).toBe(200)
})

test('a token that has run out bans nobody, and one with a bad signature does', async () => {
  const { authorize } = createAccess({ tokens: [{ secret }] })
  const port = await start({ addresses: { banAfter: 3 } }, { authorize })
  const ended = await signToken({ seconds: -60 })
  const forged = await signToken({ secret: 'a secret of somebody else, of 32 bytes or more' })
  const admin = await signToken({ claims: { tidemark: { permissions: ['admin'] } } })
  const statusOf = async (path: string, token: string): Promise<number> => {
    const headers = { ...eventSource, Authorization: `Bearer ${token}` }
    return (await ask(port, path, { headers })).status
  }
  // At the door of the streams the engine refuses, elsewhere the hub.
  for (const path of ['/events?topic=a', '/topics/a', '/stats'])
    for (let i = 0; i < 3; i++) expect(await statusOf(path, ended)).toBe(401)
  for (const path of ['/events?topic=a', '/topics/a'])
    expect(await statusOf(path, forged)).toBe(401)
  const asked = { from: '203.0.113.10', headers: { Authorization: `Bearer ${admin}` } }
  await waitUntil('the forged ones are counted', async () => {
    const { body } = await ask(port, '/admin/addresses', asked)
    return body.includes('"refused":2')
  })
  expect(await statusOf('/events?topic=a', forged)).toBe(401)
  await waitUntil(
    'the address is banned',
    async () => (await statusOf('/events?topic=a', admin)) === 403,
  )
})

test('all addresses of a /64 are banned together', async () => {
  const port = await start({ addresses: { banAfter: 3 } }, { authorize: refusing })
  for (const from of ['2001:db8::1', '2001:db8::2:2', '[2001:db8::3]:4711'])
    await refuseTimes(port, 1, from)
  const status = async (from: string) => (await ask(port, '/livez', { from })).status
  await waitUntil('the network is banned', async () => (await status('2001:db8::ffff')) === 403)
  expect(await status('2001:db8:0:1::1')).toBe(200)
})

test('a forged X-Forwarded-For bans nobody else and saves nobody', async () => {
  const port = await start({ addresses: { banAfter: 3 } }, { authorize: refusing })
  // The proxy writes the real address behind what the client has sent.
  for (let i = 0; i < 3; i++) await refuseTimes(port, 1, `198.51.100.${i}, 203.0.113.9`)
  const status = async (from: string) => (await ask(port, '/livez', { from })).status
  await waitUntil('the client is banned', async () => (await status('203.0.113.9')) === 403)
  expect(await status('10.9.9.9, 203.0.113.9')).toBe(403)
  expect(await status('198.51.100.1')).toBe(200)
})

test('without a trusted proxy the header has no effect, and the machine itself is never banned', async () => {
  const port = await startTestServer({
    authorize: refusing,
    settings: { addresses: { banAfter: 3 } },
  })
  await refuseTimes(port, 10, '203.0.113.9')
  const listed = await ask(port, '/admin/addresses', { headers: root })
  await waitUntil('they are counted', async () => {
    const { body } = await ask(port, '/admin/addresses', { headers: root })
    return body.includes('"refused":10')
  })
  expect(JSON.parse(listed.body)).toMatchObject({ banned: [] })
  expect((await ask(port, '/livez')).status).toBe(200)
})

test('a page of another site cannot have its visitor banned', async () => {
  const port = await start({ addresses: { banAfter: 2 } }, { authorize: refusing })
  const page = { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' }
  for (let i = 0; i < 6; i++) {
    expect((await ask(port, '/events?topic=a', { headers: page })).status).toBe(403)
    await ask(port, '/topics/a?token=nonsense', { headers: { 'Sec-Fetch-Site': 'cross-site' } })
  }
  await refuseTimes(port, 1, '203.0.113.9')
  await waitUntil('what was refused is counted', async () => {
    const { body } = await ask(port, '/admin/addresses', { headers: root })
    return body.includes('"refused":1}')
  })
  expect((await ask(port, '/livez')).status).toBe(200)
})

test('a ban survives a restart, and ends by itself', async () => {
  const log = memoryLog()
  const keep: EventLog = {
    append: (batch) => log.append(batch),
    read: (query) => log.read(query),
    tail: (after, handler) => log.tail(after, handler),
    bounds: () => log.bounds(),
    retention: log.retention,
    ruleFor: (topic) => log.ruleFor(topic),
    locate: (since) => log.locate(since),
    close: async () => undefined,
  }
  const settings = { addresses: { banAfter: 2, banFor: '2s' } }
  const first = await start(settings, { log: keep, authorize: refusing })
  await refuseTimes(first, 2, '203.0.113.9')
  const status = async (port: number) => (await ask(port, '/livez')).status
  await waitUntil('it is banned', async () => (await status(first)) === 403)
  const second = await start(settings, { log: keep, authorize: refusing })
  expect(await status(second)).toBe(403)
  await waitUntil('the ban is over', async () => (await status(second)) === 200)
})

test('an operator denies an address at run time with a reason, sees it, and lets it in again', async () => {
  const port = await start({})
  const body = JSON.stringify({ address: '198.51.100.7/24', reason: 'scrapes prices' })
  const deny = (asked: Asked) => ask(port, '/admin/addresses', { method: 'POST', ...asked })
  expect((await deny({ body })).status).toBe(401)
  expect((await deny({ body, headers: { 'X-User': 'ada' } })).status).toBe(403)
  expect((await deny({ body, headers: root })).status).toBe(201)
  const refused = await ask(port, '/events?topic=a', { from: '198.51.100.200' })
  expect(refused.body).toMatch(/scrapes prices/)
  const listed = await ask(port, '/admin/addresses', { headers: root })
  expect(JSON.parse(listed.body)).toMatchObject({
    denied: [{ address: '198.51.100.7/24', reason: 'scrapes prices' }],
  })
  const release = () =>
    ask(port, '/admin/addresses?address=198.51.100.7%2F24', { method: 'DELETE', headers: root })
  expect((await release()).status).toBe(200)
  expect((await release()).status).toBe(404)
  expect((await ask(port, '/livez', { from: '198.51.100.200' })).status).toBe(200)
})

test.each([
  ['a list', '[]'],
  ['no reason', '{"address":"192.0.2.1"}'],
  ['a name', '{"address":"example.org","reason":"x"}'],
  ['a member too many', '{"address":"192.0.2.1","reason":"x","until":1}'],
  ['the address that asks', '{"address":"203.0.113.0/24","reason":"x"}'],
  ['a line break in the reason', '{"address":"192.0.2.1","reason":"a\\r\\nb"}'],
])('a deny of %s is refused', async (_, body) => {
  const port = await start({})
  const answer = await ask(port, '/admin/addresses', { method: 'POST', body, headers: root })
  expect([answer.status, (JSON.parse(answer.body) as { code: string }).code]).toEqual([
    400,
    'ADDRESS_INVALID',
  ])
})

test('requests that break a rule are let in and counted, or refused, and probes are let in', async () => {
  const log = await start({ requests: { headers: 'log', userAgent: 'refuse' } })
  expect((await ask(log, '/topics/a')).status).toBe(200)
  const robot = { 'User-Agent': 'evil-crawler/1.0', Accept: '*/*' }
  const refused = await ask(log, '/topics/a', { headers: robot })
  expect(JSON.parse(refused.body)).toMatchObject({ status: 403, code: 'REQUEST_SUSPICIOUS' })
  expect((await ask(log, '/livez', { headers: robot })).status).toBe(200)
  const named = { ...root, 'User-Agent': 'operator/1.0', Accept: '*/*' }
  await waitUntil('they are counted', async () => {
    const { body } = await ask(log, '/admin/addresses', { headers: named })
    return body.includes('"missing-header":1') && body.includes('"user-agent":1')
  })
})

test('streams beyond the rate are 429 for a program, and a goodbye for an EventSource that comes back', async () => {
  const port = await start({ limits: { streamsPerAddress: 2 } })
  const first = await openReady(port)
  expect(first.text).toMatch(/RateLimit-Limit: 2\r\nRateLimit-Remaining: 1\r\nRateLimit-Reset: 900/)
  await openReady(port)
  const refused = await ask(port, '/events?topic=a', { headers: { Accept: '*/*' } })
  expect(refused.status).toBe(429)
  expect(refused.headers).toMatch(/Retry-After: (900|89\d)/)
  expect(refused.headers).toMatch(/RateLimit-Remaining: 0/)
  expect(JSON.parse(refused.body)).toMatchObject({ code: 'RATE_LIMITED' })
  const told = await ask(port, '/events?topic=a', { headers: eventSource })
  expect(told.status).toBe(200)
  expect(told.body).toMatch(/retry: (900|89\d)\d{3}/)
  expect(told.body).toContain('event: tidemark.bye')
  const posted = await ask(port, '/events', { method: 'POST', body: '{"topics":["a"]}' })
  expect(posted.status).toBe(429)
  expect((await ask(port, '/events?topic=a', { method: 'HEAD' })).status).toBe(200)
  await openReady(port, { from: '203.0.113.10' })
})

test('beyond the free streams of an address the next ones begin later', async () => {
  const port = await start({ limits: { slowDownAfter: 1 } })
  const begun = performance.now()
  await openReady(port)
  await openReady(port)
  expect(performance.now() - begun).toBeGreaterThanOrEqual(490)
})

test('an address has as many streams as it may, and places come back however clients leave', async () => {
  const port = await start({ limits: { sessionsPerAddress: 2 } })
  const leave: ((client: Awaited<ReturnType<typeof openReady>>) => void)[] = [
    ({ socket }) => socket.destroy(),
    ({ socket }) => socket.end(),
    ({ socket }) => socket.resetAndDestroy(),
  ]
  for (const go of leave) {
    const clients = [await openReady(port), await openReady(port)]
    const refused = await ask(port, '/events?topic=a')
    expect(JSON.parse(refused.body)).toMatchObject({ status: 429, code: 'TOO_MANY_SESSIONS' })
    for (const client of clients) go(client)
    await waitUntil('the places are free', async () => {
      const client = await openStream(port, { headers: { Accept: '*/*' } })
      client.socket.destroy()
      return client.text.startsWith('HTTP/1.1 200')
    })
  }
})

test('clients that leave while they are asked about, or while they wait, hold no place', async () => {
  let asked = 0
  const slow: Authorize = async (request) => {
    asked += 1
    if (request.header('x-user') === 'slow') await new Promise(() => undefined)
    return { user: request.header('x-user'), subscribe: ['**'] }
  }
  const port = await start(
    { limits: { sessionsPerAddress: 3, slowDownAfter: 3 } },
    { authorize: slow },
  )
  for (let i = 0; i < 3; i++) {
    const client = sendRaw(port, head('/events?topic=a', { headers: { 'X-User': 'ada' } }))
    await waitUntil('it is asked about', () => asked > i)
    client.socket.destroy()
  }
  // They wait for their turn by now.
  const waiting = Array.from({ length: 5 }, () => sendRaw(port, head('/events?topic=a')))
  for (const { socket } of waiting) await waitUntil('it is sent', () => socket.bytesWritten > 0)
  for (const { socket } of waiting) socket.destroy()
  await waitUntil('a place is free', async () => {
    const client = await openStream(port, { headers: { ...eventSource, 'X-User': 'ada' } })
    client.socket.destroy()
    return client.text.includes('200 OK')
  })
})

test('the fourth stream of a user replaces the first, which is told so and comes back late', async () => {
  const port = await start({})
  const ada = { headers: { 'X-User': 'ada' } }
  const [first, ...others] = [
    await openReady(port, ada),
    await openReady(port, ada),
    await openReady(port, ada),
  ]
  await openReady(port, { headers: { 'X-User': 'grace' } })
  await openReady(port, { ...ada, from: '198.51.100.1' })
  await waitUntil('the first is told', () => first?.text.includes('"reason":"replaced"') ?? false)
  expect(first?.text).toMatch(/retry: 1[2-7]\d{4}/)
  expect(others.map(({ text }) => text.includes('tidemark.bye'))).toEqual([false, false])
})

test('with reject the fourth stream of a user is refused, and let in when one has closed', async () => {
  const port = await start({ limits: { sessionsPerUser: 2, atUserLimit: 'reject' } })
  const ada = { 'X-User': 'ada' }
  const first = await openReady(port, { headers: ada })
  await openReady(port, { headers: ada })
  const refuse = () => ask(port, '/events?topic=a', { headers: { ...ada, Accept: '*/*' } })
  await waitUntil('the third is refused', async () => {
    const answer = await Promise.race([refuse(), Promise.resolve(undefined)])
    return (answer ?? (await refuse())).status === 429
  })
  first.socket.destroy()
  await openReady(port, { headers: ada })
})

test('users publish as often as they may', async () => {
  const port = await start({ limits: { publishesPerUser: 2 } })
  const publish = (user: string) =>
    ask(port, '/topics/a', { method: 'POST', body: 'x', headers: { 'X-User': user } })
  expect((await publish('ada')).status).toBe(200)
  expect((await publish('ada')).status).toBe(200)
  const refused = await publish('ada')
  expect(JSON.parse(refused.body)).toMatchObject({ status: 429, code: 'RATE_LIMITED' })
  expect(refused.headers).toMatch(/Retry-After: (60|5\d)/)
  expect((await publish('grace')).status).toBe(200)
})

test('a stream that is as old as it may be is ended, and its client comes back', async () => {
  const port = await start({ limits: { maxSessionAge: '1s' } })
  const client = await openReady(port)
  await waitUntil('it is ended', () => client.text.includes('"reason":"max-age"'))
})

test.each([
  ['addresses', 'deny', '["nonsense"]'],
  ['addresses', 'trustProxy', '["10.0.0.0/33"]'],
  ['limits', 'slowDownAfter', '20'],
  ['limits', 'atUserLimit', '"reject"'],
])('a hub with an unusable %s.%s does not start, and says which', async (section, name, value) => {
  const directory = await makeDirectory()
  const more = section === 'limits' ? ', "streamsPerAddress": 10, "sessionsPerUser": "none"' : ''
  const text = `{"${section}": {"${name}": ${value}${more}}}`
  await writeFile(`${directory}/tidemark.config.json`, text)
  expect(() => loadConfig({ flags: {}, env: {}, directory })).toThrow(`${section}.${name}`)
})
