// Sessions reached from another node of the log: a request is done once, in time, or not at all.

import { memoryLog, parseTopic, parseTopicSet } from '@tidemark/log'
import type { EventLog, EventRecord, TailHandler } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { parseSubscriptionBody } from '../src/hub/index.ts'
import { createTidemark } from '../src/index.ts'
import type { Grant, SessionHandle, SessionReach, Tidemark, TidemarkOptions } from '../src/index.ts'
import { topicChangesWaitingMax } from '../src/limits.ts'
import {
  controlAnswerMs,
  controlCarriedCharactersMax,
  controlChangeCharactersMax,
  controlMs,
  controlSeenMax,
  controlWaitingMax,
} from '../src/control/limits.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'
import { wrapLog } from './support/wrap-log.ts'

const controlTopic = parseTopic('$hub/control')
const goneId = `gone.${'x'.repeat(22)}`

interface Bench {
  readonly clock: FakeClock
  readonly log: EventLog
  readonly near: Tidemark
  readonly far: Tidemark
  readonly client: TestClient
  /** Lives at `far`. */
  readonly session: SessionHandle
  /** The same session, from `near`. */
  readonly reached: SessionReach
}

function createNode(log: EventLog, options: Partial<TidemarkOptions>): Tidemark {
  const tide = createTidemark({ log, ...options })
  onTestFinished(() => tide.close())
  return tide
}

/** Two nodes over one log, and a session at the other one. */
async function start(
  options: Partial<TidemarkOptions> = {},
  farLog: (log: EventLog) => EventLog = (log) => log,
): Promise<Bench> {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  const near = createNode(log, { clock, nodeName: 'near', ...options })
  const far = createNode(farLog(log), { clock, nodeName: 'far', ...options })
  const client = new TestClient()
  const session = await far.open(client.connect(), parseSubscriptionBody({ topics: ['a'] }))
  await settle(2)
  return { clock, log, near, far, client, session, reached: near.reach(session.id) }
}

/** A log whose tail holds back what it would hand over until it is let go. */
function holdTail(log: EventLog): { readonly log: EventLog; hold(): void; release(): void } {
  let isHeld = false
  const held: (() => void)[] = []
  const wrap = (handler: TailHandler): TailHandler => ({
    records: (records) => {
      if (isHeld) held.push(() => handler.records(records))
      else handler.records(records)
    },
    overtaken: (to) => handler.overtaken?.(to),
  })
  return {
    log: wrapLog(log, { tail: (after, handler) => log.tail(after, wrap(handler)) }),
    hold: () => (isHeld = true),
    release: () => {
      isHeld = false
      for (const run of held.splice(0)) run()
    },
  }
}

async function readControl(log: EventLog): Promise<readonly EventRecord[]> {
  const { first, head } = await log.bounds()
  const topics = parseTopicSet([controlTopic])
  const { records } = await log.read({ topics, after: first, upTo: head, limit: 1_000 })
  return records
}

/** The coded error of a call, or what it resolved to. */
function outcomeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch((error: unknown) => (error as { code?: unknown }).code ?? error)
}

const dataOf = ({ published }: TestClient): string[] => published.map(({ data }) => data)

test('an event, other topics and the end reach a session of another node, and resolve to what was done there', async () => {
  const { near, client, session, reached } = await start()
  expect(reached.id).toBe(session.id)
  const data = 'two\nlines, and "quotes"'
  expect(await reached.send({ type: 'hello', data, key: 'k', topic: 'own' })).toBe(true)
  expect(client.published).toMatchObject([{ type: 'hello', data }])
  expect(await reached.changeTopics({ add: ['b', 'c/*'], remove: ['a'] })).toBe(true)
  expect(session.topics).toEqual(['b', 'c/*'])
  await near.publish('c/1', { data: 'followed' })
  await near.publish('a', { data: 'no more' })
  await settle(3)
  expect(dataOf(client)).toEqual([data, 'followed'])
  await reached.end('signed-out')
  expect(client.control('bye')).toMatchObject([{ reason: 'signed-out' }])
  expect(await session.closed).toBe('signed-out')
  expect(await outcomeOf(reached.send({ data: 1 }))).toBe('SESSION_NOT_FOUND')
  expect(await outcomeOf(reached.end())).toBe('SESSION_NOT_FOUND')
})

