// An observer of a node is told of each session once when it opens and once when it closes. The reason is
// right, however the session ends.

import { memoryLog, parseTopic } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type { NodeObserver, SessionHandle, Tidemark, TidemarkOptions } from '../src/index.ts'
import { parseSubscriptionBody } from '../src/hub/index.ts'
import { doors } from './support/doors.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'
import type { TestSink } from './support/test-client.ts'
import { wrapLog } from './support/wrap-log.ts'

type Said = { readonly [name: string]: unknown }
type Names = keyof NodeObserver

const names: readonly Names[] = [
  'opened',
  'closed',
  'refused',
  'published',
  'flushed',
  'lagged',
  'caughtUp',
  'failed',
]

/** Writes down what it is told. */
function listen(): { readonly observer: NodeObserver; readonly of: (name: Names) => Said[] } {
  const said: [Names, Said][] = []
  const methods = names.map((name) => [name, (event: Said) => said.push([name, event])])
  return {
    observer: Object.fromEntries(methods) as NodeObserver,
    of: (name) => said.filter(([other]) => other === name).map(([, event]) => event),
  }
}

interface Scene {
  readonly tide: Tidemark
  readonly clock: FakeClock
  readonly of: (name: Names) => Said[]
  readonly errors: unknown[]
}

function create(options: Partial<TidemarkOptions> = {}): Scene {
  const clock = createFakeClock()
  const errors: unknown[] = []
  const { observer, of } = listen()
  const log = options.log ?? memoryLog({ clock })
  const onError = (error: unknown): void => void errors.push(error)
  const tide = createTidemark({ clock, observer, onError, ...options, log })
  onTestFinished(() => tide.close())
  return { tide, clock, of, errors }
}

interface Opened {
  readonly client: TestClient
  readonly sink: TestSink
  readonly session: SessionHandle
}

async function open(tide: Tidemark, body: object = {}, expiresAt?: number): Promise<Opened> {
  const client = new TestClient()
  const sink = client.connect()
  const subscription = parseSubscriptionBody({ topics: ['a', 'b/*'], ...body })
  const session = await tide.open(sink, subscription, { user: 'ada', label: 'page', expiresAt })
  await settle()
  return { client, sink, session }
}

/** A log whose pages of topic `a` come when `release` is called. */
function holdReads(inner: EventLog): { readonly log: EventLog; readonly release: () => void } {
  const waiting: (() => void)[] = []
  const log = wrapLog(inner, {
    read: async (query) => {
      const isHeld = query.topics.matches(parseTopic('a'))
      if (isHeld) await new Promise<void>((resolve) => waiting.push(resolve))
      return inner.read(query)
    },
  })
  return { log, release: () => waiting.splice(0).forEach((resolve) => resolve()) }
}

interface Ending {
  readonly scene: Scene
  readonly opened: Opened
}

const endings: readonly (readonly [
  name: string,
  reason: string,
  end: (ending: Ending) => unknown,
])[] = [
  ['its client leaves', 'disconnected', ({ opened }) => opened.sink.cut()],
  ['the application ends it', 'ended', ({ opened }) => opened.session.end()],
  [
    'the application says why it ends it',
    'signed-out',
    ({ opened }) => opened.session.end('signed-out'),
  ],
  ['what was granted has expired', 'expired', ({ scene }) => scene.clock.advance(10_000_000)],
  ['the node drains', 'draining', ({ scene }) => void scene.tide.drain(1_000_000)],
  ['the node closes', 'draining', ({ scene }) => scene.tide.close()],
  [
    'its socket takes nothing for minutes',
    'stalled',
    async ({ scene, opened }) => {
      opened.sink.block()
      await scene.tide.publish('a', { data: 'x' })
      await settle()
      scene.clock.advance(700_000)
    },
  ],
  [
    'its sink throws an error in the middle of a flush',
    'failed',
    async ({ scene, opened }) => {
      opened.sink.write = () => {
        throw new Error('middleware at fault')
      }
      await scene.tide.publish('a', { data: 'x' })
    },
  ],
]

