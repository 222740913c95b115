// Another grant for an open stream: topics that it holds go on, others leave, and the client hears.

import { memoryLog, parseCursor, parseTopicSet } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { describeRequest } from '../src/fetch/describe-request.ts'
import { parseSubscriptionBody } from '../src/hub/index.ts'
import { ServerError, createTidemark } from '../src/index.ts'
import type { Grant, PlainRequest, SessionHandle, Tidemark, TidemarkOptions } from '../src/index.ts'
import { NodeTidemark } from '../src/node/node-tidemark.ts'
import { holderOf } from '../src/session/session-holder.ts'
import type { TopicSetTable } from '../src/session/topic-set-table.ts'
import { readOptions } from '../src/tidemark-options.ts'
import { controlMs } from '../src/control/limits.ts'
import { topicSetsBytesMin } from '../src/limits.ts'
import { tokenHintMs, untoldRetryMs } from '../src/session/limits.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'
import { wrapLog } from './support/wrap-log.ts'

const hour = 3_600_000

interface Bench {
  readonly tide: Tidemark
  readonly clock: FakeClock
  readonly log: EventLog
}

function create(options: Partial<TidemarkOptions> = {}): Bench {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  const tide = createTidemark({ log, clock, authorize: () => ({}), ...options })
  onTestFinished(() => tide.close())
  return { tide, clock, log }
}

interface Opened {
  readonly client: TestClient
  readonly session: SessionHandle
}

const ada: Grant = { user: 'ada', subscribe: ['a', 'b', 'c/**'] }

async function open(
  tide: Tidemark,
  { grant = ada, label, ...body }: { grant?: Grant; label?: string; [name: string]: unknown } = {},
): Promise<Opened> {
  const client = new TestClient()
  const subscription = parseSubscriptionBody({ topics: ['a'], ...body })
  const granted = { owner: holderOf(grant, { label }) }
  const session = await tide.openGranted(client.connect(), subscription, granted)
  await settle()
  return { client, session }
}

const dataOf = ({ published }: TestClient): string[] => published.map(({ data }) => data)

const codeOf = (asked: Promise<unknown>): Promise<unknown> =>
  asked.catch((error: unknown) => (error as { code?: unknown }).code ?? error)