test('the tags of an event for a session of another node come along, and odd ones are refused', async () => {
  const { near, far } = await start()
  const client = new TestClient()
  const body = { topics: ['a'], framing: 'envelope' }
  const { id } = await far.open(client.connect(), parseSubscriptionBody(body))
  const reached = near.reach(id)
  const tags = { region: 'eu' }
  expect(await reached.send({ data: 1, tags })).toBe(true)
  expect(client.published.map(({ data }) => JSON.parse(data))).toMatchObject([{ data: 1, tags }])
  const odd = reached.send({ data: 1, tags: { region: 7 } as never })
  expect(await outcomeOf(odd)).toBe('EVENT_TAGS_INVALID')
})

test('added topics are replayed from a cursor as at the session’s own node', async () => {
  const { near, client, reached } = await start()
  const { cursor } = await near.publish('b', { data: 'before' })
  await near.publish('b', { data: 'missed' })
  expect(await reached.changeTopics({ add: ['b'], from: cursor })).toBe(true)
  await settle(5)
  expect(dataOf(client)).toEqual(['missed'])
})

test('a socket that takes nothing is told to the asker as at home', async () => {
  const { client, near, reached } = await start()
  client.connection?.block()
  await near.publish('a', { data: 'fills it' })
  await settle(3)
  expect(await reached.send({ data: 'not now' })).toBe(false)
})

const textTooLong = 'x'.repeat(300)

type Reached = Pick<SessionReach, 'send' | 'changeTopics' | 'end'>

test.each<[string, (session: Reached) => Promise<unknown>]>([
  ['no event', (session) => session.send(null as never)],
  ['a type of the hub’s own', (session) => session.send({ type: 'tidemark.bye', data: 1 })],
  ['a reserved topic', (session) => session.send({ topic: '$hub/x', data: 1 })],
  ['data that are too large', (session) => session.send({ data: 'x'.repeat(2_000) })],
  ['no change', (session) => session.changeTopics(7 as never)],
  ['a topic that is none', (session) => session.changeTopics({ add: ['a//b'] })],
  ['half a surrogate pair', (session) => session.changeTopics({ add: ['\ud800'] })],
  ['a topic that is too long', (session) => session.changeTopics({ add: [textTooLong] })],
  ['no topic that is left', (session) => session.changeTopics({ remove: ['a'] })],
  ['a place that is no cursor', (session) => session.changeTopics({ add: ['b'], from: 'x' })],
  ['a reason with a space', (session) => session.end('signed out')],
])('%s is refused with the code and the words of the session’s own node', async (_, act) => {
  const { session, reached } = await start({ eventBytesMax: 1_000 })
  const read = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => 'done',
      ({ name, code, message, status }) => ({ name, code, message, status }),
    )
  const own = await read(act(session))
  expect(own).toMatchObject({ name: 'ServerError', code: expect.any(String) })
  expect(await read(act(reached))).toEqual(own)
})

test('what only the other node can refuse comes back by its code', async () => {
  const { client, far, near, reached } = await start()
  const { cursor } = await far.publish('b', { data: '0' })
  for (let i = 0; i < 3; i++) await far.publish('b', { data: `${i}` })
  client.connection?.block()
  await far.publish('a', { data: 'fills it' })
  await settle(3)
  await reached.changeTopics({ add: ['b'], from: cursor })
  const outcomes: unknown[] = []
  for (let i = 0; i <= topicChangesWaitingMax; i++) {
    const asked = near.reach(reached.id).changeTopics({ add: [`c/${i}`] })
    void outcomeOf(asked).then((outcome) => outcomes.push(outcome))
  }
  await settle(5)
  expect(outcomes).toEqual(['FULL'])
})

test('a session of this very node is reached without a word in the log', async () => {
  const { log, far, session, client } = await start()
  const before = (await log.bounds()).head
  const own = far.reach(session.id)
  expect(await own.send({ data: 'here' })).toBe(true)
  expect(await own.changeTopics({})).toBe(true)
  expect((await log.bounds()).head).toEqual(before)
  expect(await own.changeTopics({ add: ['b'] })).toBe(true)
  await own.end()
  expect(await outcomeOf(own.send({ data: 1 }))).toBe('SESSION_NOT_FOUND')
  // The changed topics alone are kept.
  const { records } = await far.history({ topic: '$hub/control' })
  expect(records).toEqual([])
  expect(dataOf(client)).toEqual(['here'])
})