test.each(endings)('a session opens once and closes once when %s: %s', async (_, reason, end) => {
  const scene = create()
  const { clock, of, tide } = scene
  const opened = await open(tide, {}, clock.now() + 9_000_000)
  clock.advance(50)
  await end({ scene, opened })
  await settle(2)
  const { id } = opened.session
  const who = { sessionId: id, user: 'ada', label: 'page' }
  expect(of('opened')).toEqual([{ ...who, topics: 2, resumed: false }])
  expect(of('closed')).toEqual([{ ...who, reason, durationMs: expect.any(Number) }])
  expect(of('closed')[0]?.['durationMs']).toBeGreaterThanOrEqual(50)
  expect(await opened.session.closed).toBe(reason)
  opened.sink.cut()
  clock.advance(1_000_000)
  await settle()
  expect(of('closed')).toHaveLength(1)
  const { now, closed, sessions } = tide.stats()
  expect(now).toMatchObject({ sessions: 0, live: 0, lagging: 0, catchingUp: 0, audiences: 0 })
  expect(sessions.opened).toBe(1)
  expect(closed).toMatchObject({ [reason === 'signed-out' ? 'ended' : reason]: 1 })
})

test('a session that is closed while it replays has opened once and closed once', async () => {
  const inner = memoryLog()
  const held = holdReads(inner)
  const scene = create({ log: held.log })
  for (let i = 0; i < 3; i++) await scene.tide.publish('a', { data: 'x'.repeat(900_000) })
  await settle()
  const { session } = await open(scene.tide, { since: 'earliest' })
  expect(scene.tide.stats().now).toMatchObject({ sessions: 1, live: 0, catchingUp: 1 })
  await session.end('enough')
  held.release()
  await settle(2)
  expect(scene.of('opened')).toHaveLength(1)
  expect(scene.of('closed')).toMatchObject([{ reason: 'enough' }])
  expect(scene.tide.stats().now).toMatchObject({ sessions: 0, catchingUp: 0 })
})

test('a client that is gone before its session begins to hear it has opened and closed', async () => {
  const { tide, of } = create()
  const sink = new TestClient().connect()
  sink.cut()
  await tide.open(sink, parseSubscriptionBody({ topics: ['a'] }))
  await settle()
  expect(of('opened')).toHaveLength(1)
  expect(of('closed')).toMatchObject([{ reason: 'disconnected' }])
})

test('a sink that throws when it is listened to has opened and failed', async () => {
  const { tide, of } = create()
  const sink = new TestClient().connect()
  sink.listen = () => {
    throw new Error('middleware at fault')
  }
  await expect(tide.open(sink, parseSubscriptionBody({ topics: ['a'] }))).rejects.toThrow(
    'at fault',
  )
  await settle()
  expect(of('opened')).toHaveLength(1)
  expect(of('closed')).toMatchObject([{ reason: 'failed' }])
  // The caller has the error. Doors have no caller to tell, so they tell the operator.
  expect(of('failed')).toEqual([])
  expect(tide.stats().now.sessions).toBe(0)
})

test('a client that comes back with its cursor is told from one that has just come', async () => {
  const { tide, of } = create()
  const { client } = await open(tide)
  await tide.publish('a', { data: 'x' })
  await settle()
  await open(tide, { lastEventId: client.lastEventId })
  await open(tide, { since: 'earliest' })
  expect(of('opened').map(({ resumed }) => resumed)).toEqual([false, true, false])
  expect(tide.stats().sessions).toMatchObject({ opened: 3, resumed: 1 })
})

test('what is written, read, published and refused is counted, and told once for each flush', async () => {
  const { tide, of } = create({ flushWindowMs: 0 })
  const first = await open(tide)
  await open(tide)
  const inputs = [1, 2, 3].map((i) => ({ topic: 'a', data: 'ü'.repeat(i) }))
  await tide.publishAll(inputs)
  await settle()
  await tide.publish('nobody/follows', { data: 'xyz' })
  await settle()
  expect(of('published')).toMatchObject([
    { events: 3, bytes: 12, outcome: 'stored' },
    { events: 1, bytes: 3, outcome: 'stored' },
  ])
  const [flushed, idle, ...others] = of('flushed')
  expect(others).toEqual([])
  expect(flushed).toMatchObject({ events: 3, audiences: 1, writes: 2, deliveries: 6 })
  expect(idle).toMatchObject({ events: 1, audiences: 0, writes: 0, deliveries: 0, bytes: 0 })
  expect(first.client.published).toHaveLength(3)
  await expect(tide.publish('a/*', { data: 1 })).rejects.toMatchObject({ code: 'TOPIC_INVALID' })
  await expect(tide.publish('a', 7 as never)).rejects.toMatchObject({ code: 'EVENT_INVALID' })
  await expect(tide.history({ topic: 'a', limit: 0 })).rejects.toMatchObject({
    code: 'QUERY_INVALID',
  })
  await settle()
  expect(of('refused')).toEqual([
    { action: 'publish', code: 'TOPIC_INVALID', status: 400 },
    { action: 'publish', code: 'EVENT_INVALID', status: 400 },
    { action: 'read', code: 'QUERY_INVALID', status: 400 },
  ])
  const stats = tide.stats()
  expect(stats.published).toMatchObject({ publishes: 2, events: 4, bytes: 15, failed: 0 })
  expect(stats.delivered).toMatchObject({
    flushes: 2,
    writes: 2,
    events: 6,
    bytes: flushed?.['bytes'],
  })
  expect(stats.refused).toEqual({ TOPIC_INVALID: 1, EVENT_INVALID: 1, QUERY_INVALID: 1 })
  expect(stats.now).toMatchObject({
    nodes: 1,
    sessions: 2,
    live: 2,
    audiences: 1,
    recentRecords: 4,
  })
  expect(JSON.parse(JSON.stringify(stats))).toEqual(stats)
})