describe('a renewed session', () => {
  test('goes on to the end of the new grant, with its permissions and claims, and tells no event twice', async () => {
    const { tide, clock } = create()
    const grant = {
      ...ada,
      expiresAt: clock.now() + 60_000,
      permissions: ['sse:read'],
      claims: { jti: 'one', admin: false },
    }
    const { session, client } = await open(tide, { grant, label: 'phone', topics: ['a', 'c/*'] })
    expect(session.permissions).toEqual(['sse:read'])
    expect(session.claims).toEqual({ jti: 'one', admin: false })
    await tide.publish('a', { data: 'before' })
    const expiresAt = clock.now() + hour
    const fresh = { ...ada, expiresAt, permissions: ['admin'], claims: { jti: 'two' } }
    expect(await session.renew(fresh)).toBe(true)
    await tide.publish('c/1', { data: 'after' })
    clock.advance(61_000)
    await settle()
    expect(session).toMatchObject({ user: 'ada', label: 'phone', expiresAt })
    expect(session.permissions).toEqual(['admin'])
    expect(session.claims).toEqual({ jti: 'two' })
    expect(tide.sessions({ user: 'ada', label: 'phone' })).toHaveLength(1)
    expect(dataOf(client)).toEqual(['before', 'after'])
    expect(client.control('topics')).toEqual([])
    clock.advance(hour)
    expect(client.control('bye')).toMatchObject([{ reason: 'expired' }])
    expect(await session.renew(fresh)).toBe(false)
  })

  test('follows no more what the new grant does not hold, is told so, and loses nothing of the rest', async () => {
    const { tide } = create()
    const { session, client } = await open(tide, { topics: ['a', 'b', 'c/*', 'c/1'] })
    await tide.publish('b', { data: 'b before' })
    await settle()
    expect(await session.renew({ user: 'ada', subscribe: ['a', 'c/1'] })).toBe(true)
    for (const topic of ['a', 'b', 'c/1', 'c/2']) await tide.publish(topic, { data: topic })
    await settle(3)
    expect(client.control('topics')).toEqual([
      { added: [], removed: ['b', 'c/*'], reason: 'not-granted' },
    ])
    expect(dataOf(client)).toEqual(['b before', 'a', 'c/1'])
    expect(session.topics).toEqual(['a', 'c/1'])
    // Its id leads back to what is left.
    const told = client.events.find(({ type }) => type === 'tidemark.topics')
    expect(parseCursor(told?.id ?? '')?.parts.has('s')).toBe(true)
  })

  test('ends as forbidden where the new grant holds nothing that it follows', async () => {
    const { tide } = create()
    for (const subscribe of [['z'], [], undefined]) {
      const { session, client } = await open(tide, { topics: ['a', 'c/*'] })
      expect(await session.renew({ user: 'ada', subscribe })).toBe(false)
      expect(client.control('bye')).toMatchObject([{ reason: 'forbidden' }])
      expect(client.control('topics')).toEqual([])
      expect(await session.closed).toBe('forbidden')
    }
    expect(tide.stats().closed.forbidden).toBe(3)
  })

  test('that is revoked or replaced is told so, and counted by that name', async () => {
    const { tide } = create()
    for (const reason of ['revoked', 'replaced']) {
      const { session, client } = await open(tide)
      await session.end(reason)
      expect(client.control('bye')).toMatchObject([{ reason }])
    }
    expect(tide.stats().closed).toMatchObject({ revoked: 1, replaced: 1, ended: 0 })
  })

  test('loses what the application had added beyond the grant as well', async () => {
    const { tide } = create()
    const { session, client } = await open(tide)
    await session.changeTopics({ add: ['own'] })
    await session.renew(ada)
    expect(session.topics).toEqual(['a'])
    expect(client.control('topics').at(-1)).toMatchObject({ removed: ['own'] })
  })

  test('keeps patterns only where one granted name holds all of them', async () => {
    const { tide } = create()
    const { session } = await open(tide, { topics: ['a', 'c/**'] })
    await session.renew({ user: 'ada', subscribe: ['a', 'c/*', 'c/*/**'] })
    expect(session.topics).toEqual(['a'])
  })

  test.each<[string, Grant | undefined, Grant]>([
    ['of another user', ada, { ...ada, user: 'bob' }],
    ['of nobody', ada, { subscribe: ['a'] }],
    ['of a user where it was nobody’s', { subscribe: ['a'] }, ada],
  ])('refuses a grant %s, and keeps the one that it has', async (_, grant, other) => {
    const { tide } = create()
    const { session } = await open(tide, grant === undefined ? {} : { grant })
    expect(await codeOf(session.renew({ ...other, permissions: ['admin'] }))).toBe('USER_DIFFERS')
    expect(session.permissions).toEqual([])
    expect(session.topics).toEqual(['a'])
  })

  test('refuses a grant that has ended, and keeps the one that it has', async () => {
    const { tide, clock } = create()
    const expiresAt = clock.now() + 1_000
    const { session } = await open(tide, { grant: { ...ada, expiresAt } })
    expect(await codeOf(session.renew({ ...ada, expiresAt: clock.now() }))).toBe('UNAUTHENTICATED')
    expect(session.expiresAt).toBe(expiresAt)
  })

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['a text', 'eyJhbGciOi'],
    ['a list', [ada]],
    ['a member that no node knows', { ...ada, rooms: {} }],
    ['topics that are none', { ...ada, subscribe: ['a//'] }],
    ['permissions that are a text', { ...ada, permissions: 'admin' }],
    ['a permission without a name', { ...ada, permissions: [''] }],
    ['a permission of 129 characters', { ...ada, permissions: ['p'.repeat(129)] }],
    ['101 permissions', { ...ada, permissions: Array.from({ length: 101 }, (_, i) => `p${i}`) }],
    ['claims that are a list', { ...ada, claims: ['jti'] }],
    ['claims that are a text', { ...ada, claims: 'jti' }],
    ['a claim that is an object', { ...ada, claims: { realm: { roles: [] } } }],
    ['a claim that is null', { ...ada, claims: { jti: null } }],
    ['a claim that is no number', { ...ada, claims: { iat: NaN } }],
    ['claims of more than 1,024 characters', { ...ada, claims: { jti: 'x'.repeat(1_024) } }],
    ['a recheck after nothing', { ...ada, recheckAfterMs: 0 }],
    ['a recheck after more than a day', { ...ada, recheckAfterMs: 86_400_001 }],
    ['a recheck after a text', { ...ada, recheckAfterMs: '5m' }],
  ])('refuses %s for a grant with a code', async (_, grant) => {
    const { tide } = create()
    const { session } = await open(tide)
    expect(await codeOf(session.renew(grant as Grant))).toBe('OPTION_INVALID')
    expect(session.topics).toEqual(['a'])
  })

  test('that the application has opened with topics of its own has no grant to renew', async () => {
    const { tide } = create()
    const client = new TestClient()
    const subscription = parseSubscriptionBody({ topics: ['a'] })
    const session = await tide.open(client.connect(), subscription, { user: 'ada' })
    expect(session.permissions).toEqual([])
    expect(session.claims).toEqual({})
    expect(await codeOf(session.renew(ada))).toBe('GRANT_MISSING')
    expect(await codeOf(tide.reach(session.id).renew({ by: fresh() }))).toBe('GRANT_MISSING')
  })

  test('of a node where everybody may everything has no grant either', async () => {
    const { tide } = create({ authorize: 'everyone' })
    await tide.fetch(new Request('http://localhost/?topic=a'))
    const [session] = tide.sessions()
    expect(await codeOf(session?.renew(ada) ?? Promise.resolve())).toBe('GRANT_MISSING')
    const reached = tide.reach(session?.id ?? '')
    expect(await codeOf(reached.renew({ by: fresh() }))).toBe('GRANT_MISSING')
  })

  test('with a grant that must be asked about again ends at that time, for nobody can be asked', async () => {
    const { tide, clock } = create()
    const { session, client } = await open(tide)
    expect(await session.renew({ ...ada, recheckAfterMs: 60_000 })).toBe(true)
    expect(session.expiresAt).toBe(clock.now() + 60_000)
    clock.advance(60_000)
    expect(client.control('bye')).toMatchObject([{ reason: 'expired' }])
  })
})

