// Pages of other origins send requests that carry the cookie of their visitor (CSRF). They ask for each route
// that is not open to them, by each kind of request that needs no leave of a preflight.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { routeRows } from '../src/routes/table.ts'
import { openDoors } from './support/ask-doors.ts'
import type { AskedDoor, DoorAnswer, DoorName, Doors, Fields } from './support/ask-doors.ts'
import { secret, signToken } from './support/tokens.ts'

let doors: Doors
let directory = ''
let token = ''

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-forged-'))
  doors = await openDoors({
    directory,
    settings: {
      auth: { secret },
      limits: { sessionsPerUser: 'none' },
      presence: { rules: [{ pattern: '**' }] },
    },
    access: { tokens: [{ secret }] },
  })
  const tidemark = { subscribe: ['**'], publish: ['**'], permissions: ['admin'] }
  token = await signToken({ claims: { sub: 'ada', jti: 'one', tidemark } })
})

afterAll(async () => {
  await doors.close()
  await rm(directory, { recursive: true })
})

/** Bodies that a form can send, too. */
const bodies = new Map([
  ['POST /publish', '{"topic":"a","data":"forged"}'],
  ['POST /topics/{topic}', 'forged'],
  ['POST /events', '{"topics":["a"]}'],
  ['POST /admin/revocations', '{"user":"ada"}'],
  ['POST /admin/addresses', '{"address":"203.0.113.9","reason":"forged"}'],
  ['PATCH /sessions/{id}', '{"remove":["a"]}'],
  ['PUT /admin/rules/{name}', '[]'],
  ['PUT /consumers/{name}', '{"since":"now"}'],
  ['POST /sessions/{id}', 'forged'],
])

/** How browsers mark requests of pages that are not the hub's; some say less than others. */
const foreign: readonly (readonly [string, Fields])[] = [
  ['a page of another site', { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' }],
  ['a page of another site in an old browser', { Origin: 'https://evil.example' }],
  ['a sandboxed page', { Origin: 'null', 'Sec-Fetch-Site': 'cross-site' }],
  ['a sandboxed page in an old browser', { Origin: 'null' }],
  [
    'a page of a neighbouring name',
    { Origin: 'https://x.localhost', 'Sec-Fetch-Site': 'same-site' },
  ],
  ['a page of another port', { Origin: 'http://localhost:1', 'Sec-Fetch-Site': 'same-site' }],
  ['an image, a script or a link', { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors' }],
]

const rows = routeRows.filter(({ crossSite, path }) => crossSite !== 'allowed' && path !== '*')

describe.each(['HTTP/1.1', 'HTTP/2'] as const)('by %s', (door) => {
  // Over TLS the cookie has a name that no neighbour can set.
  const cookie = (): string =>
    door === 'HTTP/2' ? `__Host-tidemark=${token}` : `tidemark=${token}`

  test.each(foreign)('%s does nothing with the cookie of its visitor', async (_, marks) => {
    const refused: (readonly [string, number, unknown])[] = []
    for (const { method, path } of rows) {
      const answer = await askAs(door, { method, path }, { ...marks, Cookie: cookie() })
      const problem = method === 'HEAD' ? { code: 'CROSS_SITE' } : JSON.parse(answer.body)
      const { code } = problem as { readonly code: unknown }
      refused.push([`${method} ${path}`, answer.status, code])
      expect(answer.headers).not.toHaveProperty('set-cookie')
    }
    expect(refused).toEqual(
      rows.map(({ method, path }) => [`${method} ${path}`, 403, 'CROSS_SITE']),
    )
    await expectUnchanged(door)
  })

  test('the hub’s own page does all of it', async () => {
    const marks = { 'Sec-Fetch-Site': 'same-origin', Cookie: cookie() }
    for (const { method, path } of rows) {
      // The cookie would end; and what brings none of its own is asked about elsewhere.
      const isElsewhere = /revocations$|\/webhooks\/|^\/scheduled\//.test(path)
      if (path === '/session' || path.startsWith('/sessions/') || isElsewhere) continue
      const status = await statusAs(door, { method, path }, marks)
      expect(status, `${method} ${path}`).toBeLessThan(401)
    }
  })
})

function fill(asked: AskedDoor, headers: Fields): AskedDoor {
  const { method = 'GET', path } = asked
  const body = bodies.get(`${method} ${path}`)
  const filled = path
    .replace('{topic}', 'a')
    .replace('{name}', 'lag')
    .replace('{id}', `gone.${'x'.repeat(22)}`)
  const query = path === '/events' && method === 'GET' ? '?topic=a' : ''
  const type: Fields = body === undefined ? {} : { 'Content-Type': 'text/plain' }
  return {
    method,
    path: filled + query,
    headers: { ...type, ...headers },
    ...(body === undefined ? {} : { body }),
  }
}

const askAs = (door: DoorName, asked: AskedDoor, headers: Fields): Promise<DoorAnswer> =>
  doors.ask(door, fill(asked, headers))

const statusAs = (door: DoorName, asked: AskedDoor, headers: Fields): Promise<number> =>
  doors.statusOf(door, fill(asked, headers))

/** Nothing was published, revoked or denied. */
async function expectUnchanged(door: DoorName): Promise<void> {
  const headers = { Authorization: `Bearer ${token}` }
  const pages = ['/topics/a', '/admin/revocations', '/admin/addresses']
  const answers = pages.map((path) => doors.ask(door, { path, headers }))
  for (const { status, body } of await Promise.all(answers)) {
    expect([status, body.includes('forged')]).toEqual([200, false])
  }
}
