// Every refusal of a hub that asks who is there, at every door, and of applications with `createAccess`:
// status, code, and the way out. WWW-Authenticate says it to programs, the detail to people.

import type { AddressInfo } from 'node:net'
import { createAccess } from '@tidemark/access'
import { createTidemark } from '@tidemark/server/fetch'
import { askHttp } from '@tidemark/testkit'
import fastify from 'fastify'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { loadConfig, startHub } from '../src/index.ts'
import type { Hub } from '../src/index.ts'
import { askFetch as askByFetch } from './support/ask-doors.ts'
import { makeCertificate } from './support/certificate.ts'
import type { TestCertificate } from './support/certificate.ts'
import { startExpressApp } from './support/express-app.ts'
import { connectHttp2, request as requestHttp2 } from './support/http2.ts'
import { exchange } from './support/raw.ts'
import { grantToken, secret, signToken } from './support/tokens.ts'

interface Refusal {
  readonly name: string
  readonly method?: string
  /** Default `/events?topic=orders/1`. */
  readonly path?: string
  readonly token?: () => Promise<string>
  readonly headers?: Readonly<Record<string, string>>
  readonly status: number
  readonly code: string
  readonly challenge?: RegExp
  /** The detail: the fault, and the way out. */
  readonly says: RegExp
  /** Doors that do not have this one: an application looks at origins itself. */
  readonly notBy?: readonly string[]
}

const invalidToken = /^Bearer error="invalid_token", error_description="[^"]+"/
const nobody = /^Bearer(?! error)/

/** Doors of streams, and of nothing else. */
const streamsOnly = ['Fastify']

const oneWord = (): Promise<string> => Promise.resolve('hunter2')

const refusals: readonly Refusal[] = [
  {
    name: 'a visitor without a token',
    status: 401,
    code: 'UNAUTHENTICATED',
    challenge: nobody,
    says: /takes credentials to subscribe to "orders\/1".*Sign in/,
  },
  {
    name: 'a token that is none',
    token: oneWord,
    status: 401,
    code: 'TOKEN_INVALID',
    challenge: invalidToken,
    says: /token/i,
  },
  {
    name: 'an empty token',
    headers: { Authorization: 'Bearer' },
    status: 401,
    code: 'TOKEN_INVALID',
    challenge: invalidToken,
    says: /Authorization header must be .*Send the token/,
  },
  {
    name: 'a token that somebody else has signed',
    token: () => signToken({ secret: 'a secret of somebody else, of 32 bytes or more' }),
    status: 401,
    code: 'TOKEN_INVALID',
    challenge: invalidToken,
    says: /sign/i,
  },
  {
    name: 'a token that says it needs no signature',
    token: async () => {
      const [, claims = ''] = (await signToken()).split('.')
      return `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.`
    },
    status: 401,
    code: 'TOKEN_INVALID',
    challenge: invalidToken,
    says: /signs with HS256.*got "none".*Sign it/,
  },
  {
    name: 'a token that has ended',
    token: () => signToken({ seconds: -60 }),
    status: 401,
    code: 'TOKEN_EXPIRED',
    challenge: invalidToken,
    says: /new one/i,
  },
  {
    name: 'a token that is not good yet',
    token: () =>
      signToken({ claims: { nbf: Math.floor(Date.now() / 1_000) + 3_600 }, seconds: 7_200 }),
    status: 401,
    code: 'TOKEN_INVALID',
    challenge: invalidToken,
    says: /begins in \d+ s.*Wait, or set the clocks/,
  },
  {
    name: 'a topic that is not granted',
    token: () => grantToken({ subscribe: ['news'] }),
    status: 403,
    code: 'TOPIC_FORBIDDEN',
    says: /may not subscribe to "orders\/1".*ask for the right/,
  },
  {
    name: 'a history that is not granted',
    path: '/topics/orders/1',
    token: () => grantToken({ subscribe: ['news'] }),
    status: 403,
    code: 'TOPIC_FORBIDDEN',
    says: /may not read "orders\/1"/,
    notBy: streamsOnly,
  },
  {
    name: 'a publish that is not granted',
    method: 'POST',
    path: '/topics/orders/1',
    token: () => grantToken({ subscribe: ['orders/*'] }),
    status: 403,
    code: 'TOPIC_FORBIDDEN',
    says: /may not publish to "orders\/1"/,
    notBy: streamsOnly,
  },
  {
    name: 'a publish of nobody',
    method: 'POST',
    path: '/topics/orders/1',
    status: 401,
    code: 'UNAUTHENTICATED',
    challenge: nobody,
    says: /takes credentials to publish to "orders\/1".*Sign in/,
    notBy: streamsOnly,
  },
  {
    name: 'counters for nobody',
    path: '/stats',
    status: 401,
    code: 'UNAUTHENTICATED',
    challenge: nobody,
    // An application says itself which permission it is.
    says: /with (the permission "admin"|a permission;).*Sign in/,
    notBy: streamsOnly,
  },
  {
    name: 'counters for a user who does not run the hub',
    path: '/stats',
    token: () => grantToken({ permissions: ['sse:read'] }),
    status: 403,
    code: 'PERMISSION_MISSING',
    says: /does not have the permission "admin".*Ask for it/,
    notBy: streamsOnly,
  },
  {
    name: 'a topic of the hub’s own',
    path: '/events?topic=$hub/control',
    token: () => grantToken({ subscribe: ['**'] }),
    status: 403,
    code: 'TOPIC_FORBIDDEN',
    says: /may not subscribe to "\$hub\/control"/,
  },
  {
    name: 'a page of another origin',
    headers: { Origin: 'https://evil.example' },
    status: 403,
    code: 'CROSS_SITE',
    says: /may not ask for GET.*name the origin in cors\.origins/,
    notBy: ['fetch', 'Express', 'Fastify'],
  },
  {
    name: 'a cookie without its page',
    method: 'POST',
    path: '/topics/orders/1',
    headers: { Cookie: 'tidemark=x' },
    status: 403,
    code: 'CROSS_SITE',
    says: /has no Origin.*Send the hub's own origin/,
    notBy: ['fetch', 'Express', 'Fastify'],
  },
  {
    name: 'a cookie that holds no longer, which is no reason to send anybody to another page',
    // Over TLS the cookie has a name that no neighbour can set.
    headers: { Cookie: 'tidemark=x; __Host-tidemark=x' },
    status: 401,
    code: 'TOKEN_INVALID',
    challenge: invalidToken,
    says: /three parts of base64url.*Send the token/,
  },
  {
    name: 'a token in the query that is none',
    path: '/events?topic=orders/1&token=hunter2',
    status: 401,
    code: 'TOKEN_INVALID',
    challenge: invalidToken,
    says: /three parts of base64url.*Send the token/,
  },
]

