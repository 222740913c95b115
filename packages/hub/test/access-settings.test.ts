// Settings of access that contradict each other, or would let in the wrong ones, stop the hub before it
// opens anything. The message names the setting and the way out.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { matchesOrigin, parseOriginPattern } from '../src/config/origin-pattern.ts'
import { explainConfig, loadConfig } from '../src/index.ts'
import type { HubConfig } from '../src/index.ts'
import { makeDirectory } from './support/test-hub.ts'

type Tree = Readonly<Record<string, unknown>>

const secret = 'a secret of 32 bytes or a few more'
const withSecret = { auth: { secret } }
const withUrl = {
  jwks: 'https://login.example.org/jwks.json',
  issuer: 'https://login.example.org/',
}

async function load(tree: Tree): Promise<HubConfig> {
  const directory = await makeDirectory()
  await writeFile(join(directory, 'tidemark.config.json'), JSON.stringify(tree))
  return loadConfig({ flags: {}, env: {}, directory })
}

test.each<[string, Tree, RegExp]>([
  [
    'a secret that is too short for its algorithm',
    { auth: { secret: 'short' } },
    /auth\.secret must have 32 bytes at least for HS256, and has 5 \(make one with: openssl/,
  ],
  [
    'a secret that is too short for a longer hash',
    { auth: { secret, algorithms: ['HS512'] } },
    /auth\.secret must have 64 bytes at least for HS512, and has 34/,
  ],
  [
    'a public key with an HMAC algorithm',
    { auth: { publicKey: 'issuer.pem', algorithms: ['HS256'] } },
    /auth\.algorithms must be signatures that are made for a public key .*got/,
  ],
  [
    'keys of a URL with an HMAC algorithm',
    { auth: { ...withUrl, algorithms: ['RS256', 'HS256'] } },
    /auth\.algorithms must be signatures that are made for a public key/,
  ],
  [
    'a secret with the algorithm of a public key',
    { auth: { secret, algorithms: ['RS256'] } },
    /auth\.algorithms must be signatures that are made for a secret/,
  ],
  [
    'an unknown algorithm',
    { auth: { secret, algorithms: ['none'] } },
    /auth\.algorithms must be a list of 13 at most, each HS256, .*EdDSA; got/,
  ],
  [
    'a cookie for hubs that take none',
    { auth: { secret, sources: ['bearer'] }, cookie: { path: '/hub' } },
    /cookie\.path must be left out, or tokens must be taken from cookies .*got "\/hub"/,
  ],
  [
    'a cookie where no token can be checked',
    { cookie: { maxAge: '1h' } },
    /cookie\.maxAge must be left out, or tokens must be taken from cookies/,
  ],
  [
    'revocations where no token can be checked',
    { revocation: { tokenLife: '1h' } },
    /revocation\.tokenLife must be left out, or there must be a key .*got 1h/,
  ],
  [
    'a claim for revocations that cannot be one',
    { ...withSecret, revocation: { claims: ['tenant', '$x'] } },
    /revocation\.claims must be names of claims that do not begin with \$; got "tenant", "\$x"/,
  ],
  [
    'a window for no number of streams',
    { limits: { streamsWindow: '1h' } },
    /limits\.streamsWindow must be left out, or limits\.streamsPerAddress .*got 1h/,
  ],
  [
    'a window for no number of publishes',
    { limits: { publishesWindow: '1h' } },
    /limits\.publishesWindow must be left out, or limits\.publishesPerUser/,
  ],
  [
    'a header of proxies that nobody trusts',
    { addresses: { proxyHeader: 'forwarded' } },
    /addresses\.proxyHeader must be left out, or addresses\.trustProxy must name the proxies/,
  ],
  [
    'a time for bans that never come',
    { addresses: { banAfter: 'none', banFor: '1h' } },
    /addresses\.banFor must be left out, or addresses\.banAfter must be a number; got 1h/,
  ],
  [
    'a part of a topic that stands for nothing',
    { auth: { secret, withoutClaim: ['users/{id}/**'] } },
    /auth\.withoutClaim must name no other part than \{sub\}.*got "users\/\{id\}\/\*\*"/,
  ],
  [
    'an unknown claim mapping',
    { auth: { secret, claims: { role: 'permissions' } } },
    /there is no setting auth\.claims\.role; known are user, permissions, grant/,
  ],
  [
    'two keys for one issuer',
    { auth: { secret, publicKey: 'issuer.pem' } },
    /auth\.publicKey must be left out beside auth\.secret.*auth\.issuers/,
  ],
  [
    'an issuer without a key',
    { auth: { issuer: 'https://login.example.org/' } },
    /auth\.issuer must come with a key to check tokens with: give auth\.secret/,
  ],
  [
    'an audience without a key',
    { auth: { audience: ['hub'] } },
    /auth\.audience must come with a key/,
  ],
  [
    'keys of a URL, which may sign the tokens of others, without an issuer',
    { auth: { jwks: withUrl.jwks } },
    /auth\.issuer must be given with a URL of keys/,
  ],
  [
    'keys over plain HTTP',
    { auth: { jwks: 'http://login.example.org/jwks', issuer: 'a' } },
    /auth\.jwks must be an https: URL/,
  ],
  [
    'keys by file:',
    { auth: { jwks: 'file:///etc/passwd', issuer: 'a' } },
    /auth\.jwks must be an https: URL .* or the path of a file/,
  ],
  [
    'keys at a URL with a password in it',
    { auth: { jwks: 'https://ada:hunter2@login.example.org/jwks', issuer: 'a' } },
    /auth\.jwks must be an https: URL without a user name/,
  ],
  [
    'an issuer of several without a key',
    { auth: { issuers: [{ issuer: 'a' }] } },
    /auth\.issuers\.0 must have one of jwks, publicKey and secret/,
  ],
  [
    'an issuer of several with two keys',
    { auth: { issuers: [{ issuer: 'a', secret, jwks: 'keys.json' }] } },
    /auth\.issuers\.0 must have one of jwks, publicKey and secret/,
  ],
  [
    'an issuer that is there twice',
    {
      auth: {
        issuers: [
          { issuer: 'a', publicKey: 'a.pem' },
          { issuer: 'a', publicKey: 'b.pem' },
        ],
      },
    },
    /auth\.issuers must name each issuer once/,
  ],
  [
    'a key beside a list of issuers',
    { auth: { secret, issuers: [{ issuer: 'a', publicKey: 'a.pem' }] } },
    /auth\.secret must be left out beside auth\.issuers/,
  ],
  [
    'roles of a claim that nobody names',
    { auth: { secret, roles: [{ role: 'editor', permissions: ['admin'] }] } },
    /auth\.roles must come with auth\.claims\.permissions, the claim in which/,
  ],
  [
    'a role that is there twice',
    {
      auth: {
        secret,
        claims: { permissions: 'role' },
        roles: [
          { role: 'editor', permissions: ['admin'] },
          { role: 'editor', permissions: [] },
        ],
      },
    },
    /auth\.roles must name each role once/,
  ],
  [
    'a role without its permissions',
    { auth: { secret, claims: { permissions: 'role' }, roles: [{ role: 'editor' }] } },
    /auth\.roles\.0\.permissions must be a list of 100 at most, each a permission\.$/,
  ],
  [
    'a permission without a name',
    {
      auth: {
        secret,
        claims: { permissions: 'role' },
        roles: [{ role: 'editor', permissions: [''] }],
      },
    },
    /auth\.roles\.0\.permissions must be a list of 100 at most/,
  ],
  [
    'roles that tokens cannot say, without a key',
    { auth: { roles: [{ role: 'editor', permissions: [] }] } },
    /auth\.roles must come with a key/,
  ],
  [
    'clocks that are hours apart',
    { auth: { secret, clockTolerance: '1h' } },
    /auth\.clockTolerance must be a duration such as 5s, from 0ms to 5m/,
  ],
  [
    'clocks that are apart, without a key',
    { auth: { clockTolerance: '10s' } },
    /auth\.clockTolerance must come with a key/,
  ],
  [
    'a cookie that nobody looks for',
    { auth: { secret, sources: ['bearer'], cookie: 'session' } },
    /auth\.cookie must be left out, or auth\.sources must name cookie too/,
  ],
  [
    'a cookie of two',
    { auth: { secret, cookie: 'a; b' } },
    /auth\.cookie must be 1 to 64 letters, digits/,
  ],
  [
    'no place for a token',
    { auth: { secret, sources: [] } },
    /auth\.sources must name each place once, and one at least/,
  ],
  [
    'visitors who are users',
    { anonymous: { subscribe: ['users/{sub}/**'] } },
    /anonymous\.subscribe must name topics without \{sub\}/,
  ],
  [
    'tokens, and a hub that is open to everybody',
    { ...withSecret, insecure: true },
    /insecure must be left out where auth or anonymous says who may come in/,
  ],
  [
    'a resource that is no URL',
    { auth: { secret, resource: 'hub.example.org' } },
    /auth\.resource must be an https: URL without a query/,
  ],
  [
    'all origins with credentials',
    { ...withSecret, cors: { origins: ['*'], credentials: true } },
    /cors\.origins must name origins where cors\.credentials is true/,
  ],
  [
    'the ledgers of the hub for visitors',
    { ...withSecret, anonymous: { subscribe: ['public/**', '$hub/**'] } },
    /anonymous\.subscribe must name topics that do not begin with \$/,
  ],
  [
    'all origins at a hub of everybody on this machine',
    { cors: { origins: ['*'] } },
    /cors\.origins must name origins where auth says nothing/,
  ],
  [
    'credentials for no origin',
    { ...withSecret, cors: { credentials: true } },
    /cors\.credentials must come with cors\.origins/,
  ],
  [
    'cookies where none counts',
    { cors: { origins: ['https://app.example.org'], credentials: true } },
    /cors\.credentials must be left out where no token can be checked/,
  ],
  ...['https://app.example.org/', 'app.example.org', 'https://App.example.org', 'null'].map(
    (origin): [string, Tree, RegExp] => [
      `an origin that no browser sends, ${origin},`,
      { ...withSecret, cors: { origins: [origin] } },
      /cors\.origins must be origins as browsers write them.*no slash at the end/,
    ],
  ),
  ...['https://*', 'https://*.org', 'https://*.*.example.org', 'https://a*.example.org'].map(
    (origin): [string, Tree, RegExp] => [
      `a pattern of origins that is too wide or none, ${origin},`,
      { ...withSecret, cors: { origins: [origin] } },
      /cors\.origins must be origins as browsers write them/,
    ],
  ),
])('%s is refused with the name of the setting and the fix', async (_, tree, message) => {
  await expect(load(tree)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(message),
  })
})

