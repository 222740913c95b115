// Cookies, tickets and revocations, handed what their signatures do not allow: the coded error, never a bare
// TypeError.

import { memoryLog } from '@tidemark/log'
import { expectedOutcomes, tryOddValues } from '@tidemark/testkit'
import type { OddCase } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { createAccess } from '../src/index.ts'
import type { AccessOptions } from '../src/index.ts'
import { streamRequest } from './support/access-node.ts'

const log = memoryLog()
const access = createAccess({ log, cookie: {} })
const code = 'ACCESS_OPTION_INVALID'

const option = (name: keyof AccessOptions, takes: readonly string[] = []): OddCase => ({
  call: (value) => createAccess({ log, [name]: value }).close(),
  code,
  takes,
})

const plain = ['an object', 'an object without a prototype', 'a date']

const cases: Readonly<Record<string, OddCase>> = {
  log: option('log'),
  cookie: option('cookie', [...plain, 'an array']),
  origins: option('origins', ['an array', 'a function']),
  authenticate: option('authenticate', ['a function']),
  recheckAfterMs: option('recheckAfterMs'),
  ticketFor: option('ticketFor', ['a function']),
  ticketLifeMs: option('ticketLifeMs'),
  tokenLifeMs: option('tokenLifeMs'),
  revoke: { call: (value) => access.revoke(value as never), code: 'REVOCATION_INVALID' },
  'revoke: user': {
    call: (user) => access.revoke({ user: user as never }),
    code: 'REVOCATION_INVALID',
  },
  openSession: { call: (value) => access.openSession(value as never), code },
  closeSession: { call: (value) => access.closeSession(value as never), code },
  issueTicket: { call: (value) => access.issueTicket(value as never), code },
  'issueTicket: path': {
    call: (value) =>
      access.issueTicket(streamRequest(), value as never).catch((error: unknown) => {
        // Where the path is good, nobody is there to get a ticket.
        if (!(error instanceof Error && 'code' in error && error.code === 'UNAUTHENTICATED'))
          throw error
      }),
    code,
  },
  follow: { call: (value) => access.follow(value as never), code },
}

test.each(Object.entries(cases))('%s', async (_name, odd) => {
  expect(await tryOddValues(odd, 'AccessError')).toEqual(expectedOutcomes(odd))
})

test.each(['cookie', 'ticketFor'] as const)('%s without a log is refused', (name) => {
  const options = { cookie: {}, ticketFor: () => undefined }
  expect(() => createAccess({ [name]: options[name] })).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining('needs log') as string }),
  )
})

test('a cookie that is never looked for is refused', () => {
  expect(() => createAccess({ log, cookie: {}, sources: ['bearer'] })).toThrow('sources')
})

test.each(['$token', '$ticket', ''])(
  'no token can bring the claim %j by which tokens are revoked',
  (name) => {
    expect(() => createAccess({ revocableClaims: [name] })).toThrow('revocableClaims')
  },
)

test.each([
  () => createAccess().revoke({ user: 'ada' }),
  () => createAccess().revocations(),
  () => createAccess().issueTicket(streamRequest()),
  () => createAccess().openSession(streamRequest()),
  () => createAccess({ log }).closeSession(streamRequest()),
])('what needs an option says which (%#)', async (call) => {
  await expect(call()).rejects.toMatchObject({
    code,
    message: expect.stringContaining('createAccess({ log') as string,
  })
})

test.each(['https://app.example.org/', 'app.example.org', '*', 'null', 'https://a.example/x'])(
  'the origin %j could never match one that a browser sends, and is refused',
  (origin) => {
    expect(() => createAccess({ log, origins: [origin] })).toThrow('origins are such as')
  },
)
