// Requests that would cost much, or that reach for what is none of their business. They come to each door of
// a hub that asks who is there.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { doorNames, openDoors } from './support/ask-doors.ts'
import type { DoorAnswer, DoorName, Doors, Fields } from './support/ask-doors.ts'
import { grantToken, secret } from './support/tokens.ts'

let doors: Doors
let directory = ''
let granted: Fields = {}
let token = ''

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-hostile-'))
  doors = await openDoors({
    directory,
    settings: {
      auth: { secret },
      cors: { origins: ['https://*.example.org', 'https://app.example.net'], credentials: true },
      addresses: { banAfter: 'none' },
      limits: { sessionsPerUser: 'none' },
    },
    access: { tokens: [{ secret }] },
  })
  token = await grantToken({ subscribe: ['**'], publish: ['**'], permissions: ['admin'] })
  granted = { Authorization: `Bearer ${token}` }
})

afterAll(async () => {
  await doors.close()
  await rm(directory, { recursive: true })
})

const codeOf = ({ status, body }: DoorAnswer): readonly [number, unknown] => [
  status,
  (JSON.parse(body) as { readonly code: unknown }).code,
]

/** A good client of the same door is served. */
async function expectServed(door: DoorName): Promise<void> {
  const asked = { method: 'HEAD', path: '/events?topic=a', headers: granted }
  expect((await doors.ask(door, asked)).status).toBe(200)
}

describe.each(doorNames)('by %s', (door) => {
  const names = Array.from({ length: 100_000 }, (_, i) => i.toString(36))

  test('100,000 topics in a query are refused', async () => {
    const isHub = door !== 'fetch'
    for (const query of [
      `topics=${names.join(',')}`,
      names.map((name) => `topic=${name}`).join('&'),
    ]) {
      for (const headers of [granted, {}]) {
        const answer = await doors.ask(door, { path: `/events?${query}`, headers })
        // A hub reads no head of this size. Over HTTP/2 the connection may end with it.
        if (isHub) expect([0, 431]).toContain(answer.status)
        else expect(codeOf(answer)).toEqual([400, 'TOPIC_SET_INVALID'])
      }
    }
    await expectServed(door)
  })

  test('100,000 topics in a body are refused', async () => {
    const body = JSON.stringify({ topics: names })
    const answer = await doors.ask(door, {
      method: 'POST',
      path: '/events',
      headers: granted,
      body,
    })
    expect([400, 413]).toContain(answer.status)
    expect(answer.body.length).toBeLessThan(2_000)
    await expectServed(door)
  })

  test.each<[string, () => string]>([
    ['one of 30,000 letters', () => `tidemark=${'x'.repeat(30_000)}`],
    ['one of a million letters', () => `tidemark=${'x'.repeat(1_000_000)}`],
    ['ten thousand of the same name', () => 'tidemark=x; '.repeat(2_500)],
    ['ten thousand of other names', () => `${'a=b; '.repeat(6_000)}tidemark=x`],
    ['quotes and escapes', () => `tidemark="${'\\"'.repeat(14_000)}`],
    ['nothing but separators', () => '; ='.repeat(10_000)],
  ])('huge cookies (%s) open nothing, and quote nothing', async (_, cookie) => {
    // Over TLS the cookie has a name that no neighbour can set.
    const Cookie = cookie().replaceAll(
      'tidemark=',
      door === 'HTTP/2' ? '__Host-tidemark=' : 'tidemark=',
    )
    const answer = await doors.ask(door, { path: '/events?topic=a', headers: { Cookie } })
    expect([0, 401, 431]).toContain(answer.status)
    expect(answer.body).not.toContain('x'.repeat(20))
    await expectServed(door)
  })

  test.each<[string, number, readonly string[]]>([
    [
      'as deep as a name may be',
      200,
      Array.from({ length: 60 }, (_, i) => `${'*/'.repeat(126)}${i}`),
    ],
    [
      'with all their stars in other places',
      200,
      Array.from({ length: 400 }, (_, i) => bits(i, 20)),
    ],
    [
      'with more segments than all may have',
      400,
      Array.from({ length: 70 }, (_, i) => `${'*/'.repeat(120)}${i}`),
    ],
    [
      'of stars beside stars',
      400,
      Array.from({ length: 100 }, (_, i) => `${'*'.repeat(100 + i)}/**`),
    ],
    ['with deep wildcards in the middle', 400, ['**/a/**/b/**/c', '**/**/**', 'a/**/**']],
    [
      'of one letter, more than there can be',
      400,
      Array.from({ length: 1_001 }, (_, i) => `*/${i}`),
    ],
  ])('patterns %s cost no more than others', async (_, status, patterns) => {
    const body = JSON.stringify({ topics: patterns })
    const asked = { method: 'POST', path: '/events', headers: granted, body }
    expect(await doors.statusOf(door, asked)).toBe(status)
    const published = await doors.ask(door, {
      method: 'POST',
      path: `/topics/${'a/'.repeat(17)}a`,
      headers: granted,
      body: 'x',
    })
    expect(published.status).toBe(200)
    await expectServed(door)
  })

  test('patterns in a grant, as many and as deep as a token can hold, cost no more than others', async () => {
    const subscribe = Array.from({ length: 250 }, (_, i) => bits(i, 8))
    const headers = { Authorization: `Bearer ${await grantToken({ subscribe })}` }
    const topics = ['a/a/a/a/a/a/a/a', '*/*/*/*/*/*/*/*', '*/a/*/a/*/a/*/*', 'a/a/a', '**']
    const statuses: number[] = []
    for (const topic of topics) {
      const path = `/events?topic=${topic}`
      statuses.push((await doors.ask(door, { method: 'HEAD', path, headers })).status)
    }
    expect(statuses).toEqual([200, 200, 200, 403, 403])
  })
})

