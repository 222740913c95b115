// "Why did this session not get that event?": one scene for each verdict, asked at the session's own node and
// at another one.

import { memoryLog, parseCursor } from '@tidemark/log'
import type { MemoryEventLog, MemoryLogOptions, Position } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { parseSubscriptionBody } from '../src/hub/index.ts'
import { createTidemark, traceVerdicts } from '../src/index.ts'
import type { Grant, SessionHandle, Tidemark, TidemarkOptions, Trace } from '../src/index.ts'
import { flushTimesMax, happeningBytes, traceBytesMax } from '../src/trace/limits.ts'
import { FlushTimes } from '../src/trace/flush-times.ts'
import { SessionTraces } from '../src/trace/session-traces.ts'
import type { TracedSession } from '../src/trace/session-traces.ts'
import { holderOf } from '../src/session/session-holder.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'

interface Bench {
  readonly clock: FakeClock
  readonly log: MemoryEventLog
  readonly near: Tidemark
  readonly far: Tidemark
}

interface Options {
  readonly log?: Omit<MemoryLogOptions, 'clock'>
  readonly node?: Partial<TidemarkOptions>
}

function start(options: Options = {}): Bench {
  const clock = createFakeClock()
  const log = memoryLog({ clock, ...options.log })
  const create = (nodeName: string): Tidemark => {
    const tide = createTidemark({ log, clock, nodeName, ...options.node })
    onTestFinished(() => tide.close())
    return tide
  }
  return { clock, log, near: create('near'), far: create('far') }
}

interface Opened {
  readonly client: TestClient
  readonly session: SessionHandle
}

async function open(tide: Tidemark, body: object = {}, grant?: Grant): Promise<Opened> {
  const client = new TestClient()
  const subscription = parseSubscriptionBody({ topics: ['a', 'b/*'], ...body })
  const sink = client.connect()
  const session =
    grant === undefined
      ? await tide.open(sink, subscription)
      : await tide.openGranted(sink, subscription, { owner: holderOf(grant, {}) })
  await settle(4)
  return { client, session }
}

const publish = async (tide: Tidemark, topic: string, key?: string): Promise<string> => {
  const { cursor } = await tide.publish(topic, { data: 'secret', ...(key && { key }) })
  await settle(6)
  return cursor
}

/** The question, and the part of the answer that counts. */
interface Scene {
  readonly event: string
  readonly session: string
  readonly answer: Partial<Trace>
}

type Stage = (bench: Bench) => Promise<Scene>