const fresh = (token = 'secret-token', headers: object = {}): ReturnType<typeof describeRequest> =>
  describeRequest(
    new Request('http://localhost/sessions', {
      method: 'PATCH',
      headers: { Authorization: `Bearer ${token}`, ...headers },
    }),
  )

describe('a session of another node', () => {
  async function startTwo(
    grants: Readonly<Record<string, Grant>>,
  ): Promise<Opened & Bench & { readonly near: Tidemark; readonly asked: PlainRequest[] }> {
    const clock = createFakeClock()
    const log = memoryLog({ clock })
    const asked: PlainRequest[] = []
    const authorize = (request: PlainRequest): Grant => {
      asked.push(request)
      const grant = grants[request.header('authorization') ?? '']
      if (grant === undefined) throw new ServerError('UNAUTHENTICATED', 'No such token.')
      return grant
    }
    const [near, tide] = ['near', 'far'].map((nodeName) => {
      const node = createTidemark({ log, clock, nodeName, authorize })
      onTestFinished(() => node.close())
      return node
    }) as [Tidemark, Tidemark]
    return { ...(await open(tide, { topics: ['a', 'b'] })), tide, near, clock, log, asked }
  }

  test('is renewed by its id; the grant travels, and no word of the request does', async () => {
    const grant = {
      user: 'ada',
      subscribe: ['a'],
      publish: ['publishable/**'],
      permissions: ['admin'],
      claims: { jti: 'two' },
    }
    const { near, log, client, session, asked } = await startTwo({ 'Bearer secret-token': grant })
    const { first } = await log.bounds()
    expect(await near.reach(session.id).renew({ by: fresh() })).toBe(true)
    expect(asked).toMatchObject([{ action: 'subscribe', topics: [] }])
    expect(session.topics).toEqual(['a'])
    expect(session.permissions).toEqual(['admin'])
    expect(session.claims).toEqual({ jti: 'two' })
    expect(client.control('topics')).toMatchObject([{ removed: ['b'] }])
    const { head } = await log.bounds()
    const topics = parseTopicSet(['$hub/control'])
    const { records } = await log.read({ topics, after: first, upTo: head, limit: 10 })
    expect(records).toHaveLength(2)
    expect(JSON.stringify(records)).not.toContain('secret-token')
    expect(JSON.stringify(records)).not.toContain('publishable')
  })

  test('is refused with the code of its own node, or of authorize', async () => {
    const { near, session } = await startTwo({ 'Bearer bob': { ...ada, user: 'bob' } })
    const reached = near.reach(session.id)
    expect(await codeOf(reached.renew({ by: fresh('bob') }))).toBe('USER_DIFFERS')
    expect(await codeOf(reached.renew({ by: fresh('other') }))).toBe('UNAUTHENTICATED')
    expect(await codeOf(reached.renew(undefined as never))).toBe('OPTION_INVALID')
    expect(await codeOf(reached.renew({} as never))).toBe('OPTION_INVALID')
    const gone = near.reach(`far.${'x'.repeat(22)}`)
    expect(await codeOf(gone.renew({ by: fresh('bob') }))).toBe('SESSION_NOT_FOUND')
  })

  test('ends where nothing is left, and the asker hears that it is not open', async () => {
    const { near, session, client } = await startTwo({ 'Bearer secret-token': { user: 'ada' } })
    expect(await near.reach(session.id).renew({ by: fresh() })).toBe(false)
    expect(client.control('bye')).toMatchObject([{ reason: 'forbidden' }])
  })

  test('takes a grant of a thousand long patterns, and is refused one that is no list', async () => {
    const subscribe = Array.from({ length: 999 }, (_, i) => `${'x'.repeat(240)}/${i}/**`)
    const { near, session } = await startTwo({
      'Bearer long': { user: 'ada', subscribe: [...subscribe, 'a'] },
      'Bearer wrong': { user: 'ada', subscribe: 'a' as never },
    })
    const reached = near.reach(session.id)
    expect(await reached.renew({ by: fresh('long') })).toBe(true)
    expect(session.topics).toEqual(['a'])
    expect(await codeOf(reached.renew({ by: fresh('wrong') }))).toBe('OPTION_INVALID')
  })
})