test('a publish that the log cannot take has failed, and one whose key is used is refused', async () => {
  const inner = memoryLog()
  let isBroken = false
  const log = wrapLog(inner, {
    append: (batch) => (isBroken ? Promise.reject(new Error('disk')) : inner.append(batch)),
  })
  const { tide, of } = create({ log })
  await tide.publish('a', { data: 1 }, { idempotencyKey: 'k' })
  const again = tide.publish('a', { data: 2 }, { idempotencyKey: 'k' })
  await expect(again).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' })
  isBroken = true
  await expect(tide.publish('a', { data: 3 })).rejects.toThrow('disk')
  await settle()
  expect(of('published').map(({ outcome }) => outcome)).toEqual(['stored', 'failed'])
  expect(of('refused')).toMatchObject([{ action: 'publish', code: 'IDEMPOTENCY_KEY_REUSED' }])
  expect(tide.stats().published).toMatchObject({ publishes: 1, events: 1, failed: 1 })
})

test('a session that falls behind is told of once, and once more when it is level again', async () => {
  const { tide, clock, of } = create({ flushWindowMs: 0 })
  const { sink } = await open(tide)
  const paced = await open(tide, { eventsPerSecondMax: 1 })
  sink.block()
  for (let i = 0; i < 5; i++) {
    await tide.publish('a', { data: 'x' })
    await settle()
  }
  const ids = of('lagged').map(({ sessionId, cause }) => [sessionId === paced.session.id, cause])
  expect(ids).toEqual([
    [false, 'socket'],
    [true, 'rate'],
  ])
  expect(tide.stats().now).toMatchObject({ sessions: 2, live: 0, lagging: 2, catchingUp: 0 })
  expect(of('caughtUp')).toEqual([])
  clock.advance(700)
  sink.unblock()
  await settle(5)
  for (let i = 0; i < 100; i++) {
    clock.advance(100)
    await settle()
  }
  expect(of('caughtUp')).toMatchObject([{ cause: 'socket', durationMs: 700 }, { cause: 'rate' }])
  const { now, lagged, replayed, delivered } = tide.stats()
  expect(now).toMatchObject({ live: 2, lagging: 0 })
  expect(lagged).toEqual({ socket: 1, rate: 1, node: 0 })
  expect(delivered.events + replayed.events).toBe(10)
})

test('a laggard that leaves is behind no more', async () => {
  const { tide, of } = create()
  const { sink } = await open(tide)
  sink.block()
  await tide.publish('a', { data: 'x' })
  await settle()
  expect(tide.stats().now.lagging).toBe(1)
  sink.cut()
  await settle()
  expect(tide.stats().now).toMatchObject({ sessions: 0, lagging: 0 })
  expect(of('caughtUp')).toEqual([])
})

test('an error of an observer goes to onError, and to no session, publisher or client', async () => {
  const errors: unknown[] = []
  const fail = (): never => {
    throw new Error('observer at fault')
  }
  const observer = Object.fromEntries(names.map((name) => [name, fail])) as NodeObserver
  const { tide } = create({ observer, onError: (error) => errors.push(error) })
  const { client, sink, session } = await open(tide)
  await tide.publish('a', { data: 'x' })
  await expect(tide.publish('', { data: 'x' })).rejects.toMatchObject({ code: 'TOPIC_INVALID' })
  await settle()
  expect(client.published).toHaveLength(1)
  sink.write = () => {
    throw new Error('middleware at fault')
  }
  await tide.publish('a', { data: 'y' })
  await settle()
  expect(await session.closed).toBe('failed')
  const messages = errors.map((error) => (error as Error).message)
  // opened, 2 published, 2 flushed, refused, failed, closed; and what `failed` was told of.
  expect(messages.filter((text) => text === 'observer at fault')).toHaveLength(8)
  expect(messages.filter((text) => text === 'middleware at fault')).toHaveLength(1)
  expect(tide.stats().failed).toEqual({ INTERNAL: 9 })
})