test.each([
  '',
  'far',
  'far.',
  'far.short',
  `far.${'x'.repeat(23)}`,
  `far/${'x'.repeat(22)}`,
  `${'n'.repeat(33)}.${'x'.repeat(22)}`,
  `fär.${'x'.repeat(22)}`,
  `far.${'x'.repeat(22)}\n`,
])('the id %j, which no node gives, is found out without a word in the log', async (id) => {
  const { log, near } = await start()
  const before = (await log.bounds()).head
  expect(await outcomeOf(near.reach(id).end())).toBe('SESSION_NOT_FOUND')
  expect((await log.bounds()).head).toEqual(before)
})

test('a node that is gone is told after six seconds, and not before', async () => {
  const { clock, near } = await start()
  let outcome: unknown
  void outcomeOf(near.reach(goneId).end()).then((code) => (outcome = code))
  await settle(3)
  clock.advance(controlMs + controlAnswerMs - 1)
  await settle(3)
  expect(outcome).toBeUndefined()
  clock.advance(1)
  await settle(3)
  expect(outcome).toBe('SESSION_UNREACHABLE')
})

test('a node that was asked too long ago does nothing, and the asker has been told', async () => {
  let tail: ReturnType<typeof holdTail> | undefined
  const { clock, client, session, reached } = await start({}, (log) => (tail = holdTail(log)).log)
  tail?.hold()
  const outcomes = [
    reached.send({ data: 'late' }),
    reached.changeTopics({ add: ['b'] }),
    reached.end(),
  ]
    .map((asked) => outcomeOf(asked))
    .map(async (asked) => ({ outcome: await asked }))
  await settle(3)
  clock.advance(controlMs + 1)
  tail?.release()
  await settle(3)
  expect(client.events.map(({ type }) => type)).toEqual(['tidemark.ready'])
  expect(session.topics).toEqual(['a'])
  clock.advance(controlAnswerMs)
  for (const { outcome } of await Promise.all(outcomes)) expect(outcome).toBe('SESSION_UNREACHABLE')
})

test('a request that is handed over at its deadline is still done, and its answer still in time', async () => {
  let tail: ReturnType<typeof holdTail> | undefined
  const { clock, client, reached } = await start({}, (log) => (tail = holdTail(log)).log)
  tail?.hold()
  const asked = reached.send({ data: 'in time' })
  await settle(3)
  clock.advance(controlMs)
  tail?.release()
  expect(await asked).toBe(true)
  expect(dataOf(client)).toEqual(['in time'])
})

test('an answer that comes when the asker has given up is passed over', async () => {
  let answer: (() => void) | undefined
  const { clock, client, near, reached } = await start({}, (log) =>
    wrapLog(log, {
      append: (batch) =>
        new Promise((resolve, reject) => {
          answer = () => void log.append(batch).then(resolve, reject)
        }),
    }),
  )
  const asked = outcomeOf(reached.send({ data: 'done' }))
  await settle(3)
  clock.advance(controlMs + controlAnswerMs)
  expect(await asked).toBe('SESSION_UNREACHABLE')
  // It was done, and the asker cannot know.
  expect(dataOf(client)).toEqual(['done'])
  answer?.()
  await settle(3)
  const next = near.reach(reached.id).send({ data: 'next' })
  await settle(3)
  answer?.()
  expect(await next).toBe(true)
})

test('the same request seen twice is done once, and not after its time either', async () => {
  const { clock, log, client, reached } = await start()
  expect(await reached.send({ data: 'once' })).toBe(true)
  const [request] = await readControl(log)
  if (request === undefined) throw new Error('There is a request.')
  const { topic, type, key, data } = request
  for (let i = 0; i < 3; i++) await log.append({ events: [{ topic, type, key, data }] })
  await settle(3)
  clock.advance(controlMs + 1)
  await log.append({ events: [{ topic, type, key, data }] })
  await settle(3)
  expect(dataOf(client)).toEqual(['once'])
  // Only the first was answered.
  expect((await readControl(log)).map((record) => record.type)).toEqual([
    'request',
    'answer',
    'request',
    'request',
    'request',
    'request',
  ])
})

test('the same request of a node whose clock is a second ahead is done once', async () => {
  const { clock, log, client, session } = await start()
  const command = { name: 'send', event: {} }
  const deadline = clock.now() + controlMs + 1_000
  const data = `${line({ session: session.id, command, deadline })}once`
  const events = [{ topic: controlTopic, type: 'request', key: 'far', data }]
  await log.append({ events })
  await settle(3)
  clock.advance(controlMs + 500)
  await log.append({ events })
  await settle(3)
  expect(dataOf(client)).toEqual(['once'])
})

