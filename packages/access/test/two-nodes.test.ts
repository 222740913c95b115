import { SignJWT, exportSPKI, generateKeyPair } from 'jose'
import { memoryLog } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { createTidemark, describeRequest } from '@tidemark/server/fetch'
import type { RequestFacts } from '@tidemark/server'
import type { Streamed } from '@tidemark/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createAccess } from '../src/index.ts'
import { openNode, secret, signToken, withoutClaim } from './support/two-nodes.ts'
import type { AccessNode } from './support/two-nodes.ts'

let log: EventLog
let here: AccessNode
let there: AccessNode

beforeEach(async () => {
  log = memoryLog()
  here = await openNode(log)
  there = await openNode(log)
})

afterEach(async () => {
  await here.close()
  await there.close()
  await log.close()
})

function passOn(whole: EventLog): EventLog {
  return {
    append: (batch) => whole.append(batch),
    read: (query) => whole.read(query),
    tail: (after, handler) => whole.tail(after, handler),
    locate: (query) => whole.locate(query),
    bounds: () => whole.bounds(),
    retention: whole.retention,
    ruleFor: (topic) => whole.ruleFor(topic),
    close: () => whole.close(),
  }
}

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })

async function untilReady(stream: Streamed): Promise<Streamed> {
  await expect.poll(() => stream.events.length).toBeGreaterThan(0)
  return stream
}

async function open(node: AccessNode, token: string, path = '/events?topic=a'): Promise<Streamed> {
  return untilReady(await node.stream(path, bearer(token)))
}

describe('a revocation', () => {
  test('of a user ends the streams of that user on every node', async () => {
    const streams = [
      await open(here, await signToken({ jti: 't1' })),
      await open(there, await signToken()),
    ]
    const other = await open(there, await signToken({ sub: 'bob' }))
    await here.access.revoke({ user: 'ada' })
    await Promise.all(streams.map(({ ended }) => ended))
    expect(streams.map(({ byes }) => byes)).toEqual([['revoked'], ['revoked']])
    expect(other.byes).toEqual([])
  })

  test('leaves a stream that was opened with a token issued after it, and after later ones', async () => {
    const token = await signToken({ issuedAt: Math.ceil(Date.now() / 1000) + 1 })
    const stream = await open(there, token)
    await here.access.revoke({ user: 'ada' })
    await here.access.revoke({ tokenId: 'of somebody else' })
    const marker = await open(there, await signToken({ sub: 'bob', jti: 'marker' }))
    await here.access.revoke({ tokenId: 'marker' })
    await marker.ended
    expect(stream.byes).toEqual([])
    await open(there, token)
  })

  test('refuses the token on every node, with the way out', async () => {
    const token = await signToken({ jti: 't1' })
    await here.access.revoke({ tokenId: 't1' })
    await expect
      .poll(async () => (await there.stream('/events?topic=a', bearer(token))).status)
      .toBe(401)
    const { status, body } = await there.ask('GET', '/events?topic=a', bearer(token))
    expect(status).toBe(401)
    expect(JSON.parse(body)).toMatchObject({ code: 'TOKEN_EXPIRED' })
    expect(body).toContain('Sign in again')
    expect(body).not.toContain(token)
  })

  test('of a session ends it wherever it is, and its token with it, or the client would be back at once', async () => {
    const token = await signToken()
    const stream = await open(there, token)
    const { session } = JSON.parse(stream.events[0]?.data ?? '{}') as { session: string }
    await here.access.revoke({ session })
    await stream.ended
    expect(stream.byes).toEqual(['revoked'])
    await expect
      .poll(async () => (await here.ask('POST', '/publish', bearer(token))).status)
      .toBe(401)
  })

  test('that comes between the check of a token and the opening of its stream ends that stream', async () => {
    const token = await signToken({ jti: 't1' })
    let slow: AccessNode | undefined = undefined
    slow = await openNode({
      ...passOn(log),
      // A stream that begins in the past asks the log where, after its token was checked.
      locate: async (query) => {
        if (slow !== undefined) await slow.access.revoke({ tokenId: 't1' })
        return log.locate(query)
      },
    })
    const stream = await slow.stream('/events?topic=a&since=earliest', bearer(token))
    await stream.ended
    expect(stream.byes).toEqual(['revoked'])
    await slow.close()
  })

  test('of a session that came by a ticket of the application ends the ticket with it', async () => {
    const { body } = await here.ask('POST', '/tickets?topic=a', { 'X-Api-Key': 'open sesame' })
    const { url } = JSON.parse(body) as { url: string }
    const stream = await untilReady(await there.stream(url))
    const { session } = JSON.parse(stream.events[0]?.data ?? '{}') as { session: string }
    await here.access.revoke({ session })
    await stream.ended
    const cursor = { 'Last-Event-ID': stream.lastEventId }
    await expect.poll(async () => (await there.stream(url, cursor)).status).toBe(401)
  })

  test('of a session is kept for as long as the token that its ticket was traded for', async () => {
    const node = await openNode(log, { ticketLifeMs: 60_000 })
    const token = await signToken({ jti: 'long', lifeSeconds: 500_000 })
    const { body } = await node.ask('POST', '/tickets?topic=a', bearer(token))
    const stream = await untilReady(await there.stream((JSON.parse(body) as { url: string }).url))
    const { session } = JSON.parse(stream.events[0]?.data ?? '{}') as { session: string }
    await here.access.revoke({ session })
    await stream.ended
    const find = async () =>
      (await here.access.revocations()).find(({ value }) => value === 'long')?.expiresAt ?? 0
    await expect.poll(find).toBeGreaterThan(Date.now() + 400_000_000)
    await node.close()
  })

  test('of one of 10,000 tokens refuses that one, on a node that comes later too', async () => {
    const revoked = Array.from({ length: 10_000 }, (_, i) => `t${i}`)
    await Promise.all(revoked.map((tokenId) => here.access.revoke({ tokenId })))
    const late = await openNode(log)
    for (const jti of ['t0', 't5000', 't9999'])
      expect((await late.stream('/events?topic=a', bearer(await signToken({ jti })))).status).toBe(
        401,
      )
    const other = bearer(await signToken({ jti: 'fresh' }))
    expect((await late.stream('/events?topic=a', other)).status).toBe(200)
    await late.close()
  })

  test('by a claim ends all streams that rest on it', async () => {
    const stream = await open(there, await signToken({ tenant: 'acme' }))
    const other = await open(there, await signToken({ tenant: 'other' }))
    await here.access.revoke({ claim: 'tenant', value: 'acme' })
    await stream.ended
    expect(stream.byes).toEqual(['revoked'])
    expect(other.byes).toEqual([])
  })
})