const scenes: Readonly<Record<string, { readonly options?: Options; readonly stage: Stage }>> = {
  'delivered live, by the pattern, at the moment of its flush': {
    async stage({ far, clock }) {
      const { session } = await open(far)
      clock.advance(5_000)
      const event = await publish(far, 'b/1', 'k')
      const time = clock.now()
      clock.advance(5_000)
      const record = { topic: 'b/1', type: 'message', key: 'k', time }
      const answer = { matched: 'b/*', between: [time, time] as const, record }
      return { event, session: session.id, answer: { verdict: 'delivered', ...answer } }
    },
  },
  'delivered in a replay, between two moments': {
    async stage({ far, clock }) {
      const event = await publish(far, 'a')
      clock.advance(1_000)
      const opened = clock.now()
      const { session } = await open(far, { since: 'earliest' })
      const between = [opened, opened] as const
      clock.advance(9_000)
      return { event, session: session.id, answer: { verdict: 'delivered', matched: 'a', between } }
    },
  },
  'not of a topic of the session': {
    async stage({ far }) {
      const { session } = await open(far)
      const event = await publish(far, 'c')
      return { event, session: session.id, answer: { verdict: 'not-matched' } }
    },
  },
  'of a topic that the session left before': {
    async stage({ far }) {
      const { session } = await open(far)
      await session.changeTopics({ remove: ['a'] })
      const event = await publish(far, 'a')
      return { event, session: session.id, answer: { verdict: 'not-matched' } }
    },
  },
  'of a topic that the session left afterwards': {
    async stage({ far }) {
      const { session } = await open(far)
      const event = await publish(far, 'a')
      await session.changeTopics({ remove: ['a'] })
      return { event, session: session.id, answer: { verdict: 'delivered', matched: 'a' } }
    },
  },
  'of a topic that was added from an older place': {
    async stage({ far }) {
      const { cursor: from } = await far.publish('c', { data: '0' })
      const { session } = await open(far)
      const event = await publish(far, 'c')
      await publish(far, 'a')
      await session.changeTopics({ add: ['c'], from })
      await settle(8)
      return { event, session: session.id, answer: { verdict: 'delivered', matched: 'c' } }
    },
  },
  'of a topic that was added behind it': {
    async stage({ far }) {
      const { session } = await open(far)
      const event = await publish(far, 'c')
      await session.changeTopics({ add: ['c'] })
      await settle(8)
      return { event, session: session.id, answer: { verdict: 'not-matched' } }
    },
  },
  'of a topic that a grant took away': {
    async stage({ far }) {
      const { session } = await open(far, {}, { user: 'ada', subscribe: ['**'] })
      await session.renew({ user: 'ada', subscribe: ['b/*'] })
      const event = await publish(far, 'a')
      return { event, session: session.id, answer: { verdict: 'not-granted' } }
    },
  },
  'for a permission that the grant does not have': {
    async stage({ far }) {
      const { session } = await open(far, {}, { user: 'ada', permissions: ['guest'] })
      const { cursor: event } = await far.publish('a', { data: 'secret', permission: 'staff' })
      await settle(6)
      return { event, session: session.id, answer: { verdict: 'not-granted' } }
    },
  },
  'for a permission that only a later grant has': {
    async stage({ far }) {
      const { session } = await open(far, {}, { user: 'ada', subscribe: ['**'] })
      const { cursor: event } = await far.publish('a', { data: 'secret', permission: 'staff' })
      await settle(6)
      await session.renew({ user: 'ada', subscribe: ['**'], permissions: ['staff'] })
      await publish(far, 'a')
      return { event, session: session.id, answer: { verdict: 'not-granted' } }
    },
  },
  'for a permission that the grant has': {
    async stage({ far }) {
      const { session } = await open(far, {}, { user: 'ada', permissions: ['staff'] })
      const { cursor: event } = await far.publish('a', { data: 'secret', permission: 'staff' })
      await settle(6)
      return { event, session: session.id, answer: { verdict: 'delivered' } }
    },
  },
  'with a tag that the grant does not let through': {
    async stage({ far }) {
      const { session } = await open(far, {}, { user: 'ada', where: { region: 'eu' } })
      const { cursor: event } = await far.publish('a', { data: 'secret', tags: { region: 'us' } })
      await settle(6)
      return { event, session: session.id, answer: { verdict: 'not-granted' } }
    },
  },
  'of a type that the client did not ask for': {
    async stage({ far }) {
      const { session } = await open(far, { types: ['paid'] })
      const event = await publish(far, 'a')
      return { event, session: session.id, answer: { verdict: 'filtered' } }
    },
  },
  'to a session that cannot keep up': {
    async stage({ far }) {
      const { session, client } = await open(far)
      client.connection?.block()
      const cursor = await publish(far, 'a')
      const event = await publish(far, 'a')
      const answer = { verdict: 'lagging', matched: 'a', cursor } as const
      return { event, session: session.id, answer }
    },
  },
  'to a session that has caught up': {
    async stage({ far, clock }) {
      const { session, client } = await open(far)
      client.connection?.block()
      await publish(far, 'a')
      clock.advance(1_000)
      const event = await publish(far, 'a')
      clock.advance(1_000)
      client.connection?.unblock()
      await settle(8)
      const now = clock.now()
      const between = [now - 2_000, now] as const
      return { event, session: session.id, answer: { verdict: 'delivered', between } }
    },
  },
  'a newer one of the key, to a session that could not keep up': {
    options: { node: { rules: { lag: [{ pattern: 'a', whenLagging: 'conflate' }] } } },
    async stage({ far }) {
      const { session, client } = await open(far)
      client.connection?.block()
      await publish(far, 'a', 'other')
      const event = await publish(far, 'a', 'k')
      await publish(far, 'a', 'other')
      const by = await publish(far, 'a', 'k')
      client.connection?.unblock()
      await settle(12)
      return { event, session: session.id, answer: { verdict: 'conflated', by, matched: 'a' } }
    },
  },
  'the newest of the key, to a session that could not keep up': {
    options: { node: { rules: { lag: [{ pattern: 'a', whenLagging: 'conflate' }] } } },
    async stage({ far }) {
      const { session, client } = await open(far)
      client.connection?.block()
      for (const key of ['other', 'k', 'other']) await publish(far, 'a', key)
      const event = await publish(far, 'a', 'k')
      client.connection?.unblock()
      await settle(12)
      await publish(far, 'a', 'k')
      return { event, session: session.id, answer: { verdict: 'delivered' } }
    },
  },
  'of a topic that is dropped for those who cannot keep up': {
    options: { node: { rules: { lag: [{ pattern: 'a', whenLagging: 'drop' }] } } },
    async stage({ far }) {
      const { session, client } = await open(far)
      client.connection?.block()
      await publish(far, 'a')
      const event = await publish(far, 'a')
      client.connection?.unblock()
      await settle(12)
      return { event, session: session.id, answer: { verdict: 'dropped', matched: 'a' } }
    },
  },
  'of a topic that was dropped by a rule that has gone since': {
    options: { node: { rules: { lag: [{ pattern: 'a', whenLagging: 'drop' }] } } },
    async stage({ far }) {
      const { session, client } = await open(far)
      client.connection?.block()
      await publish(far, 'a')
      const event = await publish(far, 'a')
      client.connection?.unblock()
      await settle(12)
      await far.rules.lag.replace([])
      return { event, session: session.id, answer: { verdict: 'unknown', matched: 'a' } }
    },
  },
  'of a topic that was not dropped then, and would be by the rules of now': {
    options: { node: { rules: { lag: [{ pattern: 'b/*', whenLagging: 'drop' }] } } },
    async stage({ far }) {
      const { session, client } = await open(far)
      client.connection?.block()
      await publish(far, 'b/1')
      const event = await publish(far, 'a')
      await publish(far, 'b/1')
      client.connection?.unblock()
      await settle(12)
      await far.rules.lag.replace([{ pattern: '**', whenLagging: 'drop' }])
      return { event, session: session.id, answer: { verdict: 'unknown', matched: 'a' } }
    },
  },
  'conflated by a rule that has gone since': {
    options: { node: { rules: { lag: [{ pattern: 'a', whenLagging: 'conflate' }] } } },
    async stage({ far }) {
      const { session, client } = await open(far)
      client.connection?.block()
      await publish(far, 'a', 'other')
      const event = await publish(far, 'a', 'k')
      for (const key of ['other', 'k']) await publish(far, 'a', key)
      client.connection?.unblock()
      await settle(12)
      await far.rules.lag.replace([])
      return { event, session: session.id, answer: { verdict: 'unknown', matched: 'a' } }
    },
  },
  'the newest of its key, by a rule that has gone since': {
    options: { node: { rules: { lag: [{ pattern: 'a', whenLagging: 'conflate' }] } } },
    async stage({ far }) {
      const { session, client } = await open(far)
      client.connection?.block()
      for (const key of ['other', 'k', 'other']) await publish(far, 'a', key)
      const event = await publish(far, 'a', 'k')
      client.connection?.unblock()
      await settle(12)
      await far.rules.lag.replace([])
      return { event, session: session.id, answer: { verdict: 'delivered', matched: 'a' } }
    },
  },
  'replaced in the log by a newer one of its key': {
    options: { log: { retention: { rules: [{ pattern: 'a', latestBy: 'key' }] } } },
    async stage({ far }) {
      const event = await publish(far, 'a', 'k')
      await publish(far, 'a', 'k')
      for (let i = 0; i < 1_100; i++) await far.publish('c', { data: '' })
      const { session } = await open(far)
      return { event, session: session.id, answer: { verdict: 'replaced' } }
    },
  },
  'removed by retention': {
    options: { log: { retention: { rules: [{ pattern: 'a', maxEvents: 1 }] } } },
    async stage({ far }) {
      const event = await publish(far, 'a')
      await publish(far, 'a')
      for (let i = 0; i < 1_100; i++) await far.publish('c', { data: '' })
      const { session } = await open(far)
      return { event, session: session.id, answer: { verdict: 'removed' } }
    },
  },
  'removed by retention, and the client was told of a gap': {
    options: { log: { retention: { rules: [{ pattern: 'a', maxEvents: 1 }] } } },
    async stage({ far }) {
      const lastEventId = await publish(far, 'b/1')
      const event = await publish(far, 'a')
      await publish(far, 'a')
      for (let i = 0; i < 1_100; i++) await far.publish('c', { data: '' })
      const { session } = await open(far, { lastEventId })
      return { event, session: session.id, answer: { verdict: 'gap' } }
    },
  },
  'before the session began': {
    async stage({ far }) {
      const event = await publish(far, 'a')
      const { session } = await open(far)
      return { event, session: session.id, answer: { verdict: 'before-session' } }
    },
  },
  'before a session that cannot read its cursor': {
    async stage({ far }) {
      const event = await publish(far, 'a')
      const { session } = await open(far, { lastEventId: 'what?' })
      return { event, session: session.id, answer: { verdict: 'gap' } }
    },
  },
  'before a session that came with a cursor ahead of the log': {
    async stage({ far }) {
      const event = await publish(far, 'a')
      const { session } = await open(far, { lastEventId: event.replace(/-.*/, '-zz') })
      return { event, session: session.id, answer: { verdict: 'gap' } }
    },
  },
  'behind the gap of a session that came with a cursor ahead of the log': {
    async stage({ far }) {
      const cursor = await publish(far, 'a')
      const { session } = await open(far, { lastEventId: cursor.replace(/-.*/, '-zz') })
      const event = await publish(far, 'a')
      return { event, session: session.id, answer: { verdict: 'delivered' } }
    },
  },
  'of a topic that was added from a cursor of another history': {
    async stage({ far }) {
      const { session } = await open(far)
      const event = await publish(far, 'c')
      await publish(far, 'a')
      const from = event.replace(/^1.{19}/, `1${'0'.repeat(19)}`)
      await session.changeTopics({ add: ['c'], from })
      await settle(8)
      return { event, session: session.id, answer: { verdict: 'delivered', matched: 'c' } }
    },
  },
  'behind the end of the session': {
    async stage({ far, clock }) {
      const { session } = await open(far)
      const cursor = await publish(far, 'a')
      const time = clock.now()
      await session.end('signed-out')
      clock.advance(1_000)
      const event = await publish(far, 'a')
      const closed = { time, reason: 'signed-out' }
      return { event, session: session.id, answer: { verdict: 'closed', cursor, closed } }
    },
  },
  'delivered to a session that has closed since': {
    async stage({ far }) {
      const { session, client } = await open(far)
      const event = await publish(far, 'a')
      client.connection?.cut()
      const closed = expect.objectContaining({ reason: 'disconnected' }) as Trace['closed']
      return { event, session: session.id, answer: { verdict: 'delivered', closed } as never }
    },
  },
  'ahead of the log': {
    async stage({ far }) {
      const { session } = await open(far)
      const cursor = await publish(far, 'a')
      const event = cursor.replace(/-.*/, '-zz')
      return { event, session: session.id, answer: { verdict: 'not-yet' } }
    },
  },
}