describe('the end of a grant', () => {
  test('is told 30 s before, once, and comes', async () => {
    const { tide, clock } = create()
    const grant = { ...ada, expiresAt: clock.now() + hour }
    const { client } = await open(tide, { grant })
    clock.advance(hour - tokenHintMs - 1)
    expect(client.control('token')).toEqual([])
    clock.advance(1)
    expect(client.control('token')).toEqual([{ expiresInMs: tokenHintMs }])
    clock.advance(tokenHintMs)
    expect(client.control('token')).toHaveLength(1)
    expect(client.control('bye')).toMatchObject([{ reason: 'expired' }])
  })

  test('that is near when the stream opens is told right behind tidemark.ready', async () => {
    const { tide, clock } = create()
    const { client } = await open(tide, { grant: { ...ada, expiresAt: clock.now() + 10_000 } })
    expect(client.events.map(({ type }) => type)).toEqual(['tidemark.ready', 'tidemark.token'])
    expect(client.control('token')).toEqual([{ expiresInMs: 10_000 }])
    clock.advance(9_999)
    expect(client.control('token')).toHaveLength(1)
  })

  test('is told again after each renewal, and not for a grant that ends when the last one did', async () => {
    const { tide, clock } = create()
    const grant = { ...ada, expiresAt: clock.now() + hour }
    const { client, session } = await open(tide, { grant })
    clock.advance(hour - 20_000)
    expect(client.control('token')).toHaveLength(1)
    await session.renew(grant)
    clock.advance(1_000)
    expect(client.control('token')).toHaveLength(1)
    await session.renew({ ...ada, expiresAt: clock.now() + 25_000 })
    clock.advance(0)
    expect(client.control('token')).toMatchObject([{}, { expiresInMs: 25_000 }])
    await session.renew({ ...ada, expiresAt: clock.now() + hour })
    clock.advance(hour - 30_001)
    expect(client.control('token')).toHaveLength(2)
    clock.advance(1)
    expect(client.control('token')).toHaveLength(3)
    await session.renew(ada)
    clock.advance(10 * hour)
    expect(tide.sessionCount).toBe(1)
  })

  test('is told of an end that the application moves, too', async () => {
    const { tide, clock } = create()
    const subscription = parseSubscriptionBody({ topics: ['a'] })
    const client = new TestClient()
    const session = await tide.open(client.connect(), subscription, { user: 'ada' })
    await settle()
    await session.setExpiry(clock.now() + 60_000)
    clock.advance(30_000)
    expect(client.control('token')).toEqual([{ expiresInMs: 30_000 }])
    await session.setExpiry(undefined)
    clock.advance(hour)
    expect(tide.sessionCount).toBe(1)
  })

  test('gathers no hints for a socket that takes nothing: it gets one when it drains, or none', async () => {
    const { tide, clock } = create()
    const { client } = await open(tide, { grant: { ...ada, expiresAt: clock.now() + hour } })
    clock.advance(hour - 60_000)
    client.connection?.block()
    await tide.publish('a', { data: 'fills it' })
    await settle()
    const writes = client.connection?.writes
    clock.advance(50_000)
    expect(client.connection?.writes).toBe(writes)
    client.connection?.unblock()
    clock.advance(untoldRetryMs)
    expect(client.control('token')).toEqual([{ expiresInMs: 10_000 - untoldRetryMs }])
    clock.advance(untoldRetryMs * 5)
    expect(client.control('token')).toHaveLength(1)
  })

  test('comes to a stream that has not begun, which then gets no hint', async () => {
    const inner = memoryLog()
    const log = wrapLog(inner, {
      read: (query) =>
        query.topics.matches('a' as never) ? new Promise(() => undefined) : inner.read(query),
    })
    await log.append({ events: [{ topic: 'a' as never, data: 'old' }] })
    const { tide, clock } = create({ log })
    const grant = { ...ada, expiresAt: clock.now() + 60_000 }
    const { client } = await open(tide, { grant, since: 'earliest' })
    clock.advance(59_999)
    expect(client.events).toEqual([])
    clock.advance(1)
    expect(tide.sessionCount).toBe(0)
  })

  test('is told to a thousand streams by one timer, and forgotten when they leave', async () => {
    const { tide, clock } = create()
    const quiet = clock.pending
    const clients: TestClient[] = []
    for (let i = 0; i < 1_000; i++) {
      const grant = { ...ada, expiresAt: clock.now() + hour + i }
      clients.push((await open(tide, { grant })).client)
    }
    expect(clock.pending).toBeLessThan(quiet + 5)
    clock.advance(hour - 20_000)
    for (const client of clients) expect(client.control('token')).toHaveLength(1)
    for (const client of clients) client.connection?.cut()
    expect(clock.pending).toBe(quiet)
  })
})

