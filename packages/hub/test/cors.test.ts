// Pages of other origins: those that are named may subscribe and publish, and all others may not. A cookie
// is no leave to act for the one it belongs to.

import { describe, expect, test } from 'vitest'
import { AllowedOrigins } from '../src/cors.ts'
import type { PageRules } from '../src/guard.ts'
import { makeCertificate } from './support/certificate.ts'
import { connectHttp2, request } from './support/http2.ts'
import { exchange } from './support/raw.ts'
import { startTestHub } from './support/test-hub.ts'
import { startTestServer } from './support/test-server.ts'

const app = 'https://app.example.org'
const other = 'https://evil.example'

/** A server whose users may have the cookie `tidemark`. */
function serve(cors: { origins?: readonly string[]; credentials?: boolean } = {}): Promise<number> {
  const { origins = [app, 'https://*.example.net'], credentials = false } = cors
  const pages: Partial<PageRules> = {
    origins: new AllowedOrigins({ origins, credentials }),
    cookie: 'tidemark',
  }
  return startTestServer({ pages })
}

interface Asked {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
}

interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** By hand, because `fetch` sends neither an Origin nor a cookie that it is told to. */
async function ask(
  port: number,
  { method = 'GET', path = '/', headers = {} }: Asked,
): Promise<Answered> {
  const body = method === 'POST' ? 'x' : ''
  const fields = {
    Host: 'localhost',
    Connection: 'close',
    'Content-Length': String(body.length),
    ...headers,
  }
  const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  const answer = await exchange(port, [`${method} ${path} HTTP/1.1\r\n${head.join('')}\r\n${body}`])
  const lines = answer.headers.split('\r\n').slice(1)
  const pairs = lines.map((line) => {
    const at = line.indexOf(':')
    return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()] as const
  })
  return { status: answer.status, headers: Object.fromEntries(pairs), body: answer.body }
}

const preflight = (origin: string, method: string = 'POST'): Readonly<Record<string, string>> => ({
  Origin: origin,
  'Access-Control-Request-Method': method,
  'Access-Control-Request-Headers': 'authorization,content-type',
})

describe('a page of an origin that is named', () => {
  test.each([app, 'https://a.example.net', 'https://a.b.example.net'])(
    'at %s may publish, and read the answer with its headers',
    async (origin) => {
      const port = await serve()
      const answer = await ask(port, {
        method: 'POST',
        path: '/topics/a',
        headers: { Origin: origin },
      })
      expect(answer).toMatchObject({
        status: 200,
        headers: { 'access-control-allow-origin': origin, vary: 'Origin' },
      })
      expect(answer.headers['access-control-allow-credentials']).toBeUndefined()
      expect(answer.headers['access-control-expose-headers']).toContain('Retry-After')
      expect(answer.headers['access-control-expose-headers']).toContain('WWW-Authenticate')
    },
  )

  test('may ask before, and is told all that it may send, for a day', async () => {
    const port = await serve()
    const { status, headers, body } = await ask(port, {
      method: 'OPTIONS',
      path: '/topics/a',
      headers: preflight(app),
    })
    expect({ status, body }).toEqual({ status: 204, body: '' })
    expect(headers).toMatchObject({
      'access-control-allow-origin': app,
      'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers':
        'Origin, X-Requested-With, Content-Type, Accept, Authorization, Cache-Control, Last-Event-ID, Idempotency-Key, If-Head',
      'access-control-max-age': '86400',
      vary: 'Origin',
    })
  })

  test.each<[string, Asked, number]>([
    ['a path that there is not', { path: '/nothing' }, 404],
    ['a method that there is not', { method: 'DELETE', path: '/publish' }, 405],
    ['a topic that is none', { path: '/events?topic=a//b' }, 400],
    ['a parameter that is none', { path: '/events?topc=a' }, 400],
    ['an event that is none', { method: 'POST', path: '/publish' }, 400],
  ])('gets to see the refusal of %s', async (_, asked, status) => {
    const port = await serve()
    const answer = await ask(port, { ...asked, headers: { Origin: app } })
    expect(answer).toMatchObject({ status, headers: { 'access-control-allow-origin': app } })
    expect(JSON.parse(answer.body)).toMatchObject({ status })
  })

  test('may read a stream, over HTTP/2 as well', async () => {
    const certificate = await makeCertificate()
    const hub = await startTestHub({ ...certificate.flags, 'cors-origins': `${app},${other}` })
    const session = connectHttp2(hub.port)
    const stream = session.request({ ':path': '/events?topic=a', origin: app })
    const headers = await new Promise((resolve) => stream.once('response', resolve))
    expect(headers).toMatchObject({
      ':status': 200,
      'access-control-allow-origin': app,
      vary: expect.stringMatching(/^Origin/),
    })
    stream.close()
    const foreign = await request(session, { ':path': '/events?topic=a', origin: 'https://x.org' })
    expect(foreign.status).toBe(403)
    expect(foreign.headers['access-control-allow-origin']).toBeUndefined()
    await certificate.remove()
  })
})