test.each(Object.entries(scenes))('an event %s', async (_, { options, stage }) => {
  const bench = start(options)
  const { event, session, answer } = await stage(bench)
  const trace = await bench.far.trace({ event, session })
  expect(trace).toMatchObject({ event, session, ...answer })
  expect(JSON.stringify(trace)).not.toContain('secret')
  expect(trace.why).toMatch(/^[A-Z].*\.$/)
  // The node of the session answers, whichever node is asked. The question itself moves its cursor on.
  const { verdict, record } = trace
  expect(await bench.near.trace({ event, session })).toMatchObject({
    ...answer,
    verdict,
    ...(record && { record }),
    ...(answer.cursor && { cursor: answer.cursor }),
  })
})

test('every verdict has its scene', async () => {
  const seen = new Set<string>()
  for (const { options, stage } of Object.values(scenes)) {
    const bench = start(options)
    const { event, session } = await stage(bench)
    seen.add((await bench.far.trace({ event, session })).verdict)
  }
  expect(traceVerdicts.filter((verdict) => !seen.has(verdict))).toEqual([])
})

test('a node tells that it has forgotten what was too long ago', async () => {
  const { far } = start()
  const { session } = await open(far)
  await publish(far, 'a')
  const late = await publish(far, 'a')
  const other = await open(far)
  other.client.connection?.block()
  const between = await publish(far, 'a')
  other.client.connection?.unblock()
  await settle(8)
  const { traces } = far.watch
  const many = fake('far.many', parseCursor(between)?.position as Position)
  traces.opened(many)
  const ask = async (asked: string, id: string) =>
    (await far.trace({ event: asked, session: id })).verdict
  expect(await ask(between, other.session.id)).toBe('delivered')
  for (let i = 0; i < traceBytesMax / happeningBytes; i++) traces.lagged(many, 'node')
  expect(await ask(late, session.id)).toBe('delivered')
  expect(await ask(late, other.session.id)).toBe('before-session')
  expect(await ask(between, other.session.id)).toBe('unknown')
})

