// Open sessions in the application's hands: found, spoken to and ended, and forgotten however they close.

import { memoryLog, parseTopic } from '@tidemark/log'
import { createFakeClock, createRandom } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import { parseSubscriptionBody } from '../src/hub/index.ts'
import type { Sink } from '../src/hub/index.ts'
import type { SessionHandle, SessionOwner, Tidemark, TidemarkOptions } from '../src/index.ts'
import { earlyEventsMax, heldBlocksBytesMax } from '../src/limits.ts'
import { KeepingSink } from './support/keeping-sink.ts'
import { serve } from './support/node-server.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'
import { wrapLog } from './support/wrap-log.ts'

function create(options: Partial<TidemarkOptions> = {}): { tide: Tidemark; clock: FakeClock } {
  const clock = createFakeClock()
  const tide = createTidemark({ log: memoryLog({ clock }), clock, ...options })
  onTestFinished(() => tide.close())
  return { tide, clock }
}

interface Opened {
  readonly client: TestClient
  readonly session: SessionHandle
}

async function open(tide: Tidemark, owner?: SessionOwner, body: object = {}): Promise<Opened> {
  const client = new TestClient()
  const subscription = parseSubscriptionBody({ topics: ['a'], ...body })
  const session = await tide.open(client.connect(), subscription, owner)
  await settle()
  return { client, session }
}

const idsOf = (sessions: readonly SessionHandle[]): string[] => sessions.map(({ id }) => id)

test('an id names its node, is safe in a header and a URL, and no two are the same', async () => {
  const { tide } = create({ nodeName: 'eu-1_B' })
  const ids = new Set<string>()
  for (let i = 0; i < 200; i++) ids.add((await open(tide)).session.id)
  expect(ids.size).toBe(200)
  for (const id of ids) expect(id).toMatch(/^eu-1_B\.[0-9A-Za-z_-]{22}$/)
  const { client, session } = await open(tide)
  expect(client.control('ready')).toMatchObject([{ session: session.id }])
  expect(createTidemark({ log: memoryLog() }).nodeName).toMatch(/^[0-9a-z]{8}$/)
})

test.each([
  ['a name with a dot, where the rest of the id would begin', 'eu.1'],
  ['a name with a line break', 'eu\n1'],
  ['a name with a slash', 'eu/1'],
  ['no name', ''],
  ['a name of 33 characters', 'n'.repeat(33)],
])('a node refuses %s', (_, nodeName) => {
  const refusal = expect.objectContaining({ code: 'OPTION_INVALID' })
  expect(() => createTidemark({ log: memoryLog(), nodeName })).toThrow(refusal)
})

test('sessions are found by id, by user and by label, and are gone from everywhere when they close', async () => {
  const { tide } = create()
  const first = await open(tide, { user: 'ada', label: 'phone' })
  const second = await open(tide, { user: 'ada', label: 'page' })
  const third = await open(tide, { user: 'bob', label: 'phone' })
  const nobody = await open(tide)
  expect(tide.session(first.session.id)).toMatchObject({ user: 'ada', label: 'phone' })
  expect(idsOf(tide.sessions({ user: 'ada' }))).toEqual(idsOf([first.session, second.session]))
  expect(idsOf(tide.sessions({ label: 'phone' }))).toEqual(idsOf([first.session, third.session]))
  expect(idsOf(tide.sessions({ user: 'ada', label: 'phone' }))).toEqual([first.session.id])
  expect(tide.sessions()).toHaveLength(4)
  first.client.connection?.cut()
  await second.session.end()
  expect(tide.session(first.session.id)).toBeUndefined()
  expect(tide.sessions({ user: 'ada' })).toEqual([])
  expect(idsOf(tide.sessions({ label: 'phone' }))).toEqual([third.session.id])
  expect(idsOf(tide.sessions())).toEqual(idsOf([third.session, nobody.session]))
})

test('a group is counted apart from the label, which a grant never changes', async () => {
  const { tide } = create()
  const first = await open(tide, { label: 'phone', group: '192.0.2.1' })
  const second = await open(tide, { label: '192.0.2.1', group: '192.0.2.2' })
  expect(idsOf(tide.sessions({ group: '192.0.2.1' }))).toEqual([first.session.id])
  expect(idsOf(tide.sessions({ label: '192.0.2.1' }))).toEqual([second.session.id])
  expect(tide.sessions({ label: 'phone', group: '192.0.2.2' })).toEqual([])
  expect(first.session).toMatchObject({ label: 'phone', group: '192.0.2.1' })
})