describe('a page of any other origin', () => {
  test.each([other, 'null', 'https://app.example.org.evil.example', 'http://app.example.org'])(
    'at %s may neither ask before, nor subscribe, publish or probe',
    async (origin) => {
      const port = await serve()
      for (const asked of [
        { method: 'OPTIONS', path: '/topics/a', headers: preflight(origin) },
        { method: 'OPTIONS', path: '/livez', headers: preflight(origin, 'GET') },
        { method: 'POST', path: '/topics/a', headers: { Origin: origin } },
        { path: '/events?topic=a', headers: { Origin: origin } },
        { path: '/readyz', headers: { Origin: origin } },
        { path: '/stats', headers: { Origin: origin } },
      ]) {
        const answer = await ask(port, asked)
        expect([asked.path, answer.status, JSON.parse(answer.body)]).toMatchObject([
          asked.path,
          403,
          { code: 'CROSS_SITE' },
        ])
        expect(answer.headers['access-control-allow-origin']).toBeUndefined()
        expect(answer.headers['vary']).toBe('Origin')
      }
    },
  )

  test('gets nothing with credentials, also of what it may ask for without', async () => {
    const port = await serve()
    for (const path of ['/topics/a', '/livez']) {
      const plain = await ask(port, { path, headers: { Origin: other } })
      expect(plain.status).toBe(200)
      expect(plain.headers['access-control-allow-origin']).toBeUndefined()
      for (const credential of [{ Cookie: 'a=b; tidemark=x' }, { Authorization: 'Bearer x' }]) {
        const answer = await ask(port, { path, headers: { Origin: other, ...credential } })
        expect([path, credential, answer.status]).toEqual([path, credential, 403])
      }
    }
  })

  test('cannot time a history that the cookie of its visitor shows, by an image', async () => {
    const port = await serve()
    const headers = { 'Sec-Fetch-Site': 'cross-site', Cookie: 'tidemark=x' }
    expect(await ask(port, { path: '/topics/a', headers })).toMatchObject({ status: 403 })
    // Somebody who follows a link to the page of the hub is no attack.
    expect(await ask(port, { path: '/', headers })).toMatchObject({ status: 200 })
  })

  test('is refused as before where no origin is named', async () => {
    const port = await serve({ origins: [] })
    const answer = await ask(port, {
      method: 'OPTIONS',
      path: '/topics/a',
      headers: preflight(app),
    })
    expect(answer.status).toBe(403)
    expect(answer.headers['vary']).toBeUndefined()
  })
})

describe('where all origins may ask', () => {
  test('a page may, and no cookie counts', async () => {
    const port = await serve({ origins: ['*'] })
    const asked = { method: 'POST', path: '/topics/a', headers: { Origin: other } }
    const answer = await ask(port, asked)
    expect(answer).toMatchObject({ status: 200, headers: { 'access-control-allow-origin': '*' } })
    expect(answer.headers['vary']).toBeUndefined()
    const headers = { ...asked.headers, Cookie: 'tidemark=x' }
    expect(await ask(port, { ...asked, headers })).toMatchObject({ status: 403 })
  })
})

describe('a cookie', () => {
  const post = (headers: Readonly<Record<string, string>>): Asked => ({
    method: 'POST',
    path: '/topics/a',
    headers: { Cookie: 'tidemark=x', ...headers },
  })

  test('of a page that may not send cookies does not publish for its owner', async () => {
    const port = await serve()
    expect(await ask(port, post({ Origin: app }))).toMatchObject({ status: 403 })
    expect(await ask(port, post({ Origin: other }))).toMatchObject({ status: 403 })
  })

  test('of a page that may send cookies publishes', async () => {
    const port = await serve({ credentials: true })
    expect(await ask(port, post({ Origin: app }))).toMatchObject({
      status: 200,
      headers: { 'access-control-allow-credentials': 'true', 'access-control-allow-origin': app },
    })
    expect(await ask(port, post({ Origin: other }))).toMatchObject({ status: 403 })
  })

  test('without the page that sends it publishes nothing', async () => {
    const port = await serve({ credentials: true })
    const answer = await ask(port, post({}))
    expect(answer.status).toBe(403)
    expect(JSON.parse(answer.body)).toMatchObject({
      code: 'CROSS_SITE',
      detail: expect.stringContaining('has no Origin'),
    })
    expect(await ask(port, post({ Origin: 'http://localhost' }))).toMatchObject({ status: 200 })
    expect(await ask(port, post({ 'Sec-Fetch-Site': 'same-origin' }))).toMatchObject({
      status: 200,
    })
    expect(await ask(port, post({ Authorization: 'Bearer x' }))).toMatchObject({ status: 200 })
  })

  test('of somebody else on this machine is none', async () => {
    const port = await serve()
    const headers = { Cookie: 'session=x; nottidemark=y', Origin: app }
    expect(await ask(port, { method: 'POST', path: '/topics/a', headers })).toMatchObject({
      status: 200,
    })
  })
})

test.each(['file://', 'capacitor://localhost', 'app://localhost'])(
  'a page of %s is no page of a hub that is asked by the name localhost',
  async (origin) => {
    const port = await serve()
    const headers = { Host: 'localhost', Origin: origin, Cookie: 'tidemark=x' }
    const { status, body } = await ask(port, { method: 'POST', path: '/topics/a', headers })
    expect(status).toBe(403)
    expect(JSON.parse(body)).toMatchObject({ code: 'CROSS_SITE' })
  },
)