test.each<[string, Tree]>([
  ['a secret', withSecret],
  ['keys of a URL', { auth: withUrl }],
  ['keys of this machine', { auth: { jwks: 'http://127.0.0.1:9/jwks', issuer: 'a' } }],
  ['keys of a file, of an issuer that nobody else uses', { auth: { jwks: 'keys.json' } }],
  ['a public key', { auth: { publicKey: 'issuer.pem', algorithms: ['ES256', 'EdDSA'] } }],
  ['clocks that must agree', { auth: { secret, clockTolerance: '0ms' } }],
  ['visitors only', { anonymous: { subscribe: ['public/**'] } }],
  ['a named origin at a hub of this machine', { cors: { origins: ['http://localhost:3000'] } }],
  ['all origins without credentials', { ...withSecret, cors: { origins: ['*'] } }],
  ['all origins of an open hub', { insecure: true, cors: { origins: ['*'] } }],
  ['an application in a shell', { ...withSecret, cors: { origins: ['capacitor://localhost'] } }],
])('%s can be configured', async (_, tree) => {
  await expect(load(tree)).resolves.toMatchObject(tree['auth'] === undefined ? tree : {})
})

describe('origins', () => {
  test.each<[string, string, boolean]>([
    ['https://*.example.org', 'https://a.example.org', true],
    ['https://*.example.org', 'https://a.b.example.org', true],
    ['https://*.example.org', 'https://example.org', false],
    ['https://*.example.org', 'https://.example.org', false],
    ['https://*.example.org', 'https://evilexample.org', false],
    ['https://*.example.org', 'https://evil.com/.example.org', false],
    ['https://*.example.org', 'https://evil.com?.example.org', false],
    ['https://*.example.org', 'https://evil.com#.example.org', false],
    ['https://*.example.org', 'https://evil.com\\.example.org', false],
    ['https://*.example.org', 'https://ada@evil.com:1.example.org', false],
    ['https://*.example.org', 'https://evil.com\u0000.example.org', false],
    ['https://*.example.org', 'http://a.example.org', false],
    ['https://*.example.org', 'https://a.example.org:8443', false],
    ['https://*.example.org:8443', 'https://a.example.org:8443', true],
    ['https://app.example.org', 'https://app.example.org', true],
    ['https://app.example.org', 'https://app.example.org.evil.com', false],
    ['http://*.localhost:3000', 'http://a.localhost:3000', true],
    ['http://[::1]:3000', 'http://[::1]:3000', true],
  ])('%s for %s: %s', (pattern, origin, isMatch) => {
    const parsed = parseOriginPattern(pattern)
    expect(parsed && matchesOrigin(parsed, origin)).toBe(isMatch)
  })
})