describe('topics that a stream has lost', () => {
  test('are told once it takes something, all of them at once, and cost what topic sets cost', async () => {
    const { tide } = create()
    const { client, session } = await open(tide, { topics: ['a', 'b', 'c/1', 'c/2'] })
    client.connection?.block()
    await tide.publish('a', { data: 'fills it' })
    await settle()
    await session.renew({ user: 'ada', subscribe: ['a', 'c/**'] })
    await session.renew({ user: 'ada', subscribe: ['a', 'c/1'] })
    expect(session.topics).toEqual(['a', 'c/1'])
    expect(client.control('topics')).toEqual([])
    expect(tide.stats().now.topicSetsBytes).toBeGreaterThan(0)
    await tide.publish('c/2', { data: 'not for it' })
    await tide.publish('c/1', { data: 'for it' })
    client.connection?.unblock()
    await settle(3)
    const told = { added: [], removed: ['b', 'c/2'], reason: 'not-granted' }
    expect(client.control('topics')).toEqual([told])
    expect(dataOf(client)).toEqual(['fills it', 'for it'])
    expect(tide.stats().now.topicSetsBytes).toBe(0)
  })

  test('of streams that take nothing are bounded: beyond that their streams end', async () => {
    const { tide } = create({ topicSetsBytesMax: topicSetsBytesMin })
    const sessions: SessionHandle[] = []
    const names = Array.from({ length: 300 }, (_, i) => `a/${'x'.repeat(100)}/${i}`)
    for (let i = 0; i < 80; i++) {
      const grant = { user: 'ada', subscribe: ['a/**'] }
      const { client, session } = await open(tide, { grant, topics: ['a/0', ...names] })
      client.connection?.block()
      sessions.push(session)
    }
    await tide.publish('a/0', { data: 'fills them' })
    await settle()
    const refused: unknown[] = []
    for (const session of sessions) {
      const code = await codeOf(session.renew({ user: 'ada', subscribe: ['a/0'] }))
      if (code !== true) refused.push(code)
    }
    expect(new Set(refused)).toEqual(new Set(['FULL']))
    expect(tide.stats().now.topicSetsBytes).toBeLessThanOrEqual(topicSetsBytesMin)
    const { closed } = tide.stats()
    expect(tide.sessionCount).toBeGreaterThan(5)
    expect(tide.sessionCount).toBeLessThan(80)
    expect(closed.full).toBe(80 - tide.sessionCount)
    for (const session of sessions) await session.end()
    expect(tide.stats().now.topicSetsBytes).toBe(0)
  })
})

