// A session that changes its topics: what its ids say, what it shares with others, what it counts for, and
// how it comes back.

import { memoryLog, parseCursor, parseTopic } from '@tidemark/log'
import { parseEpoch } from '@tidemark/log/driver'
import { createFakeClock, createRandom } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { resumeChanged } from '../src/session/changed-topics.ts'
import { hashTopicSet } from '../src/session/topic-set-key.ts'
import { parseSubscriptionBody } from '../src/hub/index.ts'
import type { Subscription } from '../src/hub/index.ts'
import type { SessionHandle, TidemarkOptions } from '../src/index.ts'
import { topicChangesWaitingMax, topicSetFreeBytes, topicSetsBytesMin } from '../src/limits.ts'
import { measureTopicSet } from '../src/fan-out/measure-topic-set.ts'
import { NodeTidemark } from '../src/node/node-tidemark.ts'
import { readOptions } from '../src/tidemark-options.ts'
import { KeepingSink } from './support/keeping-sink.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'

function create(options: Partial<TidemarkOptions> = {}): NodeTidemark {
  const tide = new NodeTidemark(readOptions({ log: memoryLog(), ...options }))
  onTestFinished(() => tide.close())
  return tide
}

async function open(
  tide: NodeTidemark,
  subscription: Subscription,
): Promise<{ readonly client: TestClient; readonly session: SessionHandle }> {
  const client = new TestClient()
  const session = await tide.open(client.connect(), subscription)
  await settle()
  return { client, session }
}

const follow = (...topics: string[]): Subscription => parseSubscriptionBody({ topics })

async function settleAll(turns = 10): Promise<void> {
  for (let i = 0; i < turns; i++) await settle()
}

const textOf = ({ bytes }: { readonly bytes: Uint8Array }): string =>
  new TextDecoder().decode(bytes)

test('sessions that have moved to the same topics share frames and beats, parts included', async () => {
  const clock = createFakeClock()
  const tide = create({ clock, log: memoryLog({ clock }) })
  const moved = [new KeepingSink(), new KeepingSink()]
  const plain = [new KeepingSink(), new KeepingSink()]
  for (const sink of plain) await tide.open(sink, follow('a', 'b'))
  for (const [i, sink] of moved.entries()) {
    const session = await tide.open(sink, follow('x'))
    await settle()
    if (i === 0) await session.changeTopics({ add: ['a'] })
    await session.changeTopics({ add: ['a', 'b'], remove: ['x'] })
  }
  await settleAll()
  const begun = moved.map(({ blocks }) => blocks.length)
  await tide.publish('a', { data: '1' })
  await settleAll()
  clock.advance(20_000)
  const shared = moved.map(({ blocks }, i) => blocks.slice(begun[i]))
  expect(shared[0]?.map(textOf).join('')).toMatch(/^id: 1\w+-3~s\S+\n.*tidemark\.beat/s)
  expect(shared[0]?.length).toBe(2)
  for (const [i, block] of (shared[0] ?? []).entries()) expect(shared[1]?.[i]).toBe(block)
  const [first, second] = plain.map(({ blocks }) => blocks.slice(1))
  expect(first?.map(textOf).join('')).not.toContain('~')
  for (const [i, block] of (first ?? []).entries()) expect(second?.[i]).toBe(block)
})

test('added topics are replayed from where they were asked for, and the others come neither late nor twice', async () => {
  const tide = create()
  const start = await tide.publish('b', { data: 'b0' })
  await tide.publish('a', { data: 'a1' })
  await tide.publish('b', { data: 'b2' })
  await tide.publish('c', { data: 'c3' })
  const { client, session } = await open(tide, follow('a', 'c'))
  await tide.publish('a', { data: 'a4' })
  await settleAll()
  await session.changeTopics({ add: ['b'], remove: ['c'], from: start.cursor })
  await tide.publish('c', { data: 'c5' })
  await tide.publish('b', { data: 'b6' })
  await settleAll()
  expect(client.published.map(({ data }) => data)).toEqual(['a4', 'b2', 'b6'])
  expect(session.topics.toSorted()).toEqual(['a', 'b'])
})

