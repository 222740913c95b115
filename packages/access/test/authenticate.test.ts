// An application's own check, in the place of tokens or beside them.

import { createFakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { createAccess, mintToken } from '../src/index.ts'
import type { AccessOptions } from '../src/index.ts'
import { streamRequest } from './support/access-node.ts'

const clock = createFakeClock(1_700_000_000_500)
const secret = 'a secret of the tests, with 32 bytes or more'

function ask(authenticate: NonNullable<AccessOptions['authenticate']>, headers = {}) {
  const access = createAccess({ authenticate, clock, tokens: [{ secret }] })
  return access.check(streamRequest({ headers }))
}

test('an application that names a user grants the topics of that user, and is asked again', async () => {
  expect(await ask(() => 'ada')).toEqual({
    source: 'application',
    claims: {},
    grant: {
      user: 'ada',
      subscribe: ['users/ada/**'],
      publish: [],
      permissions: undefined,
      claims: { iat: 1_700_000_000.5 },
      recheckAfterMs: 300_000,
    },
  })
})

test('an application says itself when it is asked again, and since when its user is signed in', async () => {
  const grant = { user: 'ada', recheckAfterMs: 1000, claims: { iat: 7 } }
  expect((await ask(() => Promise.resolve(grant))).grant).toEqual(grant)
})

test.each([undefined, null])(
  'a visitor whom the application does not know (%s) is nobody',
  async (said) => {
    expect(await ask(() => said as undefined)).toMatchObject({ source: 'none', grant: {} })
  },
)

test('an application is not asked about a request with a token', async () => {
  const token = await mintToken({ secret, sub: 'bob', clock })
  const asked = ask(
    () => {
      throw new Error('asked')
    },
    { authorization: `Bearer ${token}` },
  )
  expect(await asked).toMatchObject({ source: 'bearer', grant: { user: 'bob' } })
})

test.each(['', 7, true, ['ada']])(
  'an application that says %j is told what to say',
  async (said) => {
    await expect(ask(() => said as string)).rejects.toThrow('authenticate gives a user')
  },
)
