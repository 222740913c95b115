// Tokens for single topics: they add topics to a grant, for their user and until they end, and nothing else.

import { memoryLog } from '@tidemark/log'
import { createTidemark } from '@tidemark/server'
import type { Grant } from '@tidemark/server'
import { createFakeClock, waitUntil } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { createAccess, mintToken, mintTopicToken } from '../src/index.ts'
import type { Access, AccessOptions, TopicTokenOptions } from '../src/index.ts'
import { requestWith } from './support/request-with.ts'
import { signToken } from './support/sign-token.ts'

const secret = 'a secret of at least 32 bytes, for tests'
const topicSecret = 'another secret of at least 32 bytes, for topics'
const now = 1_800_000_000_000

interface World {
  readonly access: Access
  readonly clock: FakeClock
  /** A token that says who somebody is. */
  readonly bearer: string
  mint(options?: Partial<TopicTokenOptions>): Promise<string>
}

async function createWorld(options: Partial<AccessOptions> = {}): Promise<World> {
  const clock = createFakeClock(now)
  const access = createAccess({
    tokens: [{ secret }],
    topicTokens: [{ secret: topicSecret }],
    clock,
    ...options,
  })
  const bearer = await mintToken({ secret, sub: 'ada', subscribe: ['own'], clock })
  const mint = (more: Partial<TopicTokenOptions> = {}): Promise<string> =>
    mintTopicToken({ secret: topicSecret, sub: 'ada', subscribe: ['orders/42'], clock, ...more })
  return { access, clock, bearer, mint }
}

interface Asked {
  readonly bearer?: string | undefined
  readonly isRecheck?: boolean
}

async function grantOf(
  { access }: World,
  topicTokens: readonly string[],
  { bearer, isRecheck = false }: Asked = {},
): Promise<Grant> {
  const request = requestWith(bearer === undefined ? {} : { bearer })
  return access.authorize({ ...request, topicTokens, isRecheck, action: 'subscribe', topics: [] })
}

test('topic tokens add their topics to the grant, each one until it ends', async () => {
  const world = await createWorld()
  const tokens = [
    await world.mint({ ttlMs: 60_000 }),
    await world.mint({ subscribe: ['chat/*', 'users/{sub}/x'], publish: ['chat/7'] }),
  ]
  expect(await grantOf(world, tokens, world)).toMatchObject({
    user: 'ada',
    subscribe: ['own', 'orders/42', 'chat/*', 'users/ada/x'],
    publish: ['chat/7'],
    expiresAt: now + 3_600_000,
    recheckAfterMs: 60_000,
  })
})

test('the filter of a grant holds for the topics of topic tokens, which have none of their own', async () => {
  const world = await createWorld()
  const where = { region: 'eu' }
  const bearer = await mintToken({ secret, sub: 'ada', where, clock: world.clock })
  expect(await grantOf(world, [await world.mint()], { bearer })).toMatchObject({
    subscribe: ['orders/42'],
    where: { region: ['eu'] },
  })
  await expect(world.mint({ where } as Partial<TopicTokenOptions>)).rejects.toMatchObject({
    code: 'TOKEN_CLAIMS_INVALID',
    message: expect.stringMatching(/topics only/) as unknown,
  })
})

test('a topic token that has ended is refused, and in an open stream its topics leave instead', async () => {
  const world = await createWorld()
  const tokens = [await world.mint({ ttlMs: 60_000 })]
  world.clock.advance(70_000)
  await expect(grantOf(world, tokens, world)).rejects.toMatchObject({
    code: 'TOPIC_TOKEN_INVALID',
    status: 403,
    message: expect.stringMatching(/^A topic token is refused\. The token has ended/) as unknown,
  })
  const grant = await grantOf(world, tokens, { ...world, isRecheck: true })
  expect(grant.subscribe).toEqual(['own'])
})

