// Every 401 of a hub names the metadata that says whose tokens it takes (RFC 9728 §5.1). It does not
// matter which route refuses.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { routeRows } from '../src/routes/table.ts'
import { openDoors } from './support/ask-doors.ts'
import type { Doors, Fields } from './support/ask-doors.ts'
import { secret, signToken } from './support/tokens.ts'

let doors: Doors
let directory = ''
let ended = ''

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-issuer-'))
  doors = await openDoors({
    directory,
    settings: { auth: { secret }, presence: { rules: [{ pattern: '**' }] } },
    access: { tokens: [{ secret }] },
  })
  ended = await signToken({ seconds: -60 })
})

afterAll(async () => {
  await doors.close()
  await rm(directory, { recursive: true })
})

const bodies = new Map([
  ['POST /publish', '{"topic":"a","data":"x"}'],
  ['POST /send', '{"to":{"topic":"a"},"data":"x"}'],
  ['POST /topics/{topic}', 'x'],
  ['POST /events', '{"topics":["a"]}'],
  ['PATCH /sessions/{id}', '{"add":["a"]}'],
  ['POST /sessions/{id}', 'x'],
  ['PUT /consumers/{name}', '{"since":"now"}'],
])

/** Answered to everybody. */
const open = ['/livez', '/health', '/readyz', '/', '*']
const rows = routeRows.filter(
  ({ path }) => !open.includes(path) && !/^\/(page|access)\.|^\/\.w/.test(path),
)

const credentials: readonly (readonly [string, () => Fields])[] = [
  ['none', () => ({})],
  ['an ended token', () => ({ Authorization: `Bearer ${ended}` })],
  ['garbage', () => ({ Authorization: 'Bearer garbage' })],
]

describe.each(['HTTP/1.1', 'HTTP/2'] as const)('by %s', (door) => {
  test.each(credentials)('with %s as its credential', async (_, credential) => {
    const refused: string[] = []
    for (const { method, path } of rows) {
      const body = bodies.get(`${method} ${path}`)
      const asked = {
        method,
        path: fill(path) + (path === '/events' && method === 'GET' ? '?topic=a' : ''),
        headers: { ...credential(), ...(body === undefined ? {} : json) },
        ...(body === undefined ? {} : { body }),
      }
      const { status, headers } = await doors.ask(door, asked)
      const challenge = headers['www-authenticate']
      expect(status === 401, `${method} ${path}`).toBe(challenge !== undefined)
      if (status !== 401) continue
      refused.push(path)
      expect(challenge, `${method} ${path}`).toMatch(
        /^Bearer .*resource_metadata="https?:\/\/[^"]+\/\.well-known\/oauth-protected-resource"$/,
      )
    }
    // Those whose 401 is their own, and not that of `authorize`.
    expect(refused).toEqual(expect.arrayContaining(['/session', '/tickets', '/tickets/redirect']))
    expect(refused).toEqual(expect.arrayContaining(['/consumers', '/consumers/{name}']))
  })
})

const json: Fields = { 'Content-Type': 'application/json' }

const fill = (path: string): string =>
  path
    .replace('{topic}', 'a')
    .replace('{name}', 'lag')
    .replace('{key}', 'k')
    .replace('{id}', `gone.${'x'.repeat(22)}`)