describe('a renewal beside changes of topics', () => {
  /** The session stands in a replay of `b`, so that a change that adds others waits. */
  async function startReplay(bench: Bench): Promise<Opened> {
    const opened = await open(bench.tide)
    const { cursor } = await bench.tide.publish('b', { data: '0' })
    await bench.tide.publish('b', { data: '1' })
    opened.client.connection?.block()
    await bench.tide.publish('a', { data: 'fills it' })
    await settle(3)
    expect(await opened.session.changeTopics({ add: ['b'], from: cursor })).toBe(true)
    return opened
  }

  test('takes out what is not granted ahead of changes that wait, and those are held against it', async () => {
    const bench = create()
    const { session, client } = await startReplay(bench)
    const waiting = codeOf(session.changeTopics({ add: ['c/1'] }))
    const allowed = session.changeTopics({ add: ['c/2'] })
    await settle()
    expect(await session.renew({ user: 'ada', subscribe: ['a', 'c/2'] })).toBe(true)
    expect(session.topics).not.toContain('b')
    client.connection?.unblock()
    await settle(10)
    expect(await waiting).toBe('TOPIC_FORBIDDEN')
    expect(await allowed).toBe(true)
    expect(session.topics).toEqual(['a', 'c/2'])
    // A change that comes later has its own word.
    expect(await session.changeTopics({ add: ['c/1'] })).toBe(true)
    expect(dataOf(client)).toEqual(['fills it'])
  })

  test.each<[string, () => Promise<string>, (clock: FakeClock) => void]>([
    [
      'cannot keep the smaller set',
      () => Promise.reject(new ServerError('LOG_UNAVAILABLE', 'No.')),
      () => undefined,
    ],
    [
      'cannot keep it in time',
      () => new Promise(() => undefined),
      (clock) => clock.advance(controlMs),
    ],
  ])('that %s ends the stream, and says why', async (_, keep, pass) => {
    const clock = createFakeClock()
    const settings = readOptions({ log: memoryLog({ clock }), clock, authorize: () => ada })
    const none = { find: () => Promise.resolve(undefined), refresh: () => Promise.resolve() }
    const topicSets: TopicSetTable = { ...none, keep, close: () => undefined }
    const tide = new NodeTidemark({ ...settings, topicSets })
    onTestFinished(() => tide.close())
    const { session, client } = await open(tide, { topics: ['a', 'b'] })
    const narrow = codeOf(session.renew({ user: 'ada', subscribe: ['a'] }))
    await settle()
    pass(clock)
    expect(await narrow).toBe('LOG_UNAVAILABLE')
    expect(client.control('bye')).toMatchObject([{ reason: 'log-unavailable' }])
    expect(tide.sessionCount).toBe(0)
  })

  test('comes to rest where changes and renewals are made all at once', async () => {
    const { tide } = create()
    const { session, client } = await open(tide, { topics: ['a', 'b'] })
    const done = [
      session.changeTopics({ add: ['c/1'] }),
      session.renew({ user: 'ada', subscribe: ['a', 'c/**'] }),
      session.changeTopics({ add: ['c/2'] }),
      session.renew({ user: 'ada', subscribe: ['a', 'c/2'] }),
      session.changeTopics({ remove: ['a'] }),
    ]
    await Promise.allSettled(done)
    await settle(3)
    expect(session.topics).toEqual(['c/2'])
    await tide.publish('c/2', { data: 'here' })
    await tide.publish('c/1', { data: 'not here' })
    await settle(3)
    expect(dataOf(client)).toEqual(['here'])
  })
})