test('topics that are added in the very turn in which their session comes level are replayed', async () => {
  for (let ticks = 0; ticks < 20; ticks++) {
    const tide = create()
    const start = await tide.publish('b', { data: 'b0' })
    await tide.publish('b', { data: 'b1' })
    const { client, session } = await open(tide, follow('a'))
    client.connection?.block()
    await tide.publish('a', { data: 'a2' })
    await settleAll()
    const change = session.changeTopics({ add: ['b'], from: start.cursor })
    for (let i = 0; i < ticks; i++) await Promise.resolve()
    client.connection?.unblock()
    await change
    await settleAll()
    expect(client.published.map(({ data }) => data)).toEqual(['a2', 'b1'])
  }
})

test('a pattern that is added from an older place does not repeat the topic that was followed before', async () => {
  const tide = create()
  const { client, session } = await open(tide, follow('orders/1'))
  const start = tide.liveCursor
  for (const topic of ['orders/1', 'orders/2']) await tide.publish(topic, { data: topic })
  await settleAll()
  await session.changeTopics({ add: ['orders/*'], remove: ['orders/1'], from: start })
  await settleAll()
  expect(client.published.map(({ data }) => data)).toEqual(['orders/1', 'orders/2'])
})

test('what retention has taken of added topics is told as a gap', async () => {
  const log = memoryLog({ retention: { rules: [{ pattern: 'short', maxEvents: 1 }] } })
  const tide = create({ log })
  const start = await tide.publish('short', { data: '0' })
  for (let i = 1; i < 5; i++) await tide.publish('short', { data: String(i) })
  const { client, session } = await open(tide, follow('a'))
  await session.changeTopics({ add: ['short'], from: start.cursor })
  await settleAll()
  expect(client.control('gap')).toMatchObject([{ reason: 'retention' }])
  expect(client.published.map(({ data }) => data)).toEqual(['4'])
})

test('a cursor of another history, in the middle of a replay, is told of a gap and gets everything once', async () => {
  const lost = create({ log: memoryLog({ epoch: parseEpoch('lost'.padEnd(19, '0')) }) })
  const start = await lost.publish('old', { data: 'lost' })
  for (let i = 1; i < 600; i++) await lost.publish('old', { data: 'lost' })
  const { client, session } = await open(lost, follow('a'))
  client.onEvent = ({ type }) => type === 'message' && client.connection?.cut()
  await session.changeTopics({ add: ['old'], from: start.cursor })
  await settleAll()
  expect(client.lastEventId).toContain('~c')
  client.onEvent = () => undefined
  client.events.length = 0
  const tide = create({ log: memoryLog({ epoch: parseEpoch('found'.padEnd(19, '0')) }) })
  for (const kept of [follow('a', 'old').topics, follow('a').topics])
    await tide.topicSets.keep(kept, { asked: hashTopicSet(follow('a').topics) })
  for (const topic of ['a', 'old', 'a', 'old']) await tide.publish(topic, { data: topic })
  const asked = parseSubscriptionBody({ topics: ['a'] }, client.lastEventId)
  await tide.open(client.connect(), await resumeChanged(asked, tide.topicSets))
  await settleAll(30)
  await tide.publish('old', { data: 'new' })
  await settleAll()
  expect(client.control('ready')).toMatchObject([{ resumed: 'gap' }])
  expect(client.control('gap').length).toBeGreaterThan(0)
  expect(client.published.map(({ data }) => data)).toEqual(['a', 'old', 'a', 'old', 'new'])
  expect(parseCursor(client.lastEventId)?.parts.size).toBe(1)
})