interface Answered {
  readonly status: number
  readonly challenge: string | undefined
  readonly body: string
  readonly location: string | undefined
}

type Ask = (refusal: Refusal, headers: Readonly<Record<string, string>>) => Promise<Answered>

let certificate: TestCertificate
let hub: Hub
let secureHub: Hub
let application: Awaited<ReturnType<typeof startExpressApp>>

beforeAll(async () => {
  certificate = await makeCertificate()
  const load = (flags: Readonly<Record<string, string>>): ReturnType<typeof loadConfig> =>
    loadConfig({
      flags: { port: '0', data: 'memory:', 'auth-secret': secret, ...flags },
      env: {},
      directory: '/',
    })
  const options = { onLine: () => undefined }
  ;[hub, secureHub] = await Promise.all([
    startHub(load({}), options),
    startHub(load(certificate.flags), options),
  ])
  application = await startExpressApp({ tokens: [{ secret }], resource })
})

afterAll(async () => {
  await Promise.all([hub.close(), secureHub.close(), certificate.remove(), application.close()])
})

const portOf = ({ url }: Hub): number => Number(new URL(url).port)

const askHttp1: Ask = async ({ method = 'GET', path = '/events?topic=orders/1' }, headers) => {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `Host: localhost:${portOf(hub)}\r\nConnection: close\r\n${lines.join('')}`
  const body = method === 'POST' ? 'x' : ''
  const text = `${method} ${path} HTTP/1.1\r\n${head}Content-Length: ${body.length}\r\n\r\n${body}`
  const answer = await exchange(portOf(hub), [text])
  return {
    status: answer.status,
    challenge: /^www-authenticate: (.*)$/im.exec(answer.headers)?.[1],
    location: /^location: (.*)$/im.exec(answer.headers)?.[1],
    body: answer.body,
  }
}

const askHttp2: Ask = async ({ method = 'GET', path = '/events?topic=orders/1' }, headers) => {
  const session = connectHttp2(portOf(secureHub))
  const small = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
  const given = { ':method': method, ':path': path, ...Object.fromEntries(small) }
  const answer = await requestHttp2(session, given, method === 'POST' ? 'x' : undefined)
  const { 'www-authenticate': challenge, location } = answer.headers
  return { status: answer.status, challenge, location, body: answer.body }
}