test('a node that starts again under its name does not do what the one before was asked', async () => {
  const { clock, log, near, far } = await start()
  const asked = outcomeOf(near.reach(`far.${'y'.repeat(22)}`).end())
  expect(await asked).toBe('SESSION_NOT_FOUND')
  await far.close()
  const open = outcomeOf(near.reach(goneId).send({ data: 'for nobody' }))
  await settle(3)
  createNode(log, { clock, nodeName: 'gone' })
  await settle(3)
  clock.advance(controlMs + controlAnswerMs)
  expect(await open).toBe('SESSION_UNREACHABLE')
  // It answers for sessions that it never had.
  expect(await outcomeOf(near.reach(goneId).end())).toBe('SESSION_NOT_FOUND')
})

/** The session's stream stands in a replay of added topics, so that a change that adds others waits. */
async function startReplay(bench: Bench): Promise<void> {
  const { client, far, reached } = bench
  const { cursor } = await far.publish('b', { data: '0' })
  await far.publish('b', { data: '1' })
  client.connection?.block()
  await far.publish('a', { data: 'fills it' })
  await settle(3)
  expect(await reached.changeTopics({ add: ['b'], from: cursor })).toBe(true)
}

test('a session that ends while a change waits resolves it to false', async () => {
  const bench = await start()
  await startReplay(bench)
  const waiting = bench.reached.changeTopics({ add: ['c'] })
  await settle(3)
  bench.client.connection?.cut()
  expect(await waiting).toBe(false)
})

test('a change that waits for a replay until its time is over is not made', async () => {
  const bench = await start()
  await startReplay(bench)
  const waiting = outcomeOf(bench.reached.changeTopics({ add: ['c'] }))
  // One of the session's own node has all the time there is.
  const own = bench.session.changeTopics({ add: ['d'] })
  await settle(3)
  bench.clock.advance(controlMs + 1)
  bench.client.connection?.unblock()
  await settle(10)
  expect(await own).toBe(true)
  expect(await waiting).toBe('SESSION_UNREACHABLE')
  expect(bench.session.topics).toEqual(['a', 'b', 'd'])
  expect(dataOf(bench.client)).toEqual(['fills it', '1'])
})

test.each(['near', 'far'] as const)(
  'a change that %s asks for is not made late, though the clock is set back while it waits',
  async (node) => {
    const bench = await start()
    await startReplay(bench)
    const asked = outcomeOf(bench[node].reach(bench.session.id).changeTopics({ add: ['c'] }))
    await settle(3)
    bench.clock.set(bench.clock.now() - 3_600_000)
    bench.clock.advance(controlMs + controlAnswerMs)
    expect(await asked).toBe('SESSION_UNREACHABLE')
    bench.client.connection?.unblock()
    await settle(10)
    expect(bench.session.topics).toEqual(['a', 'b'])
  },
)

test('ten thousand requests wait, one more is refused, and all are let go', async () => {
  const { clock, log, near, reached } = await start()
  const asked = Array.from({ length: controlWaitingMax }, () => outcomeOf(near.reach(goneId).end()))
  const before = (await log.bounds()).head
  expect(await outcomeOf(reached.send({ data: 1 }))).toBe('FULL')
  await settle(3)
  expect((await log.bounds()).head).not.toEqual(before)
  clock.advance(controlMs + controlAnswerMs)
  expect(new Set(await Promise.all(asked))).toEqual(new Set(['SESSION_UNREACHABLE']))
  expect(await reached.send({ data: 1 })).toBe(true)
})

test('changes that wait for replays hold no more than their bound, and then the next is refused', async () => {
  const bench = await start()
  const { cursor } = await bench.far.publish('b', { data: '0' })
  await bench.far.publish('b', { data: '1' })
  const remove = ['x'.repeat(controlChangeCharactersMax - 100)]
  const outcomes: unknown[] = []
  const sessions = Math.ceil(
    controlCarriedCharactersMax / controlChangeCharactersMax / topicChangesWaitingMax,
  )
  for (let i = 0; i <= sessions; i++) {
    const client = new TestClient()
    const session = await bench.far.open(client.connect(), parseSubscriptionBody({ topics: ['a'] }))
    await settle(3)
    client.connection?.block()
    await bench.far.publish('a', { data: 'fills it' })
    await settle(3)
    const reached = bench.near.reach(session.id)
    await reached.changeTopics({ add: ['b'], from: cursor })
    for (let j = 0; j < topicChangesWaitingMax; j++) {
      const asked = reached.changeTopics({ add: [`c/${j}`], remove })
      void outcomeOf(asked).then((outcome) => outcomes.push(outcome))
    }
    await settle(10)
  }
  const waiting = (sessions + 1) * topicChangesWaitingMax - outcomes.length
  expect(new Set(outcomes)).toEqual(new Set(['FULL']))
  expect(waiting * controlChangeCharactersMax).toBeLessThan(1.01 * controlCarriedCharactersMax)
  expect(waiting * controlChangeCharactersMax).toBeGreaterThan(0.9 * controlCarriedCharactersMax)
})