test('a session that moves is no laggard: a rule that drops leaves nothing out', async () => {
  const rules = { lag: [{ pattern: '**', whenLagging: 'drop' }] } as const
  const tide = create({ rules })
  const { client, session } = await open(tide, follow('a'))
  const published: Promise<unknown>[] = []
  for (let i = 0; i < 20; i++) {
    published.push(tide.publish('a', { data: String(i) }))
    await session.changeTopics(i % 2 === 0 ? { add: ['b'] } : { remove: ['b'] })
  }
  await Promise.all(published)
  await settleAll()
  expect(client.published.map(({ data }) => data)).toEqual(
    Array.from({ length: 20 }, (_, i) => String(i)),
  )
  expect(client.control('gap')).toEqual([])
})

test('a stream of one topic that becomes one of several says which event is of which', async () => {
  const tide = create()
  const sink = new KeepingSink()
  const session = await tide.open(sink, follow('a'))
  await settle()
  await session.changeTopics({ add: ['b'] })
  await tide.publish('b', { data: '1' })
  await settleAll()
  expect(sink.blocks.map(textOf).join('')).toContain('topic: b\n')
})

test('a change of nothing is none, and one to no topics is refused', async () => {
  const tide = create()
  const { client, session } = await open(tide, follow('a'))
  const events = client.events.length
  expect(await session.changeTopics({})).toBe(true)
  expect(await session.changeTopics({ add: ['a'], remove: ['elsewhere'] })).toBe(true)
  expect(client.events).toHaveLength(events)
  const refused = session.changeTopics({ remove: ['a'] })
  await expect(refused).rejects.toMatchObject({ code: 'TOPIC_SET_INVALID' })
  expect(session.topics).toEqual(['a'])
})

test('topics that are taken out in the middle of their own replay stop at once', async () => {
  const tide = create()
  const start = await tide.publish('b', { data: 'first' })
  for (let i = 0; i < 1_000; i++) await tide.publish(i % 2 === 0 ? 'b' : 'c', { data: String(i) })
  const { client, session } = await open(tide, follow('a'))
  client.onEvent = ({ type }) => type === 'message' && client.connection?.block()
  await session.changeTopics({ add: ['b', 'c'], from: start.cursor })
  await expect.poll(() => client.published.length).toBeGreaterThan(0)
  expect(await session.changeTopics({ remove: ['c'] })).toBe(true)
  const later = session.changeTopics({ add: ['d'] })
  const count = (odd: 0 | 1): number =>
    client.published.filter(({ data }) => Number(data) % 2 === odd).length
  const seen = count(1)
  client.onEvent = () => undefined
  client.connection?.unblock()
  expect(await later).toBe(true)
  expect(seen).toBeLessThan(500)
  expect([count(0), count(1)]).toEqual([500, seen])
})

test('changes that wait for a replay of a client that reads nothing are bounded', async () => {
  const tide = create()
  const start = await tide.publish('b', { data: '0' })
  for (let i = 1; i < 600; i++) await tide.publish('b', { data: String(i) })
  const { client, session } = await open(tide, follow('a'))
  await session.changeTopics({ add: ['b'], from: start.cursor })
  client.connection?.block()
  await settleAll()
  const changes: Promise<unknown>[] = []
  for (let i = 0; i < 3 * topicChangesWaitingMax; i++)
    changes.push(session.changeTopics({ add: [`x/${i}`] }).catch((error: unknown) => error))
  await settleAll()
  client.connection?.cut()
  const outcomes = await Promise.all(changes)
  expect(outcomes.filter((outcome) => outcome === false)).toHaveLength(topicChangesWaitingMax)
  for (const refused of outcomes.filter(Boolean)) expect(refused).toMatchObject({ code: 'FULL' })
})

function ownNames(session: number, count = 1_000): string[] {
  return Array.from({ length: count }, (_, i) => `own/${10_000 + session}/${1_000 + i}`)
}

