// Issuers of a configuration: each mistake is refused at the start, with the option and the way out.

import { generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { expect, test } from 'vitest'
import { createAccess } from '../src/index.ts'

const secret = 'a secret of at least 32 bytes, for tests'

const spki = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }) as string
const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const publicKey = spki(rsa.publicKey)
const privateKey = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
const small = spki(generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey)
const odd = spki(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey)

/** A mistake, and what the message says of it. */
const mistakes: readonly (readonly [string, object, RegExp])[] = [
  [
    'a secret below 32 bytes',
    { secret: 'hunter2' },
    /secret must have 32 bytes or more; got 7\. .*openssl rand -base64 32/,
  ],
  [
    'a secret too short for its algorithm',
    { secret, algorithms: ['HS512'] },
    /HS512.*secret of 64 bytes/,
  ],
  ['a secret that is a number', { secret: 7 }, /secret must be a text or bytes; got a number/],
  ['a public key as a secret', { secret: publicKey }, /secret got a key in PEM.*publicKey/],
  [
    'a PEM with an algorithm of secrets',
    { publicKey, algorithms: ['HS256'] },
    /HS256, which does not fit: the publicKey is for RS256/,
  ],
  [
    'a secret with an algorithm of keys',
    { secret, algorithms: ['RS256'] },
    /RS256, which does not fit: the secret is for HS256/,
  ],
  [
    'a set of keys with an algorithm of secrets',
    { jwksUrl: 'https://a.example/jwks', algorithms: ['HS256'] },
    /HS256, which does not fit: the jwksUrl is for/,
  ],
  ['the algorithm none', { secret, algorithms: ['none'] }, /algorithms may be HS256.*got "none"/],
  ['an algorithm of JavaScript', { secret, algorithms: ['toString'] }, /got "toString"/],
  ['no algorithm', { secret, algorithms: [] }, /got an empty list/],
  ['a private key', { publicKey: privateKey }, /got a private key.*openssl pkey/],
  [
    'a damaged key',
    { publicKey: '-----BEGIN PUBLIC KEY-----\naHVudGVyMg==\n-----END PUBLIC KEY-----' },
    /PEM is damaged/,
  ],
  ['a key that is a path', { publicKey: '/etc/key.pem' }, /must be a key in PEM/],
  ['an RSA key that is too small', { publicKey: small }, /RSA with 2,048 bits or more.*got rsa/],
  ['a curve that signs no tokens', { publicKey: odd }, /EC on P-256.*got ec/],
  ['no key', {}, /one of secret, publicKey, jwksFile, jwksUrl; got none/],
  ['two keys', { secret, publicKey }, /got secret and publicKey/],
  [
    'keys over plain http',
    { jwksUrl: 'http://login.example.org/jwks' },
    /https: URL, or http: on this machine/,
  ],
  ['keys of a file as a URL', { jwksUrl: 'file:///etc/jwks.json' }, /For a file use jwksFile/],
  [
    'a host that only begins like this machine',
    { jwksUrl: 'http://127.0.0.1.example.org/' },
    /https: URL/,
  ],
  [
    'a user in the URL',
    { jwksUrl: 'https://ada:hunter2@login.example.org/' },
    /no user and no password/,
  ],
  ['a URL that is none', { jwksUrl: 'login.example.org' }, /got "login\.example\.org"/],
  ['a URL as a file', { jwksFile: 'https://login.example.org/jwks' }, /For a URL use jwksUrl/],
  [
    'a start without keys that are in a file',
    { jwksFile: 'a', isNeededAtStart: false },
    /goes with jwksUrl; got jwksFile/,
  ],
  [
    'a start that is a text',
    { jwksUrl: 'https://a.example/', isNeededAtStart: 'no' },
    /true or false; got "no"/,
  ],
  ['an issuer without a name', { secret, issuer: '' }, /issuer must be a text/],
  ['an audience without a name', { secret, audience: [''] }, /audience must be a text/],
  ['no audience at all', { secret, audience: [] }, /audience is an empty list/],
  ['a tolerance below zero', { secret, clockToleranceMs: -1 }, /0 to 300000 milliseconds; got -1/],
  ['a tolerance of an hour', { secret, clockToleranceMs: 3_600_000 }, /got 3600000/],
  [
    'an unknown claim mapping',
    { secret, claimNames: { username: 'name' } },
    /claimNames has user, permissions, grant; got "username"\. /,
  ],
  ['a mapping to nothing', { secret, claimNames: { user: '' } }, /claimNames\.user must be a text/],
  [
    'roles of no claim',
    { secret, roles: { editor: ['sse:read'] } },
    /roles says.*claimNames\.permissions/,
  ],
  [
    'roles that are a list',
    { secret, claimNames: { permissions: 'role' }, roles: ['editor'] },
    /roles are lists of permissions by word/,
  ],
  [
    'a role of a text',
    { secret, claimNames: { permissions: 'role' }, roles: { editor: 'admin' } },
    /roles\.editor must be an array/,
  ],
  [
    'an option that is misspelt',
    { secret, audiences: 'tidemark' },
    /got "audiences"\. Did you mean audience\?/,
  ],
]