interface LabelCase {
  readonly query?: string
  readonly body?: object
  readonly label?: string
  readonly topics?: readonly string[]
}

test.each<[string, LabelCase, string | undefined]>([
  ['the query', { query: '?topic=a&label=kitchen' }, 'kitchen'],
  ['the body of a POST', { body: { topics: ['a'], label: 'kitchen' } }, 'kitchen'],
  ['the application first', { query: '?topic=a&label=kitchen', label: 'hall' }, 'hall'],
  [
    'nobody where the application has chosen the topics',
    { query: '?label=x', topics: ['a'] },
    undefined,
  ],
])('the label of a stream is given by %s', async (_, { query = '', body, ...options }, label) => {
  const { tide } = create({ authorize: () => ({ user: 'ada', subscribe: ['**'] }) })
  const init = body && {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json' },
  }
  const response = await tide.fetch(new Request(`http://localhost/${query}`, init), options)
  expect(response.status).toBe(200)
  expect(tide.sessions().map((session) => session.label)).toEqual([label])
  await tide.close()
})

test('a user who is not known is not taken for everybody', async () => {
  const { tide } = create()
  await open(tide, { user: 'ada' })
  const stranger: { readonly id?: string } = {}
  const refusal = expect.objectContaining({ code: 'OPTION_INVALID' })
  expect(() => tide.sessions({ user: stranger.id as string })).toThrow(refusal)
})

test('after thousands of sessions that came and went in every way, nothing of them is kept', async () => {
  const random = createRandom(11)
  const { tide, clock } = create({ stalledAfterMs: 1_000, topicSetsBytesMax: 1e9 })
  const opened: Opened[] = []
  const closed = new Map<string, string>()
  for (let i = 0; i < 1_500; i++) {
    const expiresAt = random.int(3) === 0 ? clock.now() + random.int(5_000) : undefined
    const owner = { user: `u${random.int(20)}`, label: `l${random.int(5)}`, expiresAt }
    const one = await open(tide, owner, { topics: [`t/${random.int(10)}`] })
    opened.push(one)
    void one.session.closed.then((reason) => closed.set(one.session.id, reason))
    const other = opened[random.int(opened.length - 1)]
    const act = random.int(6)
    if (act === 0) other?.client.connection?.cut()
    else if (act === 1) other?.client.connection?.block()
    else if (act === 2) void other?.session.end('kicked')
    else if (act === 3) void other?.session.changeTopics({ add: [`t/${random.int(20)}`] })
    else if (act === 4) void other?.session.send({ data: 'x' })
    if (random.int(9) === 0) clock.advance(700)
    const counted = tide.sessions().length
    expect(tide.sessionCount).toBe(counted)
  }
  await tide.publish('t/1', { data: 'x' })
  clock.advance(60_000)
  const drained = tide.drain(1_000_000)
  for (let i = 0; i < 50; i++) {
    clock.advance(6_000)
    await settle()
  }
  await drained
  expect(tide.sessions()).toEqual([])
  for (let i = 0; i < 20; i++) expect(tide.sessions({ user: `u${i}` })).toEqual([])
  expect(closed.size).toBe(1_500)
  const reasons = new Set(closed.values())
  expect([...reasons].toSorted()).toEqual(
    ['disconnected', 'draining', 'expired', 'kicked', 'stalled'].toSorted(),
  )
})

test('an event of its own reaches one session, in its framing, and moves no cursor', async () => {
  const { tide } = create()
  const plain = await open(tide)
  const other = await open(tide)
  await tide.publish('a', { data: 'before' })
  await settle()
  const cursor = plain.client.lastEventId
  expect(await plain.session.send({ type: 'hello', data: { you: 'are here' } })).toBe(true)
  expect(plain.client.lastEventId).toBe(cursor)
  await tide.publish('a', { data: 'after' })
  await settle()
  expect(plain.client.published.map(({ type, data }) => [type, data])).toEqual([
    ['message', 'before'],
    ['hello', '{"you":"are here"}'],
    ['message', 'after'],
  ])
  expect(other.client.published.map(({ data }) => data)).toEqual(['before', 'after'])
})

const enveloped = '{"type":"own","time":1767268800000,"data":1}'