const counted = measureTopicSet(follow(...ownNames(0)).topics) - topicSetFreeBytes
const fitting = Math.floor(topicSetsBytesMin / counted)

async function countFitting(tide: NodeTidemark): Promise<number> {
  const clients: TestClient[] = []
  try {
    for (let i = 0; ; i++) clients.push((await open(tide, follow(...ownNames(5_000 + i)))).client)
  } catch (error) {
    expect(error).toMatchObject({ code: 'FULL' })
    return clients.length
  } finally {
    for (const client of clients) client.connection?.cut()
  }
}

test('a change that does not fit into memory is refused, and the session stays as it was; taking out always fits', async () => {
  const tide = create({ topicSetsBytesMax: topicSetsBytesMin })
  const sessions: SessionHandle[] = []
  for (let i = 0; i < fitting; i++)
    sessions.push((await open(tide, follow(...ownNames(i)))).session)
  const { client, session } = await open(tide, follow('a'))
  await expect(session.changeTopics({ add: ownNames(900, 900) })).rejects.toMatchObject({
    code: 'FULL',
  })
  expect(session.topics).toEqual(['a'])
  await tide.publish('a', { data: 'still here' })
  await settleAll()
  expect(client.published.map(({ data }) => data)).toEqual(['still here'])
  for (const [i, one] of sessions.entries())
    expect(await one.changeTopics({ remove: ownNames(i).slice(0, 1) })).toBe(true)
  for (const [i, one] of sessions.entries())
    expect(await one.changeTopics({ remove: ownNames(i).slice(0, 950) })).toBe(true)
  expect(await session.changeTopics({ add: ownNames(900, 900) })).toBe(true)
})

test('after thousands of changes, refused, cut short and done, every byte is free again', async () => {
  const random = createRandom(5)
  const tide = create({ topicSetsBytesMax: topicSetsBytesMin })
  const cursors: string[] = []
  const opened: { client: TestClient; session: SessionHandle }[] = []
  for (let step = 0; step < 1_500; step++) {
    if (random.int(4) === 0 || opened.length === 0) {
      const opening = open(tide, follow(...ownNames(random.int(30), 1 + random.int(300))))
      const one = await opening.catch(() => undefined)
      if (one !== undefined) opened.push(one)
    }
    const one = opened[random.int(opened.length - 1)]
    if (random.int(6) === 0)
      cursors.push(
        (await tide.publish(`own/${10_000 + random.int(30)}/1001`, { data: 'x' })).cursor,
      )
    const from =
      random.int(1) === 0 ? cursors[random.int(Math.max(0, cursors.length - 1))] : undefined
    const change = one?.session.changeTopics({
      add: ownNames(random.int(30), random.int(300)),
      remove: ownNames(random.int(30), random.int(300)),
      from,
    })
    void change?.catch((error: unknown) =>
      expect(error).toMatchObject({ code: expect.stringMatching(/FULL|TOPIC_SET_INVALID/) }),
    )
    if (random.int(5) === 0) one?.client.connection?.cut()
    if (random.int(5) === 0) one?.client.connection?.block()
  }
  for (const { client } of opened) client.connection?.cut()
  await settleAll()
  expect(tide.sessionCount).toBe(0)
  expect(await countFitting(tide)).toBe(fitting)
})

test('a record that was published while a session moved reaches it once, wherever its bytes were', async () => {
  const log = memoryLog()
  const tide = create({ log, flushWindowMs: 5 })
  const { client, session } = await open(tide, follow('a'))
  for (let i = 0; i < 50; i++) {
    void log.append({ events: [{ topic: parseTopic('a'), data: String(i) }] })
    if (i % 5 === 0) void session.changeTopics({ add: [`b/${i}`] })
    if (i % 7 === 0) await settle()
  }
  await expect.poll(() => client.published.length).toBe(50)
  expect(client.published.map(({ data }) => Number(data))).toEqual(
    Array.from({ length: 50 }, (_, i) => i),
  )
})