test.each(mistakes)('%s is refused at the start', (_, issuer, message) => {
  const create = (): unknown => createAccess({ tokens: [issuer] })
  expect(create).toThrow(expect.objectContaining({ code: 'ACCESS_OPTION_INVALID' }))
  expect(create).toThrow(message)
  expect(create).not.toThrow(/hunter2/)
})

const optionMistakes: readonly (readonly [string, object, RegExp])[] = [
  ['a member that is misspelt', { token: [] }, /got "token"\. Did you mean tokens\?/],
  ['a place that is none', { sources: ['header'] }, /sources are some of bearer, cookie, query/],
  ['a place twice', { sources: ['query', 'query'] }, /each once/],
  ['no place', { sources: [] }, /sources are some of/],
  [
    'a visitor who is a user',
    { anonymous: { subscribe: ['users/{sub}/**'] } },
    /anonymous\.subscribe has \{sub\}/,
  ],
  [
    'a pattern that is none',
    { withoutClaim: { subscribe: ['a/**/{sub}'] } },
    /withoutClaim\.subscribe names topics/,
  ],
  ['a right that is misspelt', { anonymous: { subscibe: ['a'] } }, /Did you mean subscribe\?/],
  ['a right that is a text', { anonymous: { subscribe: 'a' } }, /must be an array/],
  [
    'a permission that is empty',
    { anonymous: { permissions: [''] } },
    /anonymous\.permissions holds texts/,
  ],
  ['a cookie that has a space', { cookieName: 'a b' }, /cookieName must be the name of a cookie/],
  [
    'two issuers without a name',
    { tokens: [{ secret }, { publicKey, issuer: 'b' }] },
    /each must have its own `issuer`/,
  ],
  [
    'one issuer twice',
    {
      tokens: [
        { secret, issuer: 'b' },
        { publicKey, issuer: 'b' },
      ],
    },
    /issuer "b" twice/,
  ],
  [
    '101 issuers',
    { tokens: Array.from({ length: 101 }, (__, i) => ({ secret, issuer: `${i}` })) },
    /100 issuers; got 101/,
  ],
]

test.each(optionMistakes)('%s is refused at the start', (_, options, message) => {
  const create = (): unknown => createAccess(options)
  expect(create).toThrow(expect.objectContaining({ code: 'ACCESS_OPTION_INVALID' }))
  expect(create).toThrow(message)
})

test('a mistake in one issuer leaves nothing open of the others', () => {
  let fetched = 0
  const fetch = (): Promise<Response> => {
    fetched += 1
    return Promise.resolve(new Response('{}'))
  }
  const tokens = [
    { issuer: 'a', jwksUrl: 'https://a.example/jwks' },
    { issuer: 'b', secret: 'short' },
  ]
  expect(() => createAccess({ tokens, fetch })).toThrow(/32 bytes/)
  expect(fetched).toBe(0)
})

test('bytes that change after the start change no secret', async () => {
  const bytes = new TextEncoder().encode(secret)
  const access = createAccess({ tokens: [{ secret: bytes }] })
  bytes.fill(0)
  const { mintToken } = await import('../src/index.ts')
  const token = await mintToken({ secret, sub: 'ada' })
  const header = (name: string): string | undefined =>
    name === 'authorization' ? `Bearer ${token}` : undefined
  const verified = await access.check({ method: 'GET', url: '/', address: undefined, header })
  expect(verified.grant.user).toBe('ada')
})
