// No route does anything for a client that the engine has not asked about.

import { memoryLog } from '@tidemark/log'
import type { PlainRequest } from '@tidemark/server'
import { expect, test } from 'vitest'
import { matchPath } from '../src/routes/match-path.ts'
import { routeRows } from '../src/routes/table.ts'
import { startTestServer } from './support/test-server.ts'

const json = { 'Content-Type': 'application/json' }

interface Asked {
  readonly method: string
  readonly path: string
  readonly body?: string
  readonly action: string
}

const routes: readonly Asked[] = [
  { method: 'GET', path: '/events?topic=orders/1', action: 'subscribe' },
  { method: 'HEAD', path: '/events?topic=orders/1', action: 'subscribe' },
  { method: 'POST', path: '/events', body: '{"topics":["orders/1"]}', action: 'subscribe' },
  { method: 'POST', path: '/topics/orders/1', body: 'text', action: 'publish' },
  { method: 'POST', path: '/publish', body: '{"topic":"orders/1","data":1}', action: 'publish' },
  { method: 'GET', path: '/topics/orders/1', action: 'read' },
]

test.each(routes)(
  '$method $path asks whether it may $action, and does nothing where it may not',
  async ({ method, path, body, action }) => {
    const log = memoryLog()
    const seen: PlainRequest[] = []
    const port = await startTestServer({
      log,
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
  const open = ['/livez', '/health', '/readyz', '/', '/page.js', '/page.css', '*']
  const missing = routeRows.filter(({ method, path: pattern }) => {
    const isAsked = routes.some(({ method: asked, path }) => {
      const [plain = ''] = path.split('?', 1)
      return asked === method && (plain === pattern || matchPath(pattern, plain) !== undefined)
    })
    return !isAsked && !open.includes(pattern)
  })
  expect(missing).toEqual([])
})

test('each route does what is granted', async () => {
  const port = await startTestServer({
    authorize: () => ({ user: 'ada', subscribe: ['orders/*'], publish: ['orders/*'] }),
  })
  for (const { method, path, body } of routes) {
    const leaving = new AbortController()
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: json,
      signal: leaving.signal,
      ...(body === undefined ? {} : { body }),
    })
    expect(answer.status, `${method} ${path}`).toBe(200)
    leaving.abort()
  }
})
