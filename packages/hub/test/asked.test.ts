// No route does anything for a client that the engine has not asked about.

import { memoryLog } from '@tidemark/log'
import type { PlainRequest } from '@tidemark/server'
import { expect, test } from 'vitest'
import { historyReadsMax } from '../src/limits.ts'
import { matchPath } from '../src/routes/match-path.ts'
import { routeRows } from '../src/routes/table.ts'
import { startTestServer } from './support/test-server.ts'

const json = { 'Content-Type': 'application/json' }

interface Asked {
  readonly method: string
  readonly path: string
  readonly body?: string
  readonly action: string
  /** Where it is granted. Default 200. */
  readonly status?: number
}

/** Of the server's own node, which has no such session. */
const session = `/sessions/here.${'x'.repeat(22)}`
const change = '{"add":["orders/1"]}'

const routes: readonly Asked[] = [
  { method: 'GET', path: '/events?topic=orders/1', action: 'subscribe' },
  { method: 'HEAD', path: '/events?topic=orders/1', action: 'subscribe' },
  { method: 'POST', path: '/events', body: '{"topics":["orders/1"]}', action: 'subscribe' },
  { method: 'POST', path: '/topics/orders/1', body: 'text', action: 'publish' },
  { method: 'POST', path: '/publish', body: '{"topic":"orders/1","data":1}', action: 'publish' },
  {
    method: 'POST',
    path: '/send',
    body: '{"to":{"topic":"orders/1"},"data":1}',
    action: 'publish',
  },
  { method: 'GET', path: '/topics/orders/1', action: 'read' },
  { method: 'HEAD', path: '/topics/orders/1', action: 'read' },
  { method: 'GET', path: '/presence/orders/1', action: 'read', status: 404 },
  { method: 'DELETE', path: '/topics/orders/1/keys/a%2Fb', action: 'publish' },
  { method: 'PATCH', path: session, body: change, action: 'subscribe', status: 404 },
  { method: 'POST', path: `${session}?topic=orders/1`, body: 'x', action: 'publish', status: 404 },
]

test.each(routes)(
  '$method $path asks whether it may $action, and does nothing where it may not',
  async ({ method, path, body, action }) => {
    const log = memoryLog()
    const seen: PlainRequest[] = []
    const port = await startTestServer({
      log,
      nodeName: 'here',
      authorize: (request) => {
        seen.push(request)
        return request.header('authorization') === 'Bearer ada' ? { user: 'ada' } : {}
      },
    })
    const ask = (headers: Record<string, string>): Promise<Response> =>
      fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        headers: { ...json, ...headers },
        ...(body === undefined ? {} : { body }),
      })
    const before = (await log.bounds()).head
    const nobody = await ask({})
    expect(nobody.status).toBe(401)
    expect(nobody.headers.get('www-authenticate')).toBe('Bearer')
    const known = await ask({ Authorization: 'Bearer ada' })
    expect(known.status).toBe(403)
    if (method !== 'HEAD') expect(await known.json()).toMatchObject({ code: 'TOPIC_FORBIDDEN' })
    expect((await log.bounds()).head).toEqual(before)
    expect(seen).toHaveLength(2)
    expect(seen[0]).toMatchObject({ action, topics: ['orders/1'], method, url: path })
    expect(seen[0]?.address).toBe('127.0.0.1')
  },
)

test('every route is among them, or does nothing with topics', () => {
  const open = [
    '/session',
    '/tickets',
    '/tickets/redirect',
    '/livez',
    '/health',
    '/readyz',
    '/stats',
    // They trade what a request brings, and ask its access themselves.
    '/session',
    '/tickets',
    '/tickets/redirect',
    // They are of the user who asks, or of the publisher who knows the id, and have tests of their own.
    '/consumers',
    '/consumers/{name}',
    '/scheduled',
    '/scheduled/{id}',
    '/',
    '/page.js',
    '/access.js',
    '/page.css',
    '*',
  ]
  const missing = routeRows.filter(({ method, path: pattern, permission }) => {
    if (permission !== undefined) return false
    const isAsked = routes.some(({ method: asked, path }) => {
      const [plain = ''] = path.split('?', 1)
      return asked === method && (plain === pattern || matchPath(pattern, plain) !== undefined)
    })
    // A client that knows the id of a session may end it.
    const isEnd = method === 'DELETE' && pattern === '/sessions/{id}'
    const isWellKnown = pattern.startsWith('/.well-known/')
    return !isAsked && !isEnd && !isWellKnown && !open.includes(pattern)
  })
  expect(missing).toEqual([])
})

test('an authorize that hangs for some readers keeps nobody else from a history', async () => {
  const asked = Promise.withResolvers<void>()
  let hanging = 0
  const port = await startTestServer({
    authorize: (request) => {
      if (request.header('x-slow') === undefined) return { user: 'ada', subscribe: ['**'] }
      hanging += 1
      if (hanging === 2 * historyReadsMax) asked.resolve()
      return new Promise(() => undefined)
    },
  })
  const leaving = new AbortController()
  const { signal } = leaving
  const url = `http://127.0.0.1:${port}/topics/orders/1`
  let isAnswered = false
  const slow = Array.from({ length: 2 * historyReadsMax }, async () => {
    const answer = await fetch(url, { headers: { 'X-Slow': 'yes' }, signal }).catch(() => undefined)
    isAnswered ||= answer !== undefined
  })
  await asked.promise
  expect((await fetch(url)).status).toBe(200)
  // None of them was sent away to make room for it.
  expect(isAnswered).toBe(false)
  leaving.abort()
  await Promise.all(slow)
})

test('each route does what is granted', async () => {
  const port = await startTestServer({
    nodeName: 'here',
    authorize: () => ({ user: 'ada', subscribe: ['orders/*'], publish: ['orders/*'] }),
  })
  for (const { method, path, body, status = 200 } of routes) {
    const leaving = new AbortController()
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: json,
      signal: leaving.signal,
      ...(body === undefined ? {} : { body }),
    })
    expect(answer.status, `${method} ${path}`).toBe(status)
    leaving.abort()
  }
})