test('a promise of an observer that rejects goes to onError, and does not end the process', async () => {
  const { tide, errors } = create({
    observer: { opened: () => Promise.reject(new Error('later')) },
  })
  await open(tide)
  expect(errors).toMatchObject([{ message: 'later' }])
})

test('an observer may close the node in the middle of everything, and each session hears of it once', async () => {
  for (const name of ['opened', 'flushed', 'lagged', 'closed'] as const) {
    const { observer, of } = listen()
    let close: () => void = () => undefined
    const { tide } = create({ observer: { ...observer, [name]: () => close() } })
    const all = [await open(tide), await open(tide), await open(tide)]
    const closed = new Promise<void>((resolve) => {
      close = () => {
        close = () => undefined
        resolve(tide.close())
      }
    })
    if (name === 'opened') void open(tide)
    if (name === 'closed') all[0]?.sink.cut()
    all[1]?.sink.block()
    await tide.publish('a', { data: 'x' }).catch(() => undefined)
    await closed
    await settle(2)
    expect(tide.sessionCount, name).toBe(0)
    const { sessions, closed: ends } = tide.stats()
    const ended = Object.values(ends).reduce((sum, count) => sum + count, 0)
    expect(ended, name).toBe(sessions.opened)
    if (name !== 'closed') expect(of('closed'), name).toHaveLength(sessions.opened)
    // No client misses an event between two that it got: the goodbye came before or after the flush, never
    // within the flush.
    for (const { client } of all) expect(client.published.length, name).toBeLessThanOrEqual(1)
  }
})

test('an observer may publish, end sessions and look at the stats where it hears of them', async () => {
  let tide: Tidemark | undefined
  const reasons: string[] = []
  const counts: unknown[] = []
  const scene = create({
    observer: {
      opened: ({ sessionId }) => tide?.publish('a', { data: sessionId }),
      closed: ({ reason }) => void reasons.push(reason),
      flushed: ({ deliveries }) => {
        counts.push(tide?.stats().delivered.events)
        if (deliveries > 0) for (const session of tide?.sessions() ?? []) void session.end('seen')
      },
    },
  })
  tide = scene.tide
  const { client, session } = await open(tide)
  await settle(3)
  expect(client.published).toMatchObject([{ data: session.id }])
  await tide.publish('a', { data: 'live' })
  await settle(3)
  expect(client.control('bye')).toMatchObject([{ reason: 'seen' }])
  expect(reasons).toEqual(['seen'])
  expect(counts.at(-1)).toBe(1)
})

test('the methods of an observer are called on it, and found where a class has them', async () => {
  class Counter implements NodeObserver {
    count = 0
    opened(): void {
      this.count += 1
    }
  }
  const observer = new Counter()
  const { tide } = create({ observer })
  await open(tide)
  expect(observer.count).toBe(1)
})

test.each(doors)(
  'by $name each stream opens once and closes once, and HEAD opens none',
  async (door) => {
    const { observer, of } = listen()
    const tide = createTidemark({ authorize: 'everyone', observer })
    const opened = await door.open(tide)
    onTestFinished(async () => {
      await tide.close()
      await opened.close()
    })
    const answer = await opened.ask({ query: '?topic=a' })
    await expect.poll(() => answer.text).toContain('event: tidemark.ready\n')
    const other = await opened.ask({ query: '?topic=a' })
    await expect.poll(() => other.text).toContain('event: tidemark.ready\n')
    await opened.ask({ method: 'HEAD', query: '?topic=a' })
    await opened.ask({ query: '?topic=a/../b' })
    await opened.ask({ method: 'DELETE', query: '?topic=a' })
    answer.leave()
    await expect.poll(() => of('closed')).toMatchObject([{ reason: 'disconnected' }])
    await tide.drain()
    const headers = { accept: 'text/event-stream' }
    expect((await opened.ask({ query: '?topic=a', headers })).status).toBe(200)
    expect(of('opened')).toHaveLength(2)
    expect(of('closed')).toMatchObject([{ reason: 'disconnected' }, { reason: 'draining' }])
    expect(of('refused')).toEqual([
      { action: 'subscribe', code: 'TOPIC_INVALID', status: 400 },
      { action: 'subscribe', code: 'METHOD_NOT_ALLOWED', status: 405 },
      { action: 'subscribe', code: 'DRAINING', status: 503 },
    ])
    expect(tide.stats().closed).toMatchObject({ disconnected: 1, draining: 1 })
  },
)