test('a node that has been asked too much lately says so, and does what it is asked afterwards', async () => {
  const { clock, client, log, reached } = await start()
  expect(await reached.send({ data: 'first' })).toBe(true)
  const [request] = await readControl(log)
  if (request === undefined) throw new Error('There is a request.')
  const { topic, type, key, data } = request
  const [line = '', ...rest] = data.split('\n')
  const events = Array.from({ length: controlSeenMax - 1 }, (_, i) => {
    const head = JSON.stringify({ ...JSON.parse(line), id: `copy-${i}`, session: goneId })
    return { topic, type, key, data: [head, ...rest].join('\n') }
  })
  await log.append({ events })
  await settle(20)
  expect(await outcomeOf(reached.send({ data: 'refused' }))).toBe('FULL')
  clock.advance(controlMs + controlAnswerMs + 1)
  expect(await reached.send({ data: 'again' })).toBe(true)
  expect(dataOf(client)).toEqual(['first', 'again'])
})

const line = (part: object): string =>
  `${JSON.stringify({ id: 'i', from: 'near', session: 'far.x', deadline: 9e15, command: { name: 'end', reason: 'ended' }, ...part })}\n`

test.each<[string, string | undefined, string]>([
  ['nothing', undefined, ''],
  ['no JSON', 'request', 'x\n'],
  ['no line end', 'request', line({}).trim()],
  ['null', 'request', 'null\n'],
  ['a list', 'request', '[]\n'],
  ['another type', 'other', line({})],
  ['no id', 'request', line({ id: undefined })],
  ['an id that is an object', 'request', line({ id: {} })],
  ['an id that is too long', 'request', line({ id: 'i'.repeat(65) })],
  ['nobody who asks', 'request', line({ from: '' })],
  ['no session', 'request', line({ session: null })],
  ['a deadline that is text', 'request', line({ deadline: 'soon' })],
  ['no command', 'request', line({ command: undefined })],
  ['a command that nobody knows', 'request', line({ command: { name: '__proto__' } })],
  ['a command without its part', 'request', line({ command: { name: 'change' } })],
  ['JSON that is nested too deep', 'request', `${'['.repeat(100_000)}\n`],
  ['an answer that is none', 'answer', '{"id":"i"}'],
  ['an answer without its id', 'answer', '{"done":true}'],
  ['an answer with half an error', 'answer', '{"id":"i","error":{"code":"FULL"}}'],
])('a record of %s, which an application has written, stops nothing', async (_, type, data) => {
  const errors: unknown[] = []
  const { log, client, reached } = await start({ onError: (error) => errors.push(error) })
  const [at] = await log.append({ events: [{ topic: controlTopic, type, key: 'far', data }] })
  await settle(3)
  expect(at).toBeDefined()
  expect(errors).toMatchObject([{ code: 'EVENT_INVALID' }])
  expect(await reached.send({ data: 'on' })).toBe(true)
  expect(dataOf(client)).toEqual(['on'])
})

test.each<[string, object, unknown]>([
  ['an event of the hub’s own', { name: 'send', event: { type: 'tidemark.bye' } }, []],
  ['an event with a member too many', { name: 'send', event: { type: { a: 1 } } }, []],
  ['topics that are no list', { name: 'change', change: { add: { length: 2 } } }, []],
  ['a reason that breaks the line', { name: 'end', reason: 'a\nid: 1' }, []],
])('a request for %s, past the asking node’s checks, is refused', async (_, command, seen) => {
  const { log, client, session } = await start()
  const data = line({ session: session.id, from: 'elsewhere', command })
  await log.append({ events: [{ topic: controlTopic, type: 'request', key: 'far', data }] })
  await settle(5)
  const answer = (await readControl(log)).at(-1)
  expect(answer).toMatchObject({ type: 'answer', key: 'elsewhere' })
  expect(JSON.parse(answer?.data ?? '')).toMatchObject({ id: 'i', error: { code: /./ } })
  expect(client.published).toEqual(seen)
  expect(session.topics).toEqual(['a'])
})

