// Each 401 says where a client learns whose tokens are taken, in a header that nobody can break.

import { expect, test } from 'vitest'
import { createAccess, mintToken } from '../src/index.ts'
import type { Access } from '../src/index.ts'
import { requestWith } from './support/request-with.ts'

const secret = 'a secret of at least 32 bytes, for tests'
const issuer = 'https://login.example.org/'

const open = (resource: string): Access =>
  createAccess({
    tokens: [{ issuer, secret }],
    anonymous: { subscribe: ['public/**'] },
    resource,
    sources: ['bearer', 'cookie'],
  })

test.each([
  ['https://events.example.org', 'https://events.example.org', ''],
  ['https://events.example.org/', 'https://events.example.org', ''],
  ['https://example.org/live', 'https://example.org/live', '/live'],
  ['http://localhost:7070', 'http://localhost:7070', ''],
])('a server that is known as %s describes itself', (...row) => {
  const [resource, name, path] = row
  expect(open(resource).metadata).toEqual({
    resource: name,
    authorization_servers: [issuer],
    bearer_methods_supported: ['header'],
  })
  expect(path === '' || name.endsWith(path)).toBe(true)
})

const url = 'https://example.org/.well-known/oauth-protected-resource/live'

async function challengeOf(bearer: string | undefined, topics: readonly string[]): Promise<string> {
  const request = requestWith(bearer === undefined ? {} : { bearer })
  try {
    await open('https://example.org/live').authorize({ ...request, action: 'subscribe', topics })
  } catch (error) {
    const { headers, status } = error as {
      headers: Readonly<Record<string, string>>
      status: number
    }
    return `${status} ${headers['WWW-Authenticate']}`
  }
  return 'let in'
}

test('a bad token and a visitor without one are told where to get one, each as RFC 6750 says', async () => {
  expect(await challengeOf('hunter2', ['public/a'])).toMatch(
    /^401 Bearer error="invalid_token", error_description="[^"]+", resource_metadata="https:.*\/live"$/,
  )
  expect(await challengeOf(undefined, ['orders/1'])).toBe(`401 Bearer resource_metadata="${url}"`)
  expect(await challengeOf(undefined, ['public/a'])).toBe('let in')
  const token = await mintToken({ secret, issuer, sub: 'ada' })
  expect(await challengeOf(token, ['orders/1'])).toBe('let in')
})

test.each([
  'http://events.example.org',
  'events.example.org',
  'https://events.example.org/?a=1',
  'https://events.example.org/#a',
  'https://ada:hunter2@events.example.org/',
  'ftp://events.example.org/',
])('the URL %s is none of a resource', (resource) => {
  expect(() => open(resource)).toThrow(
    expect.objectContaining({
      code: 'ACCESS_OPTION_INVALID',
      message: expect.stringContaining('resource is the https: URL') as unknown,
    }),
  )
})