const fake = (id: string, cursor: Position): TracedSession => ({
  id,
  cursor,
  audience: { topics: parseSubscriptionBody({ topics: ['a'] }).topics },
  added: undefined,
  owner: {},
  trace: undefined,
})

test('happenings of all sessions hold no more than their bound, and sessions that have closed go with theirs', async () => {
  const { log, clock } = start()
  const { head } = await log.bounds()
  const traces = new SessionTraces(clock)
  const count = 12_000
  for (let i = 0; i < count; i++) {
    const session = fake(`n.${i}`, head)
    traces.opened(session)
    traces.closed(session, 'disconnected')
  }
  expect(traces.findClosed('n.0')).toBeUndefined()
  expect(traces.findClosed(`n.${count - 1}`)).toBeDefined()
  let oldest = 0
  while (traces.findClosed(`n.${oldest}`) === undefined) oldest += 1
  expect(oldest).toBeGreaterThan(0)
  expect(count - oldest).toBeGreaterThan(5_000)
})

test('a session that lags for ever keeps the newest of it, and knows what it has forgotten', async () => {
  const { near, clock } = start()
  const at = parseCursor(await publish(near, 'a'))?.position as Position
  const traces = new SessionTraces(clock)
  const session = fake('n.1', at)
  traces.opened(session)
  for (let i = 0; i < traceBytesMax / happeningBytes + 5; i++) traces.lagged(session, 'socket')
  expect(session.trace?.forgotten).toBe(at)
  expect(session.trace?.happenings?.length).toBeLessThanOrEqual(traceBytesMax / happeningBytes)
})