test('a deadline that an application writes is no longer than a node’s own', async () => {
  let tail: ReturnType<typeof holdTail> | undefined
  const { clock, log, session } = await start({}, (inner) => (tail = holdTail(inner)).log)
  tail?.hold()
  const data = line({ session: session.id })
  await log.append({ events: [{ topic: controlTopic, type: 'request', key: 'far', data }] })
  clock.advance(controlMs + 1)
  tail?.release()
  await settle(3)
  expect((await readControl(log)).map(({ type }) => type)).toEqual(['request'])
})

test('an answer with a code that this node does not know is a fault of the other one', async () => {
  const { log, near } = await start()
  const asked = outcomeOf(near.reach(goneId).end())
  await settle(3)
  const { id } = JSON.parse((await readControl(log))[0]?.data.split('\n')[0] ?? '')
  const data = JSON.stringify({ id, error: { code: 'toString', message: 'news' } })
  await log.append({ events: [{ topic: controlTopic, type: 'answer', key: 'near', data }] })
  expect(await asked).toBe('INTERNAL')
})

test('a log that takes nothing is told at once, and nothing waits', async () => {
  const { near, clock } = await start()
  const pending = clock.pending
  const dead = memoryLog({ clock })
  const node = createNode(dead, { clock, nodeName: 'cut' })
  await node.ready
  await dead.close()
  expect(await outcomeOf(node.reach(goneId).end())).toBe('LOG_UNAVAILABLE')
  await node.close()
  expect(clock.pending).toBe(pending)
  expect(near.sessionCount).toBe(0)
})

test('a log that hangs holds an asker for six seconds', async () => {
  const { clock, log } = await start()
  const hanging = wrapLog(log, { append: () => new Promise(() => undefined) })
  const node = createNode(hanging, { clock, nodeName: 'hung' })
  const asked = outcomeOf(node.reach(goneId).end())
  await settle(3)
  clock.advance(controlMs + controlAnswerMs)
  expect(await asked).toBe('SESSION_UNREACHABLE')
})

test('events that a log which hangs has not taken hold no more than their bound', async () => {
  let goOn: () => void = () => undefined
  const hung = new Promise<void>((resolve) => (goOn = resolve))
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  const append: EventLog['append'] = (batch) => hung.then(() => log.append(batch))
  const near = createNode(wrapLog(log, { append }), { clock, eventBytesMax: 1024 * 1024 })
  const ask = (): Promise<unknown> =>
    outcomeOf(near.reach(goneId).send({ data: 'x'.repeat(1_000_000) }))
  const full = Array.from({ length: 40 }, ask)
  await settle(3)
  clock.advance(controlMs + controlAnswerMs)
  expect(await Promise.all(full)).toContain('SESSION_UNREACHABLE')
  expect(await ask()).toBe('FULL')
  goOn()
  await settle(3)
  const next = ask()
  await settle(3)
  clock.advance(controlMs + controlAnswerMs)
  expect(await next).toBe('SESSION_UNREACHABLE')
})

test('a log that cannot be read at first is not written to once the asker has given up', async () => {
  const { clock, log } = await start()
  const before = (await log.bounds()).head
  let goOn: () => void = () => undefined
  const late = new Promise<void>((resolve) => (goOn = resolve))
  const slow = wrapLog(log, { bounds: () => late.then(() => log.bounds()) })
  const node = createNode(slow, { clock, nodeName: 'slow' })
  const asked = outcomeOf(node.reach(goneId).end())
  await settle(3)
  clock.advance(controlMs + controlAnswerMs)
  expect(await asked).toBe('SESSION_UNREACHABLE')
  goOn()
  await settle(5)
  expect((await log.bounds()).head).toEqual(before)
})

test('a node that closes lets go who waits for others', async () => {
  const { clock, near } = await start()
  const asked = outcomeOf(near.reach(goneId).end())
  await settle(3)
  const { pending } = clock
  await near.close()
  expect(await asked).toBe('SESSION_UNREACHABLE')
  expect(clock.pending).toBeLessThan(pending)
})

test('a change beyond all topics that a session can have is refused before it is written', async () => {
  const { log, reached } = await start()
  const before = (await log.bounds()).head
  const remove = ['x'.repeat(controlChangeCharactersMax)]
  expect(await outcomeOf(reached.changeTopics({ remove }))).toBe('TOPIC_SET_INVALID')
  expect((await log.bounds()).head).toEqual(before)
})

