// The JWT plugin of better-auth, the real one: its keys from its own route, its token, and both options that
// take it.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { toNodeHandler } from 'better-auth/node'
import { jwt } from 'better-auth/plugins'
import { expect, onTestFinished, test } from 'vitest'
import { createAccess } from '../src/index.ts'
import type { Access, TokenIssuer } from '../src/index.ts'
import { requestWith } from './support/request-with.ts'

interface BetterAuth {
  readonly url: string
  /** Signs Ada up, and resolves to her token and her id. */
  signUp(): Promise<{ readonly token: string; readonly id: string }>
}

async function startBetterAuth(): Promise<BetterAuth> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const auth = betterAuth({
    baseURL: url,
    secret: 'a secret of at least 32 bytes, for tests',
    database: memoryAdapter({ user: [], session: [], account: [], verification: [], jwks: [] }),
    emailAndPassword: { enabled: true },
    telemetry: { enabled: false },
    plugins: [
      jwt({
        jwt: {
          definePayload: ({ user }) => ({
            name: user.name,
            tidemark: { subscribe: ['news', 'users/{sub}/**'], permissions: ['sse:read'] },
          }),
        },
      }),
    ],
  })
  const handle = toNodeHandler(auth)
  server.on('request', (request, response) => void handle(request, response))
  const post = (path: string, body: object): Promise<Response> =>
    fetch(`${url}/api/auth${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Origin: url },
      body: JSON.stringify(body),
    })
  return {
    url,
    async signUp() {
      const ada = { email: 'ada@example.org', password: 'correct horse battery', name: 'Ada' }
      const answer = await post('/sign-up/email', ada)
      const { user } = (await answer.json()) as { user: { id: string } }
      const cookies = answer.headers.getSetCookie().map((cookie) => cookie.split(';', 1)[0])
      const headers = { Cookie: cookies.join('; ') }
      const asked = await fetch(`${url}/api/auth/token`, { headers })
      const { token } = (await asked.json()) as { token: string }
      return { token, id: user.id }
    },
  }
}

async function open(issuer: TokenIssuer): Promise<Access> {
  const access = createAccess({ tokens: [issuer] })
  onTestFinished(() => access.close())
  await access.ready
  return access
}

test('a token of its JWT plugin is taken by its keys, and grants what the application has said', async () => {
  const auth = await startBetterAuth()
  const { token, id } = await auth.signUp()
  const access = await open({
    issuer: auth.url,
    audience: auth.url,
    jwksUrl: `${auth.url}/api/auth/jwks`,
    algorithms: ['EdDSA'],
  })
  const { grant, issuer } = await access.check(requestWith({ bearer: token }))
  expect(issuer).toBe(auth.url)
  expect(grant).toMatchObject({
    user: id,
    subscribe: ['news', `users/${id}/**`],
    permissions: ['sse:read'],
  })
})

test('its keys are there before its first token, so that a hub may start before anybody has signed in', async () => {
  const auth = await startBetterAuth()
  const access = await open({ issuer: auth.url, jwksUrl: `${auth.url}/api/auth/jwks` })
  expect(access.warnings).toEqual([])
  const { token } = await auth.signUp()
  expect((await access.check(requestWith({ bearer: token }))).source).toBe('bearer')
})
