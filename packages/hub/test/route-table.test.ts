// Rows of routes: which one a request goes to, what a path leaves open, and what is said where there is none.

import { describe, expect, test } from 'vitest'
import { matchPath } from '../src/routes/match-path.ts'
import { RouteTable, listMethods } from '../src/routes/route-table.ts'
import type { RouteRow } from '../src/routes/route-table.ts'
import type { Route } from '../src/routes/route.ts'

const answer = (): Route => () => Promise.resolve()

const sessions = { read: answer(), change: answer(), whole: answer() }
const rows: readonly RouteRow[] = [
  { method: 'GET', path: '/sessions/{id}', route: sessions.read, crossSite: 'refused' },
  { method: 'PATCH', path: '/sessions/{id}', route: sessions.change, crossSite: 'refused' },
  { method: 'GET', path: '/sessions/all', route: sessions.whole, crossSite: 'allowed' },
  { method: 'GET', path: '/presence/{topic}', route: answer(), crossSite: 'allowed' },
  { method: 'POST', path: '/publish', route: answer(), crossSite: 'refused' },
  {
    method: 'GET',
    path: '/admin/{rest}',
    route: answer(),
    crossSite: 'refused',
    permission: 'admin',
  },
]
const table = new RouteTable(rows)

test.each<[pattern: string, path: string, parts: object | undefined]>([
  ['/sessions/{id}', '/sessions/n1-7', { id: 'n1-7' }],
  ['/sessions/{id}', '/sessions/a%2Fb', { id: 'a%2Fb' }],
  ['/sessions/{id}', '/sessions/', undefined],
  ['/sessions/{id}', '/sessions', undefined],
  ['/sessions/{id}', '/sessions/a/b', undefined],
  ['/sessions/{id}', '/sessions/a/', undefined],
  ['/sessions/{id}', '/sessionsx/a', undefined],
  ['/users/{id}/sessions/{session}', '/users/ada/sessions/7', { id: 'ada', session: '7' }],
  ['/users/{id}/sessions/{session}', '/users//sessions/7', undefined],
  ['/presence/{topic}', '/presence/orders/42', { topic: 'orders/42' }],
  ['/presence/{topic}', '/presence/', { topic: '' }],
  ['/presence/{topic}', '/presence', undefined],
  ['/topics/{topic}/keys/{key}', '/topics/a/b/keys/c%2Fd', { topic: 'a/b', key: 'c%2Fd' }],
  ['/topics/{topic}/keys/{key}', '/topics/a/keys/b/keys/c', { topic: 'a/keys/b', key: 'c' }],
  ['/topics/{topic}/keys/{key}', '/topics//keys/c', { topic: '', key: 'c' }],
  ['/topics/{topic}/keys/{key}', '/topics/a/keys/', undefined],
  ['/topics/{topic}/keys/{key}', '/topics/keys/c', undefined],
  ['/topics/{topic}/keys/{key}', '/topics/a/keyz/c', undefined],
  ['/topics/{topic}/keys/{key}', '/topics/a/keys/c/', undefined],
  ['/topics/{topic}/keys/{key}', '/', undefined],
  ['/admin/{rest}', '/admin/sessions/7', { rest: 'sessions/7' }],
  ['/admin/{rest}', '/administrator', undefined],
  ['/livez', '/livez', {}],
  ['/livez', '/livez/', undefined],
  ['/livez', '*', undefined],
])('%s and %s', (pattern, path, parts) => {
  expect(matchPath(pattern, path)).toEqual(parts)
})

test('each method of a path has its own route, and a path without parts goes before one with', () => {
  expect(table.find('GET', '/sessions/7')).toMatchObject({
    route: sessions.read,
    parts: { id: '7' },
  })
  expect(table.find('HEAD', '/sessions/7').route).toBe(sessions.read)
  expect(table.find('PATCH', '/sessions/7').route).toBe(sessions.change)
  expect(table.find('GET', '/sessions/all').route).toBe(sessions.whole)
})

