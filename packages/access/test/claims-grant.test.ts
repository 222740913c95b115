// From claims to a grant: names that are mapped, and what a token may not say.

import { expect, test } from 'vitest'
import { createAccess } from '../src/index.ts'
import type { AccessOptions, TokenIssuer } from '../src/index.ts'
import type { Grant } from '@tidemark/server'
import { requestWith } from './support/request-with.ts'
import { signToken } from './support/sign-token.ts'

const secret = 'a secret of at least 32 bytes, for tests'

async function grantOf(
  claims: object,
  more: Partial<TokenIssuer> = {},
  options: Partial<AccessOptions> = {},
): Promise<Grant> {
  const access = createAccess({ tokens: [{ secret, ...more }], ...options })
  const token = signToken({ exp: 4_000_000_000, ...claims }, { secret })
  return (await access.check(requestWith({ bearer: token }))).grant
}

const mappings: readonly (readonly [string, object, Partial<TokenIssuer>, Partial<Grant>])[] = [
  [
    'userId is the user',
    { userId: 42, sub: 'x' },
    { claimNames: { user: 'userId' } },
    { user: '42', subscribe: ['users/42/**'] },
  ],
  [
    'the first name that is there counts',
    { username: 'ada', sub: 'x' },
    { claimNames: { user: ['userId', 'username', 'sub'] } },
    { user: 'ada' },
  ],
  [
    'role is a permission',
    { sub: 'ada', role: 'admin' },
    { claimNames: { permissions: 'role' } },
    { permissions: ['admin'] },
  ],
  [
    'scope holds several',
    { sub: 'ada', scope: 'sse:read  sse:write' },
    { claimNames: { permissions: ['scope', 'role'] } },
    { permissions: ['sse:read', 'sse:write'] },
  ],
  [
    'a claim within objects',
    { sub: 'ada', app_metadata: { roles: ['editor'] } },
    { claimNames: { permissions: 'app_metadata.roles' } },
    { permissions: ['editor'] },
  ],
  [
    'a claim named by a URL',
    { sub: 'ada', 'https://example.org/roles': ['editor'] },
    { claimNames: { permissions: 'https://example.org/roles' } },
    { permissions: ['editor'] },
  ],
  [
    'roles stand for permissions',
    { sub: 'ada', role: ['editor', 'guest'] },
    { claimNames: { permissions: 'role' }, roles: { editor: ['sse:read', 'admin'], none: [] } },
    { permissions: ['sse:read', 'admin'] },
  ],
  [
    'a grant by another name',
    { sub: 'ada', sse: { subscribe: ['a/{sub}'] } },
    { claimNames: { grant: 'sse' } },
    { subscribe: ['a/ada'] },
  ],
  [
    'a permission of the claim and of a role are one',
    { sub: 'ada', role: 'admin', tidemark: { permissions: ['admin'] } },
    { claimNames: { permissions: 'role' } },
    { permissions: ['admin'] },
  ],
  [
    'where says which tags events must have',
    {
      sub: 'ada',
      tidemark: { subscribe: ['a'], where: { region: ['us', 'eu', 'us'], tier: 'gold' } },
    },
    {},
    { where: { region: ['us', 'eu'], tier: ['gold'] } },
  ],
  ['where of null is none', { sub: 'ada', tidemark: { where: null } }, {}, { where: undefined }],
]

test.each(mappings)('%s', async (...row) => {
  const [, claims, issuer, grant] = row
  expect(await grantOf(claims, issuer)).toMatchObject(grant)
})

test('a name of JavaScript is no claim', async () => {
  const claimNames = { user: ['constructor', 'toString', '__proto__'], permissions: 'valueOf' }
  expect((await grantOf({}, { claimNames })).permissions ?? []).toEqual([])
  const roles = { editor: ['admin'] }
  const mapped = { claimNames: { permissions: 'role' }, roles }
  for (const role of ['constructor', '__proto__', 'toString'])
    expect((await grantOf({ role }, mapped)).permissions ?? []).toEqual([])
})

test('a token with a grant of its own gets that, and nothing of withoutClaim beside it', async () => {
  expect(await grantOf({ sub: 'ada', tidemark: {} })).toMatchObject({ subscribe: [], publish: [] })
})

test('a token shows facts about its user, and one whose facts cannot be shown is refused', async () => {
  const presence = { name: 'Ada', age: 36 }
  expect(await grantOf({ sub: 'ada', tidemark: { presence } })).toMatchObject({ presence })
  for (const wrong of ['Ada', ['Ada'], { name: { first: 'Ada' } }, { name: 'x'.repeat(512) }]) {
    const asked = grantOf({ sub: 'ada', tidemark: { presence: wrong } })
    await expect(asked).rejects.toMatchObject({ code: 'TOKEN_INVALID' })
    await expect(asked).rejects.toThrow(/tidemark\.presence of the token.*Mend its issuer/)
  }
})