/** `a` or `*` in each segment, as the bits of a number say. */
function bits(number: number, segments: number): string {
  return Array.from({ length: segments }, (_, i) => (((number >> i) & 1) === 1 ? 'a' : '*')).join(
    '/',
  )
}

describe.each(['HTTP/1.1', 'HTTP/2'] as const)('by %s', (door) => {
  test.each([
    '/../../package.json',
    '/..%2f..%2fpackage.json',
    '/%2e%2e/%2e%2e/package.json',
    '/page.js/../../package.json',
    '/page.js%2f..%2f..%2fpackage.json',
    '/..\\..\\package.json',
    '/%5c..%5c..%5cpackage.json',
    '/....//....//package.json',
    '/page.js%00.html',
    '/page/index.html',
    '/dist/main.js',
    '/package.json',
    '/.well-known/../../package.json',
    '/.well-known/oauth-protected-resource/../../../package.json',
    '//etc/passwd',
    '/file:///etc/passwd',
    '/etc/passwd',
    '/.git/config',
    '/tidemark.config.json',
    '/INDEX.HTML',
    '/index.html',
  ])('%s is no file of the page', async (path) => {
    for (const headers of [granted, {}]) {
      const answer = await doors.ask(door, { path, headers })
      expect([400, 404]).toContain(answer.status)
      expect(answer.body).not.toMatch(/"version"|root:|<html|\[core\]|import /)
    }
  })

  test('origins that would keep a slow pattern busy are refused in a moment', async () => {
    const origins = [
      `https://${'a.'.repeat(12_000)}example.org`,
      `https://${'a-'.repeat(12_000)}!.example.org`,
      `https://${'a'.repeat(24_000)}.example.org.`,
      `https://${'*.'.repeat(12_000)}example.org`,
      `https://${'a.'.repeat(12_000)}:99999`,
      `${'https://'.repeat(3_000)}.example.org`,
    ]
    for (const origin of origins) {
      for (let i = 0; i < 20; i++) {
        const asked = { path: '/livez', headers: { Origin: origin } }
        expect((await doors.ask(door, asked)).status).toBe(200)
        const change = {
          method: 'POST',
          path: '/topics/a',
          headers: { ...granted, Origin: origin },
          body: 'x',
        }
        const { status } = await doors.ask(door, change)
        expect(status).toBe(origin === origins[0] ? 200 : 403)
      }
    }
  })
})