test.each<[string, object, { readonly type: string; readonly data: string }]>([
  ['envelopes', { framing: 'envelope' }, { type: 'own', data: enveloped }],
  ['batches', { framing: 'batch' }, { type: 'batch', data: `[${enveloped}]` }],
  ['events named by topic', { event: 'topic' }, { type: 'own', data: '1' }],
])(
  'an event of its own in a stream of %s has no topic it was not given',
  async (_, shape, looks) => {
    const { tide } = create()
    const { client, session } = await open(tide, undefined, shape)
    await session.send({ type: 'own', data: 1 })
    expect(client.published).toMatchObject([{ ...looks, id: client.lastEventId }])
    await session.send({ type: 'own', data: 1, topic: 'rooms/1' })
    const second = client.published[1]
    expect(`${second?.type} ${second?.data}`).toContain('rooms/1')
  },
)

test.each([
  ['that looks like the hub’s own', { type: 'tidemark.bye', data: 'x' }, 'EVENT_TYPE_INVALID'],
  ['whose type forges a second event', { type: 'a\ndata: x', data: 'x' }, 'EVENT_TYPE_INVALID'],
  ['of a topic of the hub', { topic: '$hub/state', data: 'x' }, 'TOPIC_RESERVED'],
  ['that is larger than the limit', { data: 'x'.repeat(1024 * 1024 + 1) }, 'EVENT_TOO_LARGE'],
])('an event of its own %s is refused as a publish is', async (_, event, code) => {
  const { tide } = create()
  const { client, session } = await open(tide)
  await expect(session.send(event)).rejects.toMatchObject({ code })
  expect(client.published).toEqual([])
})

test('what was sent before the stream had begun comes right behind its first event', async () => {
  let release: (() => void) | undefined
  const topic = parseTopic('a')
  const inner = memoryLog()
  const log = wrapLog(inner, {
    read: async (query) => {
      if (query.topics.matches(topic)) await new Promise<void>((resolve) => (release = resolve))
      return inner.read(query)
    },
  })
  await inner.append({ events: [{ topic, data: 'old' }] })
  const { tide } = create({ log })
  const { client, session } = await open(tide, undefined, { since: 'earliest' })
  expect(client.events).toEqual([])
  const sent = [session.send({ data: 'hello' }), session.send({ data: 'again' })]
  const others: Promise<boolean>[] = []
  for (let i = 0; i < 2 * earlyEventsMax; i++) others.push(session.send({ data: String(i) }))
  const large = session.send({ data: 'x'.repeat(70_000) })
  await settle()
  expect(await large, 'no more waits than for a socket').toBe(false)
  release?.()
  expect(await Promise.all(sent)).toEqual([true, true])
  const kept = (await Promise.all(others)).filter(Boolean)
  expect(kept).toHaveLength(earlyEventsMax - 2)
  await expect.poll(() => client.published.at(-1)?.data).toBe('old')
  const data = client.events.map((event) => (event.type === 'message' ? event.data : event.type))
  expect(data.slice(0, 4)).toEqual(['tidemark.ready', 'hello', 'again', '0'])
})

test('a session that closes before its stream has begun tells that its events were not written', async () => {
  const topic = parseTopic('a')
  const inner = memoryLog()
  const log = wrapLog(inner, {
    read: (query) =>
      query.topics.matches(topic) ? new Promise(() => undefined) : inner.read(query),
  })
  await log.append({ events: [{ topic, data: 'old' }] })
  const { tide } = create({ log })
  const { client, session } = await open(tide, undefined, { since: 'earliest' })
  const sent = session.send({ data: 'hello' })
  await settle()
  client.connection?.cut()
  expect(await sent).toBe(false)
  expect(client.events).toEqual([])
})

test('a socket that takes nothing gets no events of its own, and none are kept for it', async () => {
  const { tide } = create()
  const { client, session } = await open(tide)
  client.connection?.block()
  expect(await session.send({ data: 'the one that fills it' })).toBe(true)
  const writes = client.connection?.writes
  for (let i = 0; i < 100; i++) expect(await session.send({ data: 'x' })).toBe(false)
  expect(client.connection?.writes).toBe(writes)
  await tide.publish('a', { data: 'published' })
  client.connection?.unblock()
  await settle()
  await settle()
  expect(client.published.map(({ data }) => data)).toEqual(['the one that fills it', 'published'])
  expect(await session.send({ data: 'again' })).toBe(true)
})

test('a session whose rate is used up gets no events of its own', async () => {
  const { tide } = create()
  const { client, session } = await open(tide, undefined, { eventsPerSecondMax: 3 })
  const outcomes: boolean[] = []
  for (let i = 0; i < 6; i++) outcomes.push(await session.send({ data: String(i) }))
  expect(outcomes).toEqual([true, true, true, false, false, false])
  expect(client.published).toHaveLength(3)
})

