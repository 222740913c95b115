// From a credential in a request to a grant.

import { systemClock } from '@tidemark/log'
import { expect, test } from 'vitest'
import { createAccess, mintToken } from '../src/index.ts'
import { signToken } from './support/sign-token.ts'
import { requestWith } from './support/request-with.ts'

const secret = 'a secret of the tests, with 32 bytes or more'
const access = createAccess({
  tokens: [{ secret }],
  anonymous: { subscribe: ['public/**'] },
})

test('a visitor without a token gets what anonymous says, and a token without the claim its user’s own topics', async () => {
  expect(await access.check(requestWith({}))).toEqual({
    source: 'none',
    claims: {},
    grant: { subscribe: ['public/**'] },
  })
  const token = await mintToken({ secret, sub: 'ada', id: 'one' })
  const { source, grant } = await access.check(requestWith({ bearer: token }))
  expect(source).toBe('bearer')
  expect(grant).toMatchObject({ user: 'ada', subscribe: ['users/ada/**'], publish: [] })
  expect(grant.claims).toMatchObject({ jti: 'one' })
  expect(grant.expiresAt).toBeGreaterThan(systemClock.now())
})

test('a token grants what its claim says, with its user where {sub} stands', async () => {
  const token = await mintToken({
    secret,
    sub: 'ada',
    subscribe: ['orders/*', 'users/{sub}/**'],
    publish: ['chat/{sub}'],
    permissions: ['admin'],
  })
  expect(
    await access.authorize({ ...requestWith({ bearer: token }), action: 'read', topics: [] }),
  ).toMatchObject({
    subscribe: ['orders/*', 'users/ada/**'],
    publish: ['chat/ada'],
    permissions: ['admin'],
  })
})

test.each(['*', '**', 'a/b', '../b', '$hub', ' ', 'x'.repeat(256), '{sub}'])(
  'the user %j becomes no pattern, and no topic of others',
  async (sub) => {
    const token = signToken({ sub, exp: 4_000_000_000 }, { secret })
    const { grant } = await access.check(requestWith({ bearer: token }))
    for (const name of grant.subscribe ?? []) expect(name).toBe(`users/${sub}/**`)
    expect(grant.subscribe?.some((name) => name.includes('*/') || name === 'users/a/b/**')).toBe(
      false,
    )
  },
)

test('a token is found in the header, the cookie and the query, and the first of these decides', async () => {
  const token = await mintToken({ secret, sub: 'ada' })
  for (const [source, request] of [
    ['bearer', requestWith({ bearer: token, cookie: 'tidemark=other' })],
    ['cookie', requestWith({ cookie: `a=1; tidemark=${token}; b=2` })],
    ['query', requestWith({ url: `/events?topic=a&token=${token}` })],
  ] as const) {
    const verified = await access.check(request)
    expect([verified.source, verified.grant.user]).toEqual([source, 'ada'])
  }
  const basic = { ...requestWith({}), header: () => 'Basic YTpi' }
  expect((await access.check(basic)).source).toBe('none')
})

test.each([
  ['no token behind the word', requestWith({ authorization: 'Bearer' })],
  ['two words', requestWith({ authorization: 'Bearer a b' })],
  ['two tokens in the query', requestWith({ url: '/events?token=a&token=b' })],
  ['a cookie that two sites have set', requestWith({ cookie: 'tidemark=a; tidemark=b' })],
])('%s is refused, and the answer says no token', async (_, request) => {
  await expect(access.check(request)).rejects.toMatchObject({
    code: 'TOKEN_INVALID',
    status: 401,
    headers: {
      'WWW-Authenticate': expect.stringMatching(/^Bearer error="invalid_token", /) as string,
    },
  })
})

const now = Math.floor(systemClock.now() / 1_000)

test.each([
  ['ended', { exp: now - 60 }, 'TOKEN_EXPIRED'],
  ['has no end', {}, 'TOKEN_INVALID'],
  ['has an end that is a text', { exp: String(now + 60) }, 'TOKEN_INVALID'],
  ['has an end that is no number', { exp: null }, 'TOKEN_INVALID'],
  ['begins later', { exp: now + 600, nbf: now + 60 }, 'TOKEN_INVALID'],
  ['was made in the future', { exp: now + 600, iat: now + 60 }, 'TOKEN_INVALID'],
  ['has a user that is a list', { exp: now + 60, sub: ['ada'] }, 'TOKEN_INVALID'],
  ['has a user with a control character', { exp: now + 60, sub: 'a\u0000b' }, 'TOKEN_INVALID'],
  ['has a user with nothing in it', { exp: now + 60, sub: '' }, 'TOKEN_INVALID'],
  ['has a user of 300 characters', { exp: now + 60, sub: 'x'.repeat(300) }, 'TOKEN_INVALID'],
  ['has a claim that is a text', { exp: now + 60, tidemark: '*' }, 'TOKEN_INVALID'],
  [
    'has a restriction that is not known',
    { exp: now + 60, tidemark: { rooms: {} } },
    'TOKEN_INVALID',
  ],
  [
    'has a pattern that is none',
    { exp: now + 60, tidemark: { subscribe: ['a/**/b'] } },
    'TOKEN_INVALID',
  ],
  ['has topics that are numbers', { exp: now + 60, tidemark: { subscribe: [1] } }, 'TOKEN_INVALID'],
  ['has an id of 200 characters', { exp: now + 60, jti: 'x'.repeat(200) }, 'TOKEN_INVALID'],
])(
  'a token that %s is refused, with no part of its signature in the answer',
  async (_, claims, code) => {
    const token = signToken(claims, { secret })
    const error = await access
      .check(requestWith({ bearer: token }))
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code, status: 401 })
    const text = `${String(error)} ${JSON.stringify(error)}`
    expect(text).not.toContain(token.split('.')[2])
  },
)

test('visitors cannot be given the ledgers of the hub, which name its users', () => {
  for (const anonymous of [
    { subscribe: ['a', '$hub/**'] },
    { publish: ['$hub/state/revocations'] },
  ])
    expect(() => createAccess({ anonymous })).toThrow(/begin with \$ need the permission admin/)
})