const by = { method: 'PATCH', url: '/sessions/x', header: () => undefined, address: undefined }

test('what a client adds is asked about as at the door, what it sends as a publish, and nothing is done unasked', async () => {
  const asked: unknown[] = []
  const { near, session, client } = await start({
    authorize: ({ action, topics }) => {
      asked.push([action, ...topics])
      return { user: 'ada', subscribe: ['orders/*'], publish: ['orders/*'] }
    },
  })
  const reached = near.reach(session.id, { by })
  expect(await outcomeOf(reached.changeTopics({ add: ['orders/1', 'secret'] }))).toBe(
    'TOPIC_FORBIDDEN',
  )
  expect(await outcomeOf(reached.send({ topic: 'secret', data: 1 }))).toBe('TOPIC_FORBIDDEN')
  expect(await outcomeOf(reached.changeTopics({ add: ['orders/1'], remove: ['a'] }))).toBe(true)
  expect(await outcomeOf(reached.send({ topic: 'orders/1', data: 'granted' }))).toBe(true)
  expect(session.topics).toEqual(['orders/1'])
  expect(dataOf(client)).toEqual(['granted'])
  await reached.end()
  expect(asked).toEqual([
    ['subscribe', 'orders/1', 'secret'],
    ['publish', 'secret'],
    ['subscribe', 'orders/1'],
    ['publish', 'orders/1'],
    ['subscribe'],
  ])
})

test('what nodes ask each other no client adds to its stream, reads or writes, and no wildcard reaches it', async () => {
  const { near, client, session } = await start({ authorize: 'everyone' })
  const reached = near.reach(session.id, { by })
  expect(await outcomeOf(reached.changeTopics({ add: ['$hub/control'] }))).toBe('TOPIC_RESERVED')
  expect(await outcomeOf(reached.changeTopics({ add: ['**'] }))).toBe(true)
  expect(await reached.send({ data: 'own' })).toBe(true)
  expect(dataOf(client)).toEqual(['own'])
  expect(await outcomeOf(near.history({ topic: '$hub/control', by }))).toBe('TOPIC_RESERVED')
  expect(await outcomeOf(near.publish('$hub/control', { data: 1 }))).toBe('TOPIC_RESERVED')
})

test('a log whose clock is ahead of the machine’s loses no request, and none is done late', async () => {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  const now = clock.now()
  clock.set(now + 3_600_000)
  await log.append({ events: [{ topic: parseTopic('a'), data: '' }] })
  clock.set(now)
  const held = holdTail(log)
  const near = createNode(log, { clock, nodeName: 'near' })
  const far = createNode(held.log, { clock, nodeName: 'far' })
  const client = new TestClient()
  const { id } = await far.open(client.connect(), parseSubscriptionBody({ topics: ['a'] }))
  await settle(2)
  expect(await near.reach(id).send({ data: 'on' })).toBe(true)
  held.hold()
  const asked = outcomeOf(near.reach(id).send({ data: 'late' }))
  await settle(3)
  clock.advance(controlMs + 1)
  held.release()
  await settle(3)
  clock.advance(controlAnswerMs)
  expect(await asked).toBe('SESSION_UNREACHABLE')
  expect(dataOf(client)).toEqual(['on'])
})

test('a clock that is set back does not keep a node from doing what it is asked', async () => {
  const { clock, client, log, reached } = await start()
  await reached.send({ data: 'first' })
  const [request] = await readControl(log)
  if (request === undefined) throw new Error('There is a request.')
  const { topic, type, key, data } = request
  const [line = '', ...rest] = data.split('\n')
  const deadline = clock.now() + controlMs
  const events = Array.from({ length: controlSeenMax - 1 }, (_, i) => {
    const head = JSON.stringify({ ...JSON.parse(line), id: `copy-${i}`, session: goneId, deadline })
    return { topic, type, key, data: [head, ...rest].join('\n') }
  })
  await log.append({ events })
  await settle(5)
  clock.set(clock.now() - 3_600_000)
  expect(await outcomeOf(reached.send({ data: 'too much' }))).toBe('FULL')
  clock.advance(controlMs + controlAnswerMs + 1)
  expect(await reached.send({ data: 'again' })).toBe(true)
  expect(dataOf(client)).toEqual(['first', 'again'])
})

