// Refusals that need several issuers, or a log of what was revoked and handed out, at every door. Those of
// one issuer are in refusals.test.ts.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAccess } from '@tidemark/access'
import type { Access } from '@tidemark/access'
import { memoryLog } from '@tidemark/log'
import { askHttp } from '@tidemark/testkit'
import type { JWTPayload } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDoors } from './support/ask-doors.ts'
import type { AskedDoor, DoorAnswer, Doors } from './support/ask-doors.ts'
import { startExpressApp } from './support/express-app.ts'
import { secret, signToken } from './support/tokens.ts'

const own = { issuer: 'https://own.example', secret }
/** Its tokens are for this resource only. */
const partner = {
  issuer: 'https://partner.example',
  audience: 'orders',
  secret: 'the secret of a partner, of more than 32 bytes',
}

interface Refusal {
  readonly name: string
  readonly token?: () => Promise<string>
  /** Default: a stream of `orders/1`. */
  readonly asked?: AskedDoor
  readonly status: number
  readonly code: string
  /** The detail: the fault, and the way out. */
  readonly says: RegExp
}

const partnersToken = (claims: JWTPayload): Promise<string> =>
  signToken({ secret: partner.secret, claims: { iss: partner.issuer, ...claims } })

const ownToken = (claims: JWTPayload): Promise<string> =>
  signToken({ claims: { iss: own.issuer, tidemark: { subscribe: ['**'] }, ...claims } })

const refusals: readonly Refusal[] = [
  {
    name: 'a token for another resource',
    token: () => partnersToken({ aud: 'invoices' }),
    status: 401,
    code: 'TOKEN_INVALID',
    says: /audience/,
  },
  {
    name: 'a token for no resource',
    token: () => partnersToken({}),
    status: 401,
    code: 'TOKEN_INVALID',
    says: /audience|"aud"/,
  },
  {
    name: 'a token of an issuer that nobody knows',
    token: () => signToken({ claims: { iss: 'https://nobody.example' } }),
    status: 401,
    code: 'TOKEN_INVALID',
    says: /issuer/,
  },
  {
    name: 'a token that names no issuer, where there are several',
    token: () => signToken(),
    status: 401,
    code: 'TOKEN_INVALID',
    says: /issuer/,
  },
  {
    name: 'a token that one issuer has signed in the name of another',
    token: () => signToken({ claims: { iss: partner.issuer, aud: partner.audience } }),
    status: 401,
    code: 'TOKEN_INVALID',
    says: /sign/i,
  },
  {
    name: 'a token that was revoked',
    token: async () => {
      await (revoked ??= revokeEverywhere())
      return ownToken({ jti: 'revoked' })
    },
    status: 401,
    code: 'TOKEN_EXPIRED',
    says: /revoked/,
  },
  {
    name: 'a ticket that nobody has handed out',
    asked: { path: `/events?topic=orders/1&ticket=${'x'.repeat(22)}` },
    status: 401,
    code: 'TICKET_INVALID',
    says: /ticket/i,
  },
  {
    name: 'a topic token that is none',
    token: () => ownToken({ tidemark: {} }),
    asked: {
      method: 'POST',
      path: '/events',
      headers: { 'Content-Type': 'application/json' },
      body: '{"topics":["orders/1"],"topicTokens":["hunter2"]}',
    },
    status: 403,
    code: 'TOPIC_TOKEN_INVALID',
    says: /topic ?token|token for single topics/i,
  },
]

let doors: Doors
let directory = ''
let application: Awaited<ReturnType<typeof startExpressApp>>
const log = memoryLog()
let access: Access

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-refusals-'))
  const tokens = [own, partner]
  doors = await openDoors({
    directory,
    settings: { auth: { issuers: tokens } },
    access: { tokens, log, resource: 'http://localhost:1' },
  })
  application = await startExpressApp({ tokens, resource: 'http://localhost:1' })
  // Of the log of the application with fetch, in which it revokes.
  access = createAccess({ tokens, log })
})

afterAll(async () => {
  access.close()
  await Promise.all([doors.close(), application.close(), rm(directory, { recursive: true })])
})

let revoked: Promise<void> | undefined

/** In the hubs, which are asked, and in the applications, which have a log each. */
async function revokeEverywhere(): Promise<void> {
  const revocation = { tokenId: 'revoked' }
  const admin = await ownToken({ tidemark: { permissions: ['admin'] } })
  const headers = { Authorization: `Bearer ${admin}`, 'Content-Type': 'application/json' }
  const body = JSON.stringify(revocation)
  const path = '/admin/revocations'
  await access.revoke(revocation)
  await application.access.revoke(revocation)
  for (const door of ['HTTP/1.1', 'HTTP/2'] as const) {
    const { status } = await doors.ask(door, { method: 'POST', path, headers, body })
    expect(status).toBeLessThan(300)
  }
}

type Ask = (asked: AskedDoor) => Promise<DoorAnswer>

const askExpress: Ask = async ({ method = 'GET', path, headers = {}, body }) => {
  const answer = await askHttp(application.port, { method, path, headers, body })
  return { ...answer, headers: answer.headers as DoorAnswer['headers'] }
}

const asks: readonly (readonly [string, Ask])[] = [
  ['HTTP/1.1', (asked) => doors.ask('HTTP/1.1', asked)],
  ['HTTP/2', (asked) => doors.ask('HTTP/2', asked)],
  ['fetch', (asked) => doors.ask('fetch', asked)],
  ['Express', askExpress],
]

describe.each(asks)('by %s', (_, ask) => {
  test.each(refusals)('$name is $status $code', async (refusal) => {
    const { token, status, code, says, asked = { path: '/events?topic=orders/1' } } = refusal
    const credential = token === undefined ? {} : { Authorization: `Bearer ${await token()}` }
    // As an EventSource asks: a lasting refusal is a status for it too, so that it does not come back.
    for (const accept of ['text/event-stream', 'text/event-stream, application/problem+json']) {
      const headers = { ...asked.headers, ...credential, Accept: accept }
      const answer = await ask({ ...asked, headers })
      expect(JSON.parse(answer.body)).toMatchObject({
        status,
        code,
        detail: expect.stringMatching(says),
      })
      expect(answer.status).toBe(status)
      expect(answer.headers).not.toHaveProperty('location')
      const challenge = answer.headers['www-authenticate']
      if (status === 401) {
        expect(challenge).toMatch(/^Bearer error="invalid_token", error_description="[^"]+"/)
        expect(challenge).toMatch(/resource_metadata="https?:\/\/localhost:\d+\/[^"]+"$/)
      } else expect(challenge).toBeUndefined()
      expect(answer.body + (challenge ?? '')).not.toMatch(/hunter2|x{22}/)
    }
  })
})