test('large events of their own that nobody reads are bounded together', async () => {
  const { tide } = create({ eventBytesMax: 16 * 1024 * 1024 })
  const sinks: KeepingSink[] = []
  const data = 'x'.repeat(16 * 1024 * 1024)
  for (let i = 0; i < 12; i++) {
    const sink = new KeepingSink(true)
    sinks.push(sink)
    const session = await tide.open(sink, parseSubscriptionBody({ topics: ['a'] }))
    await settle()
    expect(await session.send({ data })).toBe(true)
  }
  const held = sinks.filter(({ isAborted }) => !isAborted)
  const bytes = held.reduce((sum, { bytesWaiting }) => sum + bytesWaiting, 0)
  expect(bytes).toBeLessThan(heldBlocksBytesMax + 17 * 1024 * 1024)
  expect(held.length).toBeLessThan(12)
})

test('what a handle is asked for in the middle of a flush costs its session no event', async () => {
  const { tide } = create({ flushWindowMs: 0 })
  const sessions: SessionHandle[] = []
  const last = new TestClient()
  const asking: Sink = {
    write: () => {
      for (const session of sessions) void session.send({ type: 'own', data: 'x' })
      for (const session of sessions) void session.changeTopics({ add: ['b'] })
      return true
    },
    end: () => undefined,
    abort: () => undefined,
    listen: () => undefined,
  }
  await tide.open(asking, parseSubscriptionBody({ topics: ['a'] }))
  sessions.push(await tide.open(last.connect(), parseSubscriptionBody({ topics: ['a'] })))
  await settle()
  last.connection?.block()
  for (let i = 0; i < 5; i++) await tide.publish('a', { data: String(i) })
  for (let i = 0; i < 5; i++) {
    await settle()
    last.connection?.unblock()
  }
  const got = last.published.filter(({ type }) => type === 'message').map(({ data }) => data)
  expect(got).toEqual(['0', '1', '2', '3', '4'])
})

test('an ended session is told why, and the application as well', async () => {
  const { tide } = create()
  const { client, session } = await open(tide, { user: 'ada' })
  await Promise.all([session.send({ data: 'last words' }), session.end('signed-out')])
  expect(client.published.map(({ data }) => data)).toEqual(['last words'])
  expect(client.control('bye')).toMatchObject([{ reason: 'signed-out' }])
  expect(await session.closed).toBe('signed-out')
  expect(await tide.session(session.id)?.closed).toBeUndefined()
  expect(await session.send({ data: 'x' })).toBe(false)
  expect(await session.changeTopics({ add: ['b'] })).toBe(false)
  await session.end()
  expect(client.control('bye')).toHaveLength(1)
})

test.each([
  ['the client leaves', (client: TestClient) => client.connection?.cut(), 'disconnected'],
  [
    'the node drains',
    (_: TestClient, tide: Tidemark) => void tide.drain(1_000_000).catch(() => undefined),
    'draining',
  ],
])(
  'when %s, its closed resolves with the reason, whenever it is looked at',
  async (_, leave, reason) => {
    const { tide } = create()
    const { client, session } = await open(tide)
    const early = session.closed
    leave(client, tide)
    await settle()
    expect(await early).toBe(reason)
    expect(await session.closed).toBe(reason)
  },
)

test('a sink that throws when it is listened to leaves no session behind', async () => {
  const { tide } = create()
  const broken: Sink = {
    write: () => true,
    end: () => undefined,
    abort: () => undefined,
    listen: () => {
      throw new Error('middleware at fault')
    },
  }
  const subscription = parseSubscriptionBody({ topics: ['a'] })
  await expect(tide.open(broken, subscription, { user: 'ada' })).rejects.toThrow('at fault')
  expect(tide.sessions({ user: 'ada' })).toEqual([])
  expect(tide.sessionCount).toBe(0)
  expect(await tide.publish('a', { data: 'x' })).toMatchObject({ sessions: 0 })
})

test('when a grant ends its stream is told goodbye, and a request that comes later is refused', async () => {
  const clock = createFakeClock()
  const expiresAt = clock.now() + 60_000
  const authorize = () => ({ user: 'ada', subscribe: ['**'], publish: ['**'], expiresAt })
  const { tide } = create({ clock, log: memoryLog({ clock }), authorize })
  const ask = (): Promise<Response> => tide.fetch(new Request('http://localhost/events?topic=a'))
  const response = await ask()
  expect(tide.sessions({ user: 'ada' })).toHaveLength(1)
  clock.advance(59_999)
  expect(tide.sessionCount).toBe(1)
  clock.advance(1)
  expect(tide.sessionCount).toBe(0)
  expect(await response.text()).toContain('"reason":"expired"')
  const refused = await ask()
  expect(refused.status).toBe(401)
  expect(await refused.json()).toMatchObject({ code: 'UNAUTHENTICATED' })
})