describe('a secret', () => {
  const hidden = 'hunter2 hunter2 hunter2 hunter2 hunter2'

  test('is not shown among the settings in force, alone or within a list', async () => {
    const directory = await makeDirectory()
    const show = async (auth: Tree): Promise<string> => {
      await writeFile(join(directory, 'tidemark.config.json'), JSON.stringify({ auth }))
      return JSON.stringify(explainConfig({ flags: {}, env: {}, directory }))
    }
    expect(await show({ secret: hidden })).not.toContain('hunter2')
    const listed = await show({ issuers: [{ issuer: 'billing', secret: hidden }] })
    expect(listed).toContain('billing')
    expect(listed).not.toContain('hunter2')
  })

  test.each<[string, unknown]>([
    ['that is too short', { auth: { secret: 'hunter2' } }],
    ['in a place that is no section', { auth: hidden }],
    ['in a list', { auth: { secret: [hidden] } }],
    ['in an entry that is no object', { auth: { issuers: [hidden] } }],
    ['in an entry that lacks something', { auth: { issuers: [{ secret: hidden }] } }],
    ['in an entry with one name too many', { auth: { issuers: [{ isuer: 1, secret: hidden }] } }],
    [
      'in an entry with two keys',
      { auth: { issuers: [{ issuer: 'a', jwks: 'b', secret: hidden }] } },
    ],
    ['beside another key', { auth: { secret: hidden, jwks: 'keys.json' } }],
  ])('%s is not shown in the message', async (_, tree) => {
    const text = await load(tree as Tree).then(
      () => 'taken',
      (error: unknown) => String(error),
    )
    expect(text).toContain('auth')
    expect(text).not.toContain('hunter2')
  })

  test('in a file that is not JSON is not shown in the message', async () => {
    const directory = await makeDirectory()
    const file = join(directory, 'tidemark.config.json')
    for (const text of [`{"auth": {"secret": ${hidden}}}`, `{"auth":{"secret":"${hidden}"}`]) {
      await writeFile(file, text)
      const told = ((): string => {
        try {
          return JSON.stringify(loadConfig({ flags: {}, env: {}, directory }))
        } catch (error) {
          return String(error)
        }
      })()
      expect(told).toContain('is not JSON')
      expect(told).not.toContain('unter2')
    }
  })
})

test('a key that a script has left empty, in a flag or a variable, opens no hub to everybody', async () => {
  const directory = await makeDirectory()
  const given = [
    [{ 'auth-secret': '' }, {}, /auth\.secret is empty in --auth-secret/],
    [{ 'auth-jwks': '' }, {}, /auth\.jwks is empty in --auth-jwks/],
    [{}, { TIDEMARK_AUTH_SECRET: '' }, /auth\.secret is empty in TIDEMARK_AUTH_SECRET/],
  ] as const
  for (const [flags, env, message] of given)
    expect(() => loadConfig({ flags, env, directory })).toThrow(message)
})

test('an unknown name in a list of pairs, in a flag, is shown', () => {
  const flags = { 'auth-secret': secret, 'auth-claims': 'usr=sub' }
  expect(() => loadConfig({ flags, env: {}, directory: '/nowhere' })).toThrow(
    /auth\.claims must be names such as user=userId.* of user, permissions, .*; got "usr=sub" from --auth-claims/,
  )
})
