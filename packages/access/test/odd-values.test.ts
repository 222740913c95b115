// Options of tokens, handed what their types do not allow: the coded error, never a bare TypeError, and never
// an open door.

import { expectedOutcomes, tryOddValues, withThrowing } from '@tidemark/testkit'
import type { OddCase } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { createAccess, mintTopicToken } from '../src/index.ts'
import type { AccessOptions, ClaimNames, TokenIssuer } from '../src/index.ts'
import { requestWith } from './support/request-with.ts'

const secret = 'a secret of at least 32 bytes, for tests'
const access = createAccess({ tokens: [{ secret }] })
const code = 'ACCESS_OPTION_INVALID'
const objects = ['an object', 'an object without a prototype', 'a date']

const option = (name: keyof AccessOptions, takes: readonly string[] = []): OddCase => ({
  call: (value) => createAccess({ [name]: value }).close(),
  code,
  takes,
})
const key = (name: keyof TokenIssuer): OddCase => ({
  call: (value) => createAccess({ tokens: [{ [name]: value }] }).close(),
  code,
})
const issuer = (name: keyof TokenIssuer, takes: readonly string[] = []): OddCase => ({
  call: (value) => createAccess({ tokens: [{ secret, [name]: value }] }).close(),
  code,
  takes,
})
const claim = (name: keyof ClaimNames): OddCase => ({
  call: (value) => createAccess({ tokens: [{ secret, claimNames: { [name]: value } }] }).close(),
  code,
})
const granted = (option_: 'anonymous' | 'withoutClaim', name: string): OddCase => ({
  call: (value) => createAccess({ [option_]: { [name]: value } }).close(),
  code,
  takes: ['an array'],
})
const minted = (name: string, takes: readonly string[] = []): OddCase => ({
  call: (value) => mintTopicToken({ secret, sub: 'ada', subscribe: ['a'], [name]: value }),
  code: 'TOKEN_CLAIMS_INVALID',
  takes,
})

const cases: Readonly<Record<string, OddCase>> = {
  createAccess: {
    call: (value) => createAccess(value as never).close(),
    code,
    takes: [...objects, 'an array'],
  },
  tokens: option('tokens', ['an array']),
  topicTokens: option('topicTokens', ['an array']),
  'an entry of tokens': {
    call: (value) => createAccess({ tokens: [value as never] }).close(),
    code,
  },
  anonymous: option('anonymous', [...objects, 'an array']),
  withoutClaim: option('withoutClaim', [...objects, 'an array']),
  sources: option('sources'),
  cookieName: option('cookieName'),
  revocableClaims: option('revocableClaims', ['an array']),
  fetch: option('fetch', ['a function']),
  resource: option('resource'),
  clock: option('clock'),
  'anonymous.subscribe': granted('anonymous', 'subscribe'),
  'anonymous.permissions': granted('anonymous', 'permissions'),
  'withoutClaim.publish': granted('withoutClaim', 'publish'),
  secret: key('secret'),
  publicKey: key('publicKey'),
  jwksFile: key('jwksFile'),
  jwksUrl: key('jwksUrl'),
  issuer: issuer('issuer'),
  audience: issuer('audience'),
  isNeededAtStart: {
    call: (value) =>
      createAccess({
        tokens: [{ jwksUrl: 'http://127.0.0.1:1/', isNeededAtStart: value as boolean }],
      }).close(),
    code,
    takes: ['true'],
  },
  algorithms: issuer('algorithms'),
  clockToleranceMs: issuer('clockToleranceMs', ['a number']),
  claimNames: issuer('claimNames', [...objects, 'an array']),
  'claimNames.user': claim('user'),
  'claimNames.permissions': claim('permissions'),
  'claimNames.grant': claim('grant'),
  roles: {
    call: (value) => {
      const claimNames = { permissions: 'role' }
      createAccess({ tokens: [{ secret, claimNames, roles: value as never }] }).close()
    },
    code,
    takes: objects,
  },
  'a role': {
    call: (value) => {
      const claimNames = { permissions: 'role' }
      const roles = { editor: value as never }
      createAccess({ tokens: [{ secret, claimNames, roles }] }).close()
    },
    code,
    takes: ['an array'],
  },
  check: { call: (value) => access.check(value as never), code },
  authorize: { call: (value) => access.authorize(value as never), code },
  mintTopicToken: {
    call: (value) => mintTopicToken(value as never),
    code: 'TOKEN_CLAIMS_INVALID',
  },
  'mintTopicToken: sub': minted('sub', ['null']),
  'mintTopicToken: subscribe': minted('subscribe', ['an array']),
  'mintTopicToken: publish': minted('publish', ['an array']),
  'mintTopicToken: ttlMs': minted('ttlMs'),
}

test.each(Object.entries(cases))('%s', async (_name, odd) => {
  expect(await tryOddValues(odd, 'AccessError')).toEqual(expectedOutcomes(odd))
})

test.each(['tokens', 'anonymous', 'sources', 'fetch', 'clock'] as const)(
  'options whose %s throws are refused with a code',
  (name) => {
    const options = withThrowing({ tokens: [{ secret }] }, name)
    expect(() => createAccess(options)).toThrow(expect.objectContaining({ code }))
  },
)

test.each(['secret', 'jwksUrl', 'claimNames', 'algorithms'] as const)(
  'an issuer whose %s throws is refused with a code',
  (name) => {
    const tokens = [withThrowing({ secret }, name)]
    expect(() => createAccess({ tokens })).toThrow(expect.objectContaining({ code }))
  },
)

test('topic tokens that are none are refused, whatever hands them in', async () => {
  const request = { ...requestWith({}), topicTokens: ['hunter2'] }
  await expect(access.check(request)).rejects.toMatchObject({ code: 'TOPIC_TOKEN_INVALID' })
})