test('events for nodes that never were hold no more than their bound', async () => {
  const { clock, near } = await start({ eventBytesMax: 1024 * 1024 })
  const data = 'x'.repeat(1_000_000)
  const outcomes: unknown[] = []
  const asked = Array.from({ length: 40 }, () => outcomeOf(near.reach(goneId).send({ data })))
  for (const one of asked) void one.then((outcome) => outcomes.push(outcome))
  await settle(3)
  const waiting = asked.length - outcomes.length
  expect(new Set(outcomes)).toEqual(new Set(['FULL']))
  expect(waiting).toBe(Math.floor(controlCarriedCharactersMax / (data.length + 200)))
  clock.advance(controlMs + controlAnswerMs)
  await Promise.all(asked)
  expect(outcomes).toContain('SESSION_UNREACHABLE')
})

test('an event for a stream that has not begun is not sent after its time, from near or far', async () => {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  const topic = parseTopic('a')
  await log.append({ events: [{ topic, data: 'old' }] })
  let goOn: () => void = () => undefined
  const slow = wrapLog(log, {
    read: async (query) => {
      if (query.topics.matches(topic)) await new Promise<void>((resolve) => (goOn = resolve))
      return log.read(query)
    },
  })
  const near = createNode(log, { clock, nodeName: 'near' })
  const far = createNode(slow, { clock, nodeName: 'far' })
  const client = new TestClient()
  const subscription = parseSubscriptionBody({ topics: ['a'], since: 'earliest' })
  const { id } = await far.open(client.connect(), subscription)
  const asked = [near, far].map((node) => outcomeOf(node.reach(id).send({ data: 'late' })))
  await settle(3)
  clock.advance(controlMs + controlAnswerMs)
  expect(await Promise.all(asked)).toEqual(['SESSION_UNREACHABLE', 'SESSION_UNREACHABLE'])
  goOn()
  await settle(5)
  expect(dataOf(client)).toEqual(['old'])
})

test('a change at the own node that waits for a replay is told to be late in time', async () => {
  const { clock, far, client, session } = await start()
  const { cursor } = await far.publish('b', { data: '0' })
  await far.publish('b', { data: '1' })
  client.connection?.block()
  await far.publish('a', { data: 'fills it' })
  await settle(3)
  const reached = far.reach(session.id)
  await reached.changeTopics({ add: ['b'], from: cursor })
  const asked = outcomeOf(reached.changeTopics({ add: ['c'] }))
  await settle(3)
  clock.advance(controlMs + controlAnswerMs)
  expect(await asked).toBe('SESSION_UNREACHABLE')
  client.connection?.unblock()
  await settle(5)
  expect(session.topics).toEqual(['a', 'b'])
})

test('a node that has closed asks no other', async () => {
  const { near } = await start()
  await near.close()
  expect(await outcomeOf(near.reach(goneId).end())).toBe('SESSION_UNREACHABLE')
})

const facts = { method: 'PATCH', url: '/', address: undefined, header: (): undefined => undefined }

test('a stream of a user obeys no other user, from near or far, and a stream of nobody whom it knows', async () => {
  const by = { ...facts }
  let grant: Grant = { user: 'eve', subscribe: ['**'], publish: ['**'] }
  const { near, far, session } = await start({ authorize: () => grant })
  const owned = await far.open(
    new TestClient().connect(),
    parseSubscriptionBody({ topics: ['a'] }),
    { user: 'ada' },
  )
  await settle(2)
  for (const tide of [near, far]) {
    const reached = tide.reach(owned.id, { by })
    const ask = async (): Promise<unknown[]> => [
      await outcomeOf(reached.send({ data: 'forged' })),
      await outcomeOf(reached.changeTopics({ remove: ['a'] })),
      await outcomeOf(reached.end()),
    ]
    grant = { user: 'eve', subscribe: ['**'], publish: ['**'] }
    expect(await ask()).toEqual(['USER_DIFFERS', 'USER_DIFFERS', 'USER_DIFFERS'])
    grant = { subscribe: ['a'] }
    expect(await ask()).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED', 'UNAUTHENTICATED'])
    grant = { user: 'eve', permissions: ['admin'] }
    expect(await outcomeOf(reached.send({ data: 'of an admin' }))).toBe(true)
    grant = { user: 'ada' }
    expect(await outcomeOf(reached.changeTopics({ remove: ['b'] }))).toBe(true)
    expect(await outcomeOf(tide.reach(session.id, { by }).send({ data: 'to nobody' }))).toBe(true)
  }
})