test('of paths that a request fits, the first that takes its method has it', () => {
  const [history, deleteKey] = [answer(), answer()]
  const both = new RouteTable([
    { method: 'GET', path: '/topics/{topic}', route: history, crossSite: 'anonymous' },
    {
      method: 'DELETE',
      path: '/topics/{topic}/keys/{key}',
      route: deleteKey,
      crossSite: 'refused',
    },
  ])
  const parts = { topic: 'a', key: 'b' }
  expect(both.find('DELETE', '/topics/a/keys/b')).toMatchObject({ route: deleteKey, parts })
  const topic = 'a/keys/b'
  expect(both.find('GET', `/topics/${topic}`)).toMatchObject({ route: history, parts: { topic } })
  expect(both.find('OPTIONS', '/topics/a/keys/b').crossSite).toBe('anonymous')
})

test.each<[string, readonly string[]]>([
  ['a row that another one hides', ['/a/{id}', '/a/{id}']],
  ['a part that is not closed', ['/sessions/{id']],
  ['half a segment', ['/sessions/n{id}']],
  ['two parts that take all', ['/topics/{topic}/{rest}']],
])('%s is found when the table is made, not when nobody reaches it', (_, paths) => {
  const made = paths.map((path) => ({ method: 'GET', path, route: answer(), crossSite: 'refused' }))
  expect(() => new RouteTable(made as RouteRow[])).toThrow(/two rows|No request can reach/)
})

test('what the hub as a whole takes is what its rows take, HEAD with GET, each once', () => {
  expect(listMethods(rows.map(({ method }) => method))).toBe('GET, HEAD, PATCH, POST')
})

describe('a request without a row', () => {
  const findFault = async (method: string, path: string): Promise<unknown> => {
    const { route } = table.find(method, path)
    return (route as () => Promise<unknown>)().catch((error: unknown) => error)
  }

  test.each([
    ['DELETE', '/sessions/7', 'GET, HEAD, PATCH'],
    ['POST', '/sessions/all', 'GET, HEAD'],
    ['GET', '/publish', 'POST'],
    ['constructor', '/publish', 'POST'],
  ])('%s %s is told what the path takes: %s', async (method, path, allow) => {
    const fault = await findFault(method, path)
    expect(fault).toMatchObject({ code: 'METHOD_NOT_ALLOWED', headers: { Allow: allow } })
  })

  test.each(['/', '/nowhere', '/constructor', '/sessions', '/publish/', '/toString', ''])(
    '%s is nothing',
    async (path) => {
      expect(await findFault('GET', path)).toMatchObject({ code: 'NOT_FOUND', status: 404 })
    },
  )

  test.each([
    ['POST', '/presence/a', 'refused'],
    ['OPTIONS', '/presence/a', 'allowed'],
    ['OPTIONS', '/sessions/7', 'refused'],
    ['OPTIONS', '/publish', 'allowed'],
    ['GET', '/nowhere', 'allowed'],
    ['PUT', '/nowhere', 'refused'],
    ['TRACE', '/presence/a', 'refused'],
  ])('%s %s by a page of another origin is %s', (method, path, crossSite) => {
    expect(table.find(method, path).crossSite).toBe(crossSite)
  })
})

test('a row below /admin/ that forgets its permission is no row', () => {
  const row = { method: 'GET', path: '/admin/a', route: answer() } as const
  const make = (more: Pick<RouteRow, 'crossSite' | 'permission'>) => (): RouteTable =>
    new RouteTable([{ ...row, ...more }])
  expect(make({ crossSite: 'refused' })).toThrow('needs the permission admin')
  expect(make({ crossSite: 'allowed', permission: 'admin' })).toThrow('needs the permission admin')
  expect(make({ crossSite: 'refused', permission: 'admin' })).not.toThrow()
})