/** By an application with routes of its own beside the door. */
const askFetch: Ask = async ({ method = 'GET', path = '/events?topic=orders/1' }, headers) => {
  const access = createAccess({ tokens: [{ secret }] })
  const tide = createTidemark({ authorize: access.authorize })
  onTestFinished(() => tide.close())
  const body = method === 'POST' ? 'x' : ''
  const answer = await askByFetch(tide, { method, path, headers, body })
  const { 'www-authenticate': challenge, location } = answer.headers
  return { status: answer.status, challenge, location, body: answer.body }
}

/** A resource of which the access of an application tells its clients; the port says nothing here. */
const resource = 'http://localhost:1'

const askPort = async (
  port: number,
  { method = 'GET', path = '/events?topic=orders/1' }: Refusal,
  headers: Readonly<Record<string, string>>,
): Promise<Answered> => {
  const body = method === 'POST' ? 'x' : undefined
  const answer = await askHttp(port, { method, path, headers, body })
  const { 'www-authenticate': challenge, location } = answer.headers
  return { status: answer.status, challenge, location, body: answer.body }
}

const askExpress: Ask = (refusal, headers) => askPort(application.port, refusal, headers)

const askFastify: Ask = async (refusal, headers) => {
  const app = fastify()
  const { tide } = application
  app.get('/events', async (request, reply) => {
    reply.hijack()
    await tide.subscribe(request.raw, reply.raw)
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  onTestFinished(() => app.close())
  return askPort((app.server.address() as AddressInfo).port, refusal, headers)
}

const doors = {
  'HTTP/1.1': askHttp1,
  'HTTP/2': askHttp2,
  fetch: askFetch,
  Express: askExpress,
  Fastify: askFastify,
} as const

describe.each(Object.entries(doors))('by %s', (door, ask) => {
  const own = refusals.filter(({ notBy = [] }) => !notBy.includes(door))

  test.each(own)('$name is $status $code', async (refusal) => {
    const { token, headers = {}, status, code, challenge, says } = refusal
    const credential = token === undefined ? {} : { Authorization: `Bearer ${await token()}` }
    // As an EventSource asks: a lasting refusal is a status for it too, so that it does not come back.
    for (const accept of ['text/event-stream', 'text/event-stream, application/problem+json']) {
      const answer = await ask(refusal, { ...headers, ...credential, Accept: accept })
      const problem = JSON.parse(answer.body) as { readonly detail: string }
      expect(problem).toMatchObject({ status, code, detail: expect.stringMatching(says) })
      expect({ status: answer.status, location: answer.location }).toEqual({ status })
      if (challenge === undefined) expect(answer.challenge).toBeUndefined()
      else expect(answer.challenge).toMatch(challenge)
      expect(answer.body + (answer.challenge ?? '')).not.toContain('hunter2')
      if (challenge !== undefined && door !== 'fetch') {
        expect(answer.challenge).toMatch(
          /resource_metadata="https?:\/\/localhost:\d+\/\.well-known\/oauth-protected-resource"$/,
        )
      }
    }
  })
})

test('the metadata that a refusal names is there, and says where tokens may be', async () => {
  const { challenge = '' } = await askHttp1({ name: '', status: 0, code: '', says: /./ }, {})
  const url = /resource_metadata="([^"]+)"/.exec(challenge)?.[1] ?? ''
  const answer = await fetch(url)
  expect(answer.status).toBe(200)
  expect(await answer.json()).toEqual({
    resource: new URL(url).origin,
    resource_name: 'Tidemark',
    bearer_methods_supported: ['header', 'query'],
  })
})

test('on a developer’s machine a refusal says what `explain` says; through a proxy it says less', async () => {
  const access = createAccess({ tokens: [{ secret }] })
  for (const refusal of refusals) {
    const { token, code } = refusal
    if (token === undefined || refusal.path !== undefined) continue
    const headers = { Authorization: `Bearer ${await token()}` }
    const { body } = await askHttp1(refusal, headers)
    const url = '/events?topic=orders/1'
    const header = (name: string): string | undefined =>
      name.toLowerCase() === 'authorization' ? headers.Authorization : undefined
    const wishes = { subscribe: ['orders/1'] }
    const { checks } = await access.explain({ method: 'GET', url, address: '::1', header }, wishes)
    const failed = checks.find(({ isPassed }) => !isPassed)
    expect(failed).toMatchObject({ code })
    const said = `${failed?.detail} ${failed?.fix}`
    expect(JSON.parse(body)).toMatchObject({ detail: said })
    const proxied = await askHttp1(refusal, { ...headers, 'X-Forwarded-For': '203.0.113.7' })
    const { detail } = JSON.parse(proxied.body) as { readonly detail: string }
    expect(said.startsWith(detail)).toBe(true)
    expect(detail).not.toContain('A token gives it')
  }
})