test.each([
  [
    'the application, which has chosen the topics',
    { topics: ['a'], user: 'bob', label: 'page' },
    'bob',
  ],
  ['the grant, where the client has chosen them', { label: 'page' }, 'ada'],
])('a session is of the user of %s, at either door', async (_, options, user) => {
  const { tide } = create({ authorize: () => ({ user: 'ada', subscribe: ['**'] }) })
  const server = await serve((request, response) => void tide.subscribe(request, response, options))
  const stream = await fetch(`http://127.0.0.1:${server.port}/?topic=a`)
  await tide.fetch(new Request('http://localhost/?topic=a'), options)
  expect(tide.sessions({ user, label: 'page' })).toHaveLength(2)
  for (const session of tide.sessions()) await session.end()
  await stream.text()
  await server.close()
  const refused = await tide.fetch(new Request('http://localhost/?topic=a'), { label: '' })
  expect(refused.status).toBe(500)
  expect(tide.sessions()).toEqual([])
})

test('a fresh token keeps a stream open past the end of the last one, and a revoked one ends it', async () => {
  const { tide, clock } = create()
  const { session, client } = await open(tide, { user: 'ada', expiresAt: clock.now() + 1_000 })
  expect(session.expiresAt).toBe(clock.now() + 1_000)
  const later = clock.now() + 5_000
  expect(await session.setExpiry(later)).toBe(true)
  clock.advance(4_999)
  expect(session.expiresAt).toBe(later)
  expect(tide.sessions({ user: 'ada' })).toHaveLength(1)
  expect(await session.setExpiry(undefined)).toBe(true)
  expect(session.expiresAt).toBeUndefined()
  clock.advance(3_600_000)
  expect(tide.sessionCount).toBe(1)
  expect(await session.setExpiry(clock.now())).toBe(false)
  expect(await session.closed).toBe('expired')
  expect(client.control('bye')).toMatchObject([{ reason: 'expired' }])
  expect(await session.setExpiry(clock.now() + 1_000)).toBe(false)
  expect(session.expiresAt).toBeUndefined()
  expect(tide.sessionCount).toBe(0)
})

test.each([NaN, 0, 1_764_280_000, Infinity, '2030', null])(
  'an end at %s is refused, and the session keeps the one that it has',
  async (value) => {
    const { tide, clock } = create()
    const { session } = await open(tide, { expiresAt: clock.now() + 1_000 })
    const setting = session.setExpiry(value as number)
    await expect(setting).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    clock.advance(1_000)
    expect(tide.sessionCount).toBe(0)
  },
)

test('an end in the far future does not come at once, and holds while the clock is set', async () => {
  const { tide, clock } = create()
  const far = clock.now() + 50 * 366 * 86_400_000
  const { session } = await open(tide, { expiresAt: far })
  await settle()
  clock.advance(2 ** 31)
  expect(tide.sessionCount).toBe(1)
  expect(session.expiresAt).toBe(far)
})

test('a session that leaves long before its grant ends is not kept until then', async () => {
  const { tide, clock } = create()
  const quiet = clock.pending
  const { client } = await open(tide, { expiresAt: clock.now() + 86_400_000 })
  expect(clock.pending).toBeGreaterThan(quiet)
  client.connection?.cut()
  expect(clock.pending).toBe(quiet)
})

test('tide.subscribe gives the session of a response, and nothing for one that was refused or asked for its head', async () => {
  const { tide } = create({ authorize: 'everyone' })
  const given: (SessionHandle | undefined)[] = []
  const server = await serve((request, response) => {
    void tide.subscribe(request, response).then((session) => given.push(session))
  })
  const url = `http://127.0.0.1:${server.port}`
  const stream = await fetch(`${url}/?topic=a`)
  const reader = stream.body?.getReader()
  const first = new TextDecoder().decode((await reader?.read())?.value)
  await expect.poll(() => given.length).toBe(1)
  expect(first).toContain(given[0]?.id)
  await fetch(`${url}/?topic=`)
  await fetch(`${url}/?topic=a`, { method: 'HEAD' })
  await expect.poll(() => given.length).toBe(3)
  expect(given.slice(1)).toEqual([undefined, undefined])
  await given[0]?.send({ data: 'to you' })
  expect(new TextDecoder().decode((await reader?.read())?.value)).toContain('data: to you')
  await given[0]?.end()
  await server.close()
})
