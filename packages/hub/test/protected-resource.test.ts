// The metadata of a hub as a resource that tokens are for (RFC 9728), and the name that it is known by.

import { expect, test } from 'vitest'
import { loadConfig } from '../src/index.ts'
import { ProtectedResource } from '../src/protected-resource.ts'

function resource(flags: Readonly<Record<string, string>> = {}): ProtectedResource {
  const given = { 'auth-secret': 'a secret of 32 bytes or a few more', ...flags }
  return new ProtectedResource(loadConfig({ flags: given, env: {}, directory: '/nowhere' }))
}

test('by default it is known by the name that it is asked by', () => {
  expect(resource().describe('hub.example.org:7070')).toEqual({
    resource: 'http://hub.example.org:7070',
    resource_name: 'Tidemark',
    bearer_methods_supported: ['header', 'query'],
  })
  const tls = resource({ 'tls-cert': 'cert.pem', 'tls-key': 'key.pem' })
  expect(tls.describe('[::1]:7070')).toMatchObject({ resource: 'https://[::1]:7070' })
})

test.each([
  '',
  'a"b',
  'a\\b',
  'a, b="c"',
  'ada@hub',
  'a/b',
  'a?b',
  'a#b',
  'a b',
  '[::1',
  'ä.example',
  'a:b',
])('a name that is none, %j, stands in no header and in no answer', (authority) => {
  expect(resource().urlFor(authority)).toBeUndefined()
  expect(resource().describe(authority)).toBeUndefined()
})

test('its URL from the settings has the metadata below the well-known path, and no request changes it', () => {
  const own = resource({
    'auth-resource': 'https://example.org/hub/',
    'auth-issuer': 'https://login.example.org/',
    'auth-sources': 'cookie',
  })
  expect(own.urlFor('evil.example')).toBe(
    'https://example.org/.well-known/oauth-protected-resource/hub',
  )
  expect(own.path).toBe('/hub')
  expect(own.describe('evil.example')).toEqual({
    resource: 'https://example.org/hub',
    resource_name: 'Tidemark',
    authorization_servers: ['https://login.example.org/'],
    bearer_methods_supported: [],
  })
})