test('the time of a flush is known for as many as are remembered, and for no older one', async () => {
  const { near } = start()
  const inputs = Array.from({ length: 5_000 }, (_, i) => ({ topic: 'a', data: String(i) }))
  const { cursor } = await near.publishAll(inputs)
  const [head = '', last = ''] = cursor.split('-')
  const end = Number.parseInt(last, 36)
  const at = (place: number) => parseCursor(`${head}-${place.toString(36)}`)?.position as never
  const flushes = new FlushTimes()
  expect(flushes.timeOf(at(1))).toBeUndefined()
  for (let i = 0; i < flushTimesMax; i++) flushes.add(at(end - 5_000 + i * 1), i)
  expect(flushes.timeOf(at(end - 5_000))).toBeUndefined()
  expect(flushes.timeOf(at(end - 4_999))).toBe(1)
  flushes.add(at(end), 7_000)
  expect(flushes.timeOf(at(end))).toBe(7_000)
  expect(flushes.timeOf(at(end - 4_999))).toBeUndefined()
  expect(flushes.timeOf(at(end - 4_998))).toBe(2)
})

test.each<[string, unknown, string]>([
  ['no cursor', { event: 'what?', session: 'near.x' }, 'QUERY_INVALID'],
  ['no event', { session: 'near.x' }, 'QUERY_INVALID'],
  ['nothing', undefined, 'QUERY_INVALID'],
  ['no session', {}, 'QUERY_INVALID'],
])('a question about %s is refused', async (_, question, code) => {
  const { near } = start()
  const refusal = expect.objectContaining({ code })
  await expect(near.trace(question as never)).rejects.toEqual(refusal)
})

test('a session that there never was is told as such, at its node and from another one', async () => {
  const { near, far } = start()
  const event = await publish(near, 'a')
  const refusal = expect.objectContaining({ code: 'SESSION_NOT_FOUND' })
  const session = `far.${'x'.repeat(22)}`
  await expect(far.trace({ event, session })).rejects.toEqual(refusal)
  await expect(near.trace({ event, session })).rejects.toEqual(refusal)
  await expect(near.trace({ event, session: 'gone' })).rejects.toEqual(refusal)
  await expect(near.trace({ event, session: 5 as never })).rejects.toEqual(refusal)
})