test('topics of the hub itself are for those who run it', async () => {
  const tidemark = { subscribe: ['$hub/**', 'a'], publish: ['$hub/x'] }
  expect(await grantOf({ sub: 'ada', tidemark })).toMatchObject({ subscribe: ['a'], publish: [] })
  const admin = { ...tidemark, permissions: ['admin'] }
  expect(await grantOf({ sub: 'ada', tidemark: admin })).toMatchObject({
    subscribe: ['$hub/**', 'a'],
  })
})

test.each(['*', '**', '/', 'a/b', '.', '..', '$hub', '\u00fc'.repeat(200)])(
  'the user %j fills no pattern, not even one that the token itself names',
  async (sub) => {
    const tidemark = { subscribe: ['users/{sub}/**', '{sub}', '{sub}/x', 'a'], publish: ['{sub}'] }
    const grant = await grantOf({ sub, tidemark })
    expect(grant).toMatchObject({ user: sub, subscribe: ['a'], publish: [] })
  },
)

test.each(['ada', 'auth0|5f', 'ada@example.org', 'Ada Lovelace', '{sub}', '$&', '日本', 'a*b'])(
  'the user %j is one segment of a topic, as it stands, or none',
  async (sub) => {
    const { subscribe } = await grantOf({ sub })
    const isFit = !sub.startsWith('$') && !sub.includes('*')
    expect(subscribe).toEqual(isFit ? [`users/${sub}/**`] : [])
  },
)

test('a filter of those without a claim is theirs, and of nobody else', async () => {
  const withoutClaim = { subscribe: ['a'], where: { region: 'eu' } }
  const where = { region: ['eu'] }
  expect((await grantOf({ sub: 'ada' }, {}, { withoutClaim })).where).toEqual(where)
  expect((await grantOf({ sub: 'ada', tidemark: {} }, {}, { withoutClaim })).where).toBeUndefined()
  const access = createAccess({ anonymous: withoutClaim, withoutClaim, authenticate: () => 'ada' })
  expect((await access.check(requestWith({}))).grant).toMatchObject({ user: 'ada', where })
  const visitors = createAccess({ anonymous: withoutClaim })
  expect((await visitors.check(requestWith({}))).grant).toMatchObject({ where })
  for (const odd of [{ region: 7 }, ['region'], { region: [] }]) {
    const anonymous = { subscribe: ['a'], where: odd as never }
    expect(() => createAccess({ anonymous })).toThrow(/anonymous\.where says which tags/)
  }
})

test('a token without a user fills no pattern', async () => {
  expect(await grantOf({ tidemark: { subscribe: ['users/{sub}/**', 'a'] } })).toMatchObject({
    user: undefined,
    subscribe: ['a'],
  })
})

const refused: readonly (readonly [string, object, RegExp])[] = [
  [
    '101 permissions',
    { tidemark: { permissions: Array.from({ length: 101 }, (_, i) => `${i}`) } },
    /up to 100 permissions/,
  ],
  [
    'a permission of 129 characters',
    { tidemark: { permissions: ['x'.repeat(129)] } },
    /1 to 128 characters/,
  ],
  ['tags in a list', { tidemark: { where: ['region'] } }, /where of the token.*object of tags/],
  ['a tag that is no text', { tidemark: { where: { region: 1 } } }, /where\.region.*got 1/],
  [
    'a tag without a value',
    { tidemark: { where: { region: [] } } },
    /where\.region is one text or more/,
  ],
  [
    '64 values of a tag',
    { tidemark: { where: { a: Array.from({ length: 64 }, (_, i) => `${i}`) } } },
    /64 texts at most.*got 65/,
  ],
  ['a permission that is empty', { tidemark: { permissions: [''] } }, /1 to 128 characters/],
  ['a member that is misspelt', { tidemark: { subscibe: ['a'] } }, /Did you mean subscribe\?/],
  [
    '1,001 topics',
    { tidemark: { subscribe: Array.from({ length: 1_001 }, (_, i) => i.toString(36)) } },
    /1,?000/,
  ],
  [
    'names by which it can be revoked that are too long',
    { iss: '\u0001'.repeat(100), jti: '\u0001'.repeat(100) },
    /1024 characters as JSON; got 12/,
  ],
]

test.each(refused)('a token with %s is refused, and is no fault of the server', async (...row) => {
  const [, claims, message] = row
  await expect(grantOf({ sub: 'ada', ...claims })).rejects.toMatchObject({
    code: 'TOKEN_INVALID',
    message: expect.stringMatching(message) as unknown,
  })
})

test('a number beyond all numbers is no fact that a session keeps', async () => {
  const access = createAccess({ tokens: [{ secret }], revocableClaims: ['level', 'org.id'] })
  const token = signToken('{"exp":4e9,"level":1e999,"org":{"id":7}}', { secret })
  const { grant } = await access.check(requestWith({ bearer: token }))
  expect(grant.claims).toEqual({ 'org.id': 7 })
})