describe('a cookie session', () => {
  const page = { 'Sec-Fetch-Site': 'same-origin', Origin: 'http://127.0.0.1' }

  async function signIn(token: string): Promise<string> {
    const { status, headers } = await here.ask('POST', '/session', bearer(token))
    expect(status).toBe(204)
    return headers['set-cookie']?.[0]?.split(';')[0] ?? ''
  }

  test.each([{ jti: 't1' }, {}])(
    'opens streams, and its log-out on one node ends them on the other (%j)',
    async (claims) => {
      const cookie = await signIn(await signToken(claims))
      const streams = [
        await untilReady(await here.stream('/events?topic=a', { Cookie: cookie })),
        await untilReady(await there.stream('/events?topic=a', { Cookie: cookie })),
      ]
      const { status, headers } = await here.ask('DELETE', '/session', { ...page, Cookie: cookie })
      expect(status).toBe(204)
      expect(headers['set-cookie']?.[0]).toMatch(/^tidemark=; .*Max-Age=0/)
      await Promise.all(streams.map(({ ended }) => ended))
      expect(streams.map(({ byes }) => byes)).toEqual([['revoked'], ['revoked']])
      // A cookie that somebody has copied is worth nothing any more.
      const { status: again } = await there.ask('GET', '/events?topic=a', { Cookie: cookie })
      expect(again).toBe(401)
    },
  )

  test('that is refused is a 401, and no redirect to a login page', async () => {
    const { status, headers } = await here.ask('GET', '/events?topic=a', {
      Cookie: 'tidemark=a.b.c',
    })
    expect(status).toBe(401)
    expect(headers.location).toBeUndefined()
  })

  test.each([
    ['POST', '/publish'],
    ['DELETE', '/session'],
    ['POST', '/tickets'],
    ['GET', '/tickets/redirect?topic=a'],
  ])('is not at the service of a foreign page: %s %s', async (method, path) => {
    const cookie = await signIn(await signToken())
    for (const foreign of [
      { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' },
      { 'Sec-Fetch-Site': 'same-site' },
      { Origin: 'https://evil.example' },
      { Origin: 'null' },
    ]) {
      const { status, body } = await here.ask(method, path, { ...foreign, Cookie: cookie })
      expect(status).toBe(403)
      expect(JSON.parse(body)).toMatchObject({ code: 'CROSS_SITE' })
    }
    const allowed = { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://app.example.org' }
    const { status } = await here.ask(method, path, { ...allowed, Cookie: cookie })
    expect(status).toBeLessThan(400)
  })

  test('is not begun by a foreign page with the token of its author', async () => {
    const headers = {
      ...bearer(await signToken({ sub: 'mallory' })),
      'Sec-Fetch-Site': 'cross-site',
    }
    const { status } = await here.ask('POST', '/session', headers)
    expect(status).toBe(403)
  })

  test('is begun by a token in a header only, and never by another cookie', async () => {
    const cookie = await signIn(await signToken())
    const { status, body } = await here.ask('POST', '/session', { ...page, Cookie: cookie })
    expect(status).toBe(401)
    expect(JSON.parse(body)).toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  test('that was ended is not taken up by the same token with another signature', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256')
    const node = await openNode(log, { tokens: [{ publicKey: await exportSPKI(publicKey) }] })
    const sign = (): Promise<string> =>
      new SignJWT({ sub: 'ada', exp: 4_000_000_000 })
        .setProtectedHeader({ alg: 'ES256' })
        .sign(privateKey)
    const [token, twin] = [await sign(), await sign()]
    expect(token).not.toBe(twin)
    expect((await node.stream('/events?topic=a', bearer(twin))).status).toBe(200)
    expect((await node.ask('DELETE', '/session', bearer(token))).status).toBe(204)
    expect((await node.stream('/events?topic=a', bearer(twin))).status).toBe(401)
    await node.close()
  })

  test('is not begun by a token in a header that the node does not look at', async () => {
    const node = await openNode(log, { sources: ['cookie'] })
    const { status } = await node.ask('POST', '/session', bearer('not.a.token'))
    expect(status).toBe(401)
    await node.close()
  })

  test('whose token does not hold any more can still be ended', async () => {
    const { status, headers } = await here.ask('DELETE', '/session', {
      ...page,
      Cookie: 'tidemark=a.b.c',
    })
    expect(status).toBe(204)
    expect(headers['set-cookie']?.[0]).toContain('Max-Age=0')
  })
})

describe('a ticket', () => {
  const agent = { 'User-Agent': 'Firefox' }

  async function trade(headers: Readonly<Record<string, string>>): Promise<{ url: string }> {
    const { body } = await here.ask('POST', '/tickets?topic=a', headers)
    return JSON.parse(body) as { url: string }
  }

  test('opens one stream at any node, whose reconnect replaces the session that it comes from', async () => {
    const { url } = await trade(bearer(await signToken()))
    const first = await untilReady(await there.stream(url, agent))
    const second = await here.stream(url, agent)
    expect(second.status).toBe(401)
    const back = await untilReady(
      await here.stream(url, { ...agent, 'Last-Event-ID': first.lastEventId }),
    )
    await first.ended
    expect(first.byes).toEqual(['replaced'])
    const thief = await here.stream(url, { 'User-Agent': 'x', 'Last-Event-ID': first.lastEventId })
    expect(thief.status).toBe(401)
    expect(back.byes).toEqual([])
  })

  test('ends with the token that it was traded for', async () => {
    const { url } = await trade(bearer(await signToken({ jti: 't1' })))
    const stream = await untilReady(await there.stream(url, agent))
    await here.access.revoke({ tokenId: 't1' })
    await stream.ended
    expect(stream.byes).toEqual(['revoked'])
    const headers = { ...agent, 'Last-Event-ID': stream.lastEventId }
    expect((await here.stream(url, headers)).status).toBe(401)
  })

  test('is traded for headers that the application knows', async () => {
    const { url } = await trade({ 'X-Api-Key': 'open sesame' })
    expect((await there.stream(url, agent)).status).toBe(200)
    const { status } = await here.ask('POST', '/tickets', { 'X-Api-Key': 'guess' })
    expect(status).toBe(401)
  })

  test('is not traded for another ticket', async () => {
    const { url } = await trade(bearer(await signToken()))
    const { status } = await here.ask('POST', url.replace('/events', '/tickets'))
    expect(status).toBe(401)
  })

  test('comes by a redirect that leads to the stream', async () => {
    const headers = bearer(await signToken())
    const { status, headers: answered } = await here.ask(
      'GET',
      '/tickets/redirect?topic=a',
      headers,
    )
    expect(status).toBe(303)
    expect(answered.location).toMatch(/^\.\.\/events\?topic=a&ticket=[\w-]{22}$/)
    const { pathname, search } = new URL(answered.location ?? '', 'http://h/tickets/redirect')
    expect((await there.stream(pathname + search, agent)).status).toBe(200)
  })

  test.each(['%0d%0aSet-Cookie:%20a=b', '%cc', '%'])(
    'forges no line of a redirect with the query %j',
    async (query) => {
      const headers = bearer(await signToken())
      const path = `/tickets/redirect?topic=${query}&token=secret`
      const { status, headers: answered } = await here.ask('GET', path, headers)
      expect(status).toBe(303)
      expect(answered['set-cookie']).toBeUndefined()
      expect(answered.location).not.toContain('secret')
    },
  )

  test('beside another ticket is refused', async () => {
    const { url } = await trade(bearer(await signToken()))
    expect((await here.stream(`${url}&ticket=${'x'.repeat(22)}`, agent)).status).toBe(401)
  })
})

test('a stolen session id opens nothing and revokes nothing', async () => {
  const stream = await open(here, await signToken())
  const { session } = JSON.parse(stream.events[0]?.data ?? '{}') as { session: string }
  for (const headers of [bearer(session), { Cookie: `tidemark=${session}` }])
    expect((await there.ask('GET', '/events?topic=a', headers)).status).toBe(401)
  expect((await there.ask('GET', `/events?topic=a&ticket=${session}`)).status).toBe(401)
  expect(stream.byes).toEqual([])
})

describe('an application that knows its users by itself', () => {
  const signedIn = new Set(['sid=1', 'sid=2'])
  const application = { Cookie: 'sid=1' }
  const options = {
    authenticate: (request: RequestFacts) =>
      signedIn.has(request.header('cookie') ?? '') ? 'ada' : undefined,
    recheckAfterMs: 1000,
  }
  const page = { 'Sec-Fetch-Site': 'same-origin' }

  test('is asked again while a stream is open, and ends it by its answer', async () => {
    const node = await openNode(log, options)
    signedIn.add('sid=3')
    const stream = await untilReady(await node.stream('/events?topic=a', { Cookie: 'sid=3' }))
    const other = await untilReady(await node.stream('/events?topic=a', application))
    signedIn.delete('sid=3')
    await stream.ended
    expect(['expired', 'forbidden']).toContain(stream.byes[0])
    expect(other.byes).toEqual([])
    await node.close()
  })

  test('does not lend its cookies to the pages of others', async () => {
    const node = await openNode(log, options)
    for (const [headers, status] of [
      [{ ...page, ...application }, 204],
      [{ 'Sec-Fetch-Site': 'cross-site', ...application }, 403],
      [application, 403],
    ] as const)
      expect((await node.ask('POST', '/publish', headers)).status).toBe(status)
    const cross = { 'Sec-Fetch-Site': 'cross-site', ...application }
    expect((await node.ask('GET', '/tickets/redirect?topic=a', cross)).status).toBe(403)
    await node.close()
  })

  test('ends the streams of a user on all nodes, and says itself who opens new ones', async () => {
    const node = await openNode(log, options)
    const stream = await untilReady(await node.stream('/events?topic=a', application))
    await there.access.revoke({ user: 'ada' })
    await stream.ended
    expect(stream.byes).toEqual(['revoked'])
    const again = await untilReady(await node.stream('/events?topic=a', application))
    await there.access.revoke({ tokenId: 'of somebody else' })
    expect(again.byes).toEqual([])
    await node.close()
  })

  test('hands out tickets that end when it would be asked again', async () => {
    const node = await openNode(log, options)
    const { body } = await node.ask('POST', '/tickets?topic=a', { ...page, ...application })
    const stream = await untilReady(await node.stream((JSON.parse(body) as { url: string }).url))
    await stream.ended
    expect(stream.byes).toEqual(['expired'])
    await node.close()
  })
})

describe('a node of the Fetch API', () => {
  test('takes cookies of its own pages, and tickets, and no cookie of a foreign page', async () => {
    const token = await signToken({ jti: 'fetched' })
    const access = createAccess({ log, tokens: [{ secret }], cookie: {}, withoutClaim })
    const tide = createTidemark({ log, authorize: access.authorize })
    access.follow(tide)
    const ask = (url: string, headers: Readonly<Record<string, string>>): Promise<Response> =>
      tide.fetch(new Request(`https://example.com${url}`, { headers }))
    const cookie = { cookie: `__Host-tidemark=${token}` }
    const foreign = { ...cookie, 'sec-fetch-site': 'cross-site' }
    expect((await ask('/events?topic=a', foreign)).status).toBe(403)
    const { ticket } = await access.issueTicket({
      ...describeRequest(new Request('https://example.com/tickets', { headers: bearer(token) })),
    })
    const streams = [
      await ask('/events?topic=a', cookie),
      await ask(`/events?topic=a&ticket=${ticket}`, {}),
    ]
    expect(streams.map(({ status }) => status)).toEqual([200, 200])
    const { setCookie } = await access.closeSession(
      describeRequest(
        new Request('https://example.com/session', {
          method: 'DELETE',
          headers: { ...cookie, origin: 'https://example.com', host: 'example.com' },
        }),
      ),
    )
    expect(setCookie).toMatch(/^__Host-tidemark=; .*Max-Age=0/)
    for (const stream of streams) expect(await stream.text()).toContain('"reason":"revoked"')
    access.close()
    await tide.close()
  })
})