describe('a permission', () => {
  test.each<[string, Grant, string | undefined]>([
    ['a user who has it', { user: 'ada', permissions: ['sse:read', 'admin'] }, undefined],
    ['nobody in particular, who has it', { permissions: ['admin'] }, undefined],
    [
      'a user who has another one',
      { user: 'ada', permissions: ['administer'] },
      'PERMISSION_MISSING',
    ],
    ['a user who has none', { user: 'ada' }, 'PERMISSION_MISSING'],
    ['nobody in particular', {}, 'UNAUTHENTICATED'],
  ])('is asked for %s', async (_, grant, code) => {
    const asked: PlainRequest[] = []
    const authorize = (request: PlainRequest): Grant => {
      asked.push(request)
      return grant
    }
    const { tide } = create({ authorize })
    expect(await codeOf(tide.requirePermission(fresh(), 'admin'))).toBe(code)
    expect(asked).toMatchObject([{ action: 'admin', topics: [], method: 'PATCH' }])
    if (code !== undefined) expect(tide.stats().refused).toEqual({ [code]: 1 })
  })

  test('is everybody’s where everybody may everything, and nobody’s where nobody was asked', async () => {
    await create({ authorize: 'everyone' }).tide.requirePermission(fresh(), 'admin')
    const tide = createTidemark()
    onTestFinished(() => tide.close())
    expect(await codeOf(tide.requirePermission(fresh(), 'admin'))).toBe('AUTHORIZE_MISSING')
    const { tide: asking } = create({ authorize: 'everyone' })
    expect(await codeOf(asking.requirePermission(fresh(), ''))).toBe('OPTION_INVALID')
    expect(await codeOf(asking.requirePermission({} as never, 'admin'))).toBe('OPTION_INVALID')
  })
})
