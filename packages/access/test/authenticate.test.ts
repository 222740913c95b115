import { createFakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { askApplication } from '../src/authenticate.ts'
import type { Authenticate } from '../src/authenticate.ts'
import type { Check } from '../src/checked.ts'
import { streamRequest } from './support/access-node.ts'

const clock = createFakeClock(1_700_000_000_500)
const nobody: Check = () => Promise.resolve({ source: 'none', grant: {} })

function ask(authenticate: Authenticate, check: Check = nobody) {
  const grantUser = (user: string) => ({ user, subscribe: [`users/${user}/**`] })
  return askApplication(check, { authenticate, clock, grantUser })(streamRequest())
}

test('an application that names a user grants the topics of that user, and is asked again', async () => {
  expect(await ask(() => 'ada')).toEqual({
    source: 'application',
    grant: {
      user: 'ada',
      subscribe: ['users/ada/**'],
      claims: { iat: 1_700_000_000.5 },
      recheckAfterMs: 300_000,
    },
  })
})

test('an application says itself when it is asked again, and since when its user is signed in', async () => {
  const grant = { user: 'ada', recheckAfterMs: 1000, claims: { iat: 7 } }
  expect(await ask(() => Promise.resolve(grant))).toEqual({ source: 'application', grant })
})

test.each([undefined, null])('a visitor whom the application does not know (%s) is nobody', async (said) => {
  expect(await ask(() => said as undefined)).toEqual({ source: 'none', grant: {} })
})

test('an application is not asked about a request with a token', async () => {
  const token: Check = () => Promise.resolve({ source: 'bearer', grant: { user: 'bob' } })
  const asked = ask(() => {
    throw new Error('asked')
  }, token)
  expect(await asked).toEqual({ source: 'bearer', grant: { user: 'bob' } })
})

test.each(['', 7, true, ['ada']])('an application that says %j is told what to say', async (said) => {
  await expect(ask(() => said as string)).rejects.toThrow('authenticate gives a user')
})