test('a visitor uses a topic token that is for everybody, and nobody one of another user', async () => {
  const world = await createWorld()
  const free = await world.mint({ sub: null })
  expect((await grantOf(world, [free])).subscribe).toEqual(['orders/42'])
  expect((await grantOf(world, [free], world)).subscribe).toEqual(['own', 'orders/42'])
  const bob = await world.mint({ sub: 'bob' })
  for (const asked of [{}, world]) {
    await expect(grantOf(world, [bob], asked)).rejects.toMatchObject({
      code: 'TOPIC_TOKEN_INVALID',
      message: expect.stringMatching(/for another user/) as unknown,
    })
  }
})

test('a topic token of one user is of no use to another whose name comes from another claim', async () => {
  const world = await createWorld({
    tokens: [{ secret, claimNames: { user: 'userId' } }],
    topicTokens: [{ secret: topicSecret, claimNames: { user: 'userId' } }],
  })
  const bearer = signToken({ userId: 'bob', sub: 'ada', exp: now / 1_000 + 60 }, { secret })
  await expect(grantOf(world, [await world.mint()], { bearer })).rejects.toThrow(/another user/)
})

test('no token stands in for one of the other kind', async () => {
  const world = await createWorld({ topicTokens: undefined })
  const topic = await mintTopicToken({ secret, sub: 'ada', subscribe: ['**'], clock: world.clock })
  await expect(grantOf(world, [], { bearer: topic })).rejects.toMatchObject({
    code: 'TOKEN_INVALID',
    message: expect.stringMatching(/for another use \(typ "tidemark-topic\+jwt"\)/) as unknown,
  })
  await expect(grantOf(world, [world.bearer], world)).rejects.toMatchObject({
    code: 'TOPIC_TOKEN_INVALID',
    message: expect.stringMatching(/none for single topics/) as unknown,
  })
})

/** Claims of topic tokens that a stranger or a careless application would sign. */
const refused: readonly (readonly [string, object, RegExp])[] = [
  ['gives permissions', { tidemark: { permissions: ['admin'] } }, /gives permissions/],
  [
    'says which tags events must have',
    { tidemark: { subscribe: ['a'], where: { region: 'eu' } } },
    /one filter for all its topics/,
  ],
  ['grants nothing', {}, /must be an object/],
  [
    'names a pattern that is none',
    { tidemark: { subscribe: ['a/**/b'] } },
    /names topics and patterns/,
  ],
  ['has no end', { exp: undefined, tidemark: { subscribe: ['a'] } }, /no end \(exp\)/],
]

test.each(refused)('a topic token that %s is refused', async (_, claims, message) => {
  const world = await createWorld()
  const all = { sub: 'ada', exp: now / 1_000 + 60, ...claims }
  const head = { typ: 'tidemark-topic+jwt' }
  const token = signToken(all, { head, secret: topicSecret })
  await expect(grantOf(world, [token], world)).rejects.toThrow(message)
  const strange = signToken(all, { head, secret })
  await expect(grantOf(world, [strange], world)).rejects.toThrow(/refused\. The (?:sign|token)/)
})

test('topics of the hub itself are in no topic token, unless their user runs the hub', async () => {
  const world = await createWorld()
  const token = await world.mint({ subscribe: ['$hub/**', 'a'] })
  expect((await grantOf(world, [token], world)).subscribe).toEqual(['own', 'a'])
  const bearer = await mintToken({ secret, sub: 'ada', permissions: ['admin'], clock: world.clock })
  expect((await grantOf(world, [token], { bearer })).subscribe).toContain('$hub/**')
})

test('more topics than a grant may have are refused, and are no fault of the server', async () => {
  const world = await createWorld()
  const names = (from: number): readonly string[] =>
    Array.from({ length: 400 }, (_, i) => `t/${from + i}`)
  const tokens = await Promise.all(
    [0, 400, 800].map((from) => world.mint({ subscribe: names(from) })),
  )
  await expect(grantOf(world, tokens, world)).rejects.toThrow(/1201 names to "subscribe"; 1000/)
})

test.each([
  [{ subscribe: undefined }, /names topics/],
  [{ sub: undefined }, /for one user.*sub: null/],
  [{ subscribe: ['a/**/b'] }, /topics and patterns/],
  [{ secret: 'short' }, /32 bytes/],
])('an application cannot mint a topic token with %j', async (options, message) => {
  const world = await createWorld()
  await expect(world.mint(options as Partial<TopicTokenOptions>)).rejects.toThrow(message)
})

test('a stream with a topic token loses its topic when the token ends, and goes on with the rest', async () => {
  const world = await createWorld()
  const { access, clock, bearer } = world
  const log = memoryLog({ clock })
  const tide = createTidemark({ log, clock, authorize: access.authorize })
  onTestFinished(() => tide.close())
  const leaving = new AbortController()
  const post = (topicTokens: readonly unknown[]): Promise<Response> =>
    tide.fetch(
      new Request('http://localhost/events', {
        method: 'POST',
        headers: { Authorization: `Bearer ${bearer}`, 'Content-Type': 'application/json' },
        body: JSON.stringify({ topics: ['own', 'orders/42'], topicTokens }),
        signal: leaving.signal,
      }),
    )
  expect((await post([])).status).toBe(403)
  const response = await post([await world.mint({ ttlMs: 60_000 })])
  expect(response.status).toBe(200)
  let text = ''
  const decoder = new TextDecoder()
  const reading = response.body?.pipeTo(
    new WritableStream({ write: (chunk: Uint8Array) => void (text += decoder.decode(chunk)) }),
  )
  reading?.catch(() => undefined)
  await tide.publish('orders/42', { data: 'paid' })
  await waitUntil('the event', () => text.includes('data: paid'))
  clock.advance(45_000)
  // It is asked about again a little early, and goes once it has ended, tolerance included.
  await waitUntil('the goodbye of the topic', () => {
    clock.advance(500)
    return text.includes('"removed":["orders/42"]')
  })
  expect(clock.now()).toBeGreaterThan(now + 60_000)
  await tide.publish('orders/42', { data: 'secret' })
  await tide.publish('own', { data: 'still here' })
  await waitUntil('the rest', () => text.includes('data: still here'))
  expect(text).not.toContain('secret')
  leaving.abort()
})

test.each([
  ['no list', 'hunter2', 'QUERY_INVALID'],
  ['a token that is none', ['hunter2 hunter2'], 'QUERY_INVALID'],
  ['101 of them', Array.from({ length: 101 }, () => 'hunter2'), 'QUERY_INVALID'],
  ['one that is too long', ['hunter2'.repeat(2_000)], 'QUERY_INVALID'],
  ['one that nobody has signed', ['hunter2'], 'TOPIC_TOKEN_INVALID'],
])('%s is refused at the door, without a word of it in the answer', async (...row) => {
  const [, topicTokens, code] = row
  const { access, bearer } = await createWorld({ clock: undefined })
  const live = await mintToken({ secret, sub: 'ada' })
  const tide = createTidemark({ authorize: access.authorize })
  onTestFinished(() => tide.close())
  expect(bearer).not.toBe(live)
  const response = await tide.fetch(
    new Request('http://localhost/events', {
      method: 'POST',
      headers: { Authorization: `Bearer ${live}` },
      body: JSON.stringify({ topics: ['own'], topicTokens }),
    }),
  )
  const answer = await response.text()
  expect(JSON.parse(answer)).toMatchObject({ code })
  expect(answer).not.toContain('hunter2')
})

test('a topic token that is revoked is refused, and leaves an open stream with its next look', async () => {
  const world = await createWorld({ log: memoryLog() })
  const token = await world.mint()
  const { jti } = JSON.parse(atob(token.split('.')[1] ?? '')) as { jti: string }
  expect((await grantOf(world, [token], world)).subscribe).toContain('orders/42')
  await world.access.revoke({ tokenId: jti })
  await expect(grantOf(world, [token], world)).rejects.toMatchObject({
    code: 'TOPIC_TOKEN_INVALID',
  })
  const again = await grantOf(world, [token], { ...world, isRecheck: true })
  expect(again.subscribe).toEqual(['own'])
})
