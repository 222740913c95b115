// A client comes back to its first URL after its topics were changed on its open stream. Which topics it
// gets, for how long, and what it is told.

import { LogError, memoryLog, parseCursor, parseTopic } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import { parseSubscriptionBody } from '../src/hub/index.ts'
import type { Grant, SessionHandle, Tidemark, TidemarkOptions } from '../src/index.ts'
import { topicSetsBytesMin } from '../src/limits.ts'
import { topicSetKeptMs } from '../src/session/limits.ts'
import { FetchClient } from './support/fetch-client.ts'
import { holdTail } from './support/held-log.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'
import { wrapLog } from './support/wrap-log.ts'

function create(log: EventLog, options: Partial<TidemarkOptions> = {}): Tidemark {
  const tide = createTidemark({ log, ...options })
  onTestFinished(() => tide.close())
  return tide
}

/** The options of the application for a stream; without them the client chooses. */
type Chosen = Parameters<Tidemark['fetch']>[1]

/** Asks as an EventSource does: with the URL it began with and the last id it has. */
async function ask(
  tide: Tidemark,
  query: string,
  { cursor = '', own }: { readonly cursor?: string; readonly own?: Chosen } = {},
): Promise<FetchClient> {
  const headers = { Accept: 'text/event-stream', 'Last-Event-ID': cursor }
  const request = new Request(`http://localhost/events?${query}`, { headers })
  const client = new FetchClient(await tide.fetch(request, own))
  if (client.response.status === 200) await client.untilType('tidemark.ready')
  return client
}

/** The stream that was opened last. */
function newest(tide: Tidemark): SessionHandle {
  const session = tide.sessions().at(-1)
  if (session === undefined) throw new Error('no session is open')
  return session
}

const dataOf = (client: FetchClient, type: string): unknown[] =>
  client.events.filter((event) => event.type === type).map(({ data }) => JSON.parse(data))

const chosen = { topics: ['a'], user: 'ada' }

describe.each<[string, Partial<TidemarkOptions>, Chosen]>([
  ['everybody may everything', { authorize: 'everyone' }, undefined],
  [
    'authorize grants them',
    { authorize: () => ({ user: 'ada', subscribe: ['a', 'b', 'c'] }) },
    undefined,
  ],
  ['the application has chosen them', {}, chosen],
])('where %s, a client with its first URL', (_, options, own) => {
  test('goes on with its changed topics at another node, and nothing is lost or doubled', async () => {
    const log = memoryLog()
    const [one, other] = [create(log, options), create(log, options)]
    const client = await ask(one, 'topic=a', { own })
    await newest(one).changeTopics({ add: ['b', 'c'], remove: ['a'] })
    await client.untilType('tidemark.topics')
    await one.publish('b', { data: 'b before' })
    await client.untilData('b before')
    await client.cancel()
    for (const topic of ['a', 'b', 'c']) await one.publish(topic, { data: `${topic} missed` })
    const back = await ask(other, 'topic=a', { cursor: client.lastEventId, own })
    await one.publish('c', { data: 'c live' })
    await back.untilData('c live')
    expect(back.published).toEqual(['b missed', 'c missed', 'c live'])
    expect(dataOf(back, 'tidemark.ready')).toMatchObject([{ resumed: 'exact' }])
    expect(newest(other).topics).toEqual(['b', 'c'])
    await newest(other).changeTopics({ add: ['a'], remove: ['c'] })
    await back.untilType('tidemark.topics')
    await back.cancel()
    const again = await ask(one, 'topic=a', { cursor: back.lastEventId, own })
    expect(newest(one).topics).toEqual(['a', 'b'])
    await again.cancel()
  })

  test('that was cut in the replay of an added topic goes on in the midst of it', async () => {
    const log = memoryLog()
    const [one, other] = [create(log, options), create(log, options)]
    for (let i = 0; i < 700; i++) await one.publish('b', { data: String(i) })
    const client = await ask(one, 'topic=a', { own })
    await newest(one).join('b', { since: 'earliest' })
    await client.untilData('3')
    await client.cancel()
    expect(parseCursor(client.lastEventId)?.parts.has('c')).toBe(true)
    await one.publish('a', { data: 'a missed' })
    const back = await ask(other, 'topic=a', { cursor: client.lastEventId, own })
    await back.untilData('a missed')
    const all = [...client.published, ...back.published]
    expect(all).toEqual([...Array.from({ length: 700 }, (_, i) => String(i)), 'a missed'])
    expect(dataOf(back, 'tidemark.gap')).toEqual([])
    await back.cancel()
  })

  test('that names other topics on its way back gets those, from its place on', async () => {
    const tide = create(memoryLog(), options)
    const client = await ask(tide, 'topic=a', { own })
    await newest(tide).changeTopics({ add: ['b'], remove: ['a'] })
    await client.untilType('tidemark.topics')
    await client.cancel()
    for (const topic of ['a', 'b', 'c']) await tide.publish(topic, { data: `${topic} missed` })
    const other = own === undefined ? undefined : { ...own, topics: ['c'] }
    const back = await ask(tide, 'topic=c', { cursor: client.lastEventId, own: other })
    await back.untilData('c missed')
    expect(back.published).toEqual(['c missed'])
    expect(dataOf(back, 'tidemark.ready')).toMatchObject([{ resumed: 'exact' }])
    expect(newest(tide).topics).toEqual(['c'])
    expect(parseCursor(back.lastEventId)?.parts.size).toBe(0)
    await back.cancel()
  })

  test('that names other topics in the midst of a replay is told of a gap', async () => {
    const tide = create(memoryLog(), options)
    for (let i = 0; i < 700; i++) await tide.publish('b', { data: String(i) })
    const client = await ask(tide, 'topic=a', { own })
    await newest(tide).join('b', { since: 'earliest' })
    await client.untilData('3')
    await client.cancel()
    const other = own === undefined ? undefined : { ...own, topics: ['c', 'b'] }
    const back = await ask(tide, 'topics=c,b', { cursor: client.lastEventId, own: other })
    await back.untilType('tidemark.gap')
    expect(dataOf(back, 'tidemark.gap')).toMatchObject([{ from: null, reason: 'cursor' }])
    expect(newest(tide).topics).toEqual(['b', 'c'])
    await back.cancel()
  })

  test('whose topics are those of its URL again has plain ids again', async () => {
    const tide = create(memoryLog(), options)
    const client = await ask(tide, 'topic=a', { own })
    await newest(tide).changeTopics({ add: ['b'], remove: ['a'] })
    await client.until(({ data }) => data.includes('"added":["b"]'))
    expect(parseCursor(client.lastEventId)?.parts.size).toBe(1)
    await newest(tide).changeTopics({ add: ['a'], remove: ['b'] })
    await client.until(({ data }) => data.includes('"added":["a"]'))
    expect(parseCursor(client.lastEventId)?.parts.size).toBe(0)
    await client.cancel()
  })
})

describe('a cursor of topics that the application has chosen', () => {
  test.each<[string, Chosen]>([
    ['another user', { topics: ['a'], user: 'eve' }],
    ['nobody in particular', { topics: ['a'] }],
    ['a stream of other topics', { topics: ['z'], user: 'ada' }],
  ])('leads %s to their own topics', async (_, others) => {
    const tide = create(memoryLog())
    const client = await ask(tide, '', { own: chosen })
    await newest(tide).join('secret')
    await client.untilType('tidemark.topics')
    const thief = await ask(tide, '', { cursor: client.lastEventId, own: others })
    expect(newest(tide).topics).toEqual(others?.topics)
    await Promise.all([client.cancel(), thief.cancel()])
  })

  test('has a key that nobody can work out from the names', async () => {
    const tide = create(memoryLog())
    const keys = new Set<string>()
    for (let i = 0; i < 3; i++) {
      const client = await ask(tide, '', { own: chosen })
      await newest(tide).join('secret')
      await client.untilType('tidemark.topics')
      keys.add(parseCursor(client.lastEventId)?.parts.get('s') ?? '')
      await client.cancel()
    }
    expect(keys.size).toBe(3)
  })

  test('leads to nothing that clients have chosen for themselves', async () => {
    const log = memoryLog()
    const open = create(log, { authorize: 'everyone' })
    const client = await ask(open, 'topic=a')
    await newest(open).join('secret')
    await client.untilType('tidemark.topics')
    const tide = create(log)
    const forged = await ask(tide, '', { cursor: client.lastEventId, own: { topics: ['a'] } })
    expect(newest(tide).topics).toEqual(['a'])
    await Promise.all([client.cancel(), forged.cancel()])
  })
})

describe('a client whose changed topics are not all granted any more', () => {
  test('hears behind ready which have left, and goes on with the others', async () => {
    let grant: Grant = { user: 'ada', subscribe: ['a', 'b', 'c'] }
    const tide = create(memoryLog(), { authorize: () => grant })
    const client = await ask(tide, 'topic=a')
    await newest(tide).changeTopics({ add: ['b', 'c'], remove: ['a'] })
    await client.untilType('tidemark.topics')
    await client.cancel()
    for (const topic of ['b', 'c']) await tide.publish(topic, { data: `${topic} missed` })
    grant = { user: 'ada', subscribe: ['c'] }
    const back = await ask(tide, 'topic=a', { cursor: client.lastEventId })
    await back.untilData('c missed')
    const [ready, told] = back.events
    expect(ready).toMatchObject({ type: 'tidemark.ready' })
    expect(told?.type).toBe('tidemark.topics')
    const wanted = { added: [], removed: ['b'], reason: 'not-granted' }
    expect(JSON.parse(told?.data ?? '')).toEqual(wanted)
    expect(back.published).toEqual(['c missed'])
    await back.cancel()
    const again = await ask(tide, 'topic=a', { cursor: back.lastEventId })
    expect(newest(tide).topics).toEqual(['c'])
    expect(dataOf(again, 'tidemark.topics')).toEqual([])
    await again.cancel()
  })

  test('is refused where nothing of them is left', async () => {
    let grant: Grant = { user: 'ada', subscribe: ['a', 'b'] }
    const tide = create(memoryLog(), { authorize: () => grant })
    const client = await ask(tide, 'topic=a')
    await newest(tide).changeTopics({ add: ['b'], remove: ['a'] })
    await client.untilType('tidemark.topics')
    await client.cancel()
    grant = { user: 'ada', subscribe: ['a'] }
    const back = await ask(tide, 'topic=a', { cursor: client.lastEventId })
    expect(back.response.status).toBe(403)
    expect(await back.read()).toBeDefined()
    await back.cancel()
  })

  test('has no replay any more of an added topic that has left', async () => {
    let grant: Grant = { user: 'ada', subscribe: ['a', 'b'] }
    const tide = create(memoryLog(), { authorize: () => grant })
    for (let i = 0; i < 700; i++) await tide.publish('b', { data: String(i) })
    const client = await ask(tide, 'topic=a')
    await newest(tide).join('b', { since: 'earliest' })
    await client.untilData('3')
    await client.cancel()
    await tide.publish('a', { data: 'a missed' })
    grant = { user: 'ada', subscribe: ['a'] }
    const back = await ask(tide, 'topic=a', { cursor: client.lastEventId })
    await back.untilData('a missed')
    expect(back.published).toEqual(['a missed'])
    expect(back.lastEventId).not.toContain('~c')
    await back.cancel()
  })

  test('does not get topics of the hub that its application once added, where everybody may everything', async () => {
    const tide = create(memoryLog(), { authorize: 'everyone' })
    const client = await ask(tide, 'topic=a')
    await newest(tide).join('$hub/state/topic-sets')
    await client.untilType('tidemark.topics')
    await client.cancel()
    const back = await ask(tide, 'topic=a', { cursor: client.lastEventId })
    await back.untilType('tidemark.topics')
    expect(newest(tide).topics).toEqual(['a'])
    await back.cancel()
  })

  test('is sent away as full where its names find no place while it reads nothing', async () => {
    let grant: Grant = { user: 'ada', subscribe: ['**'] }
    const names = Array.from({ length: 1_000 }, (_, i) => `${'n'.repeat(200)}/${i}`)
    const authorize = (): Grant => grant
    const tide = create(memoryLog(), { authorize, topicSetsBytesMax: topicSetsBytesMin })
    const client = await ask(tide, 'topic=a')
    await newest(tide).changeTopics({ add: names.slice(1) })
    await client.untilType('tidemark.topics')
    await client.cancel()
    const held: FetchClient[] = []
    grant = { user: 'bob', subscribe: ['**'] }
    for (let i = 0; tide.stats().now.topicSetsBytes < topicSetsBytesMin - 200_000; i++) {
      const own = names.slice(0, 300).map((name) => `topic=${name.slice(180)}-${i}`)
      held.push(await ask(tide, own.join('&')))
    }
    grant = { user: 'ada', subscribe: ['a'] }
    const back = await ask(tide, 'topic=a', { cursor: client.lastEventId })
    await back.untilType('tidemark.bye')
    expect(dataOf(back, 'tidemark.bye')).toMatchObject([{ reason: 'full' }])
    await Promise.all(held.map((one) => one.cancel()))
  })
})

describe('a stream is told of its other topics', () => {
  async function open(
    tide: Tidemark,
    body: object = {},
  ): Promise<readonly [TestClient, SessionHandle]> {
    const client = new TestClient()
    const subscription = parseSubscriptionBody({ topics: ['a'], ...body })
    const session = await tide.open(client.connect(), subscription)
    return [client, session]
  }

  test('at once, with the id that leads back to them', async () => {
    const tide = create(memoryLog())
    const [client, session] = await open(tide)
    await settle()
    await session.changeTopics({ add: ['b', 'c'] })
    expect(client.control('topics')).toEqual([
      { added: ['b', 'c'], removed: [], reason: 'changed' },
    ])
    expect(client.events.at(-1)?.type).toBe('tidemark.topics')
    expect(parseCursor(client.lastEventId)?.parts.has('s')).toBe(true)
    await session.leave('b')
    expect(client.control('topics').at(-1)).toEqual({
      added: [],
      removed: ['b'],
      reason: 'changed',
    })
  })

  test('as soon as its socket takes something, of what has come and not gone meanwhile', async () => {
    const tide = create(memoryLog())
    const [client, session] = await open(tide)
    await settle()
    client.connection?.block()
    await tide.publish('a', { data: '1' })
    await settle()
    const before = client.lastEventId
    await session.changeTopics({ add: ['b', 'c'] })
    await session.changeTopics({ add: ['d'], remove: ['a', 'b'] })
    expect(client.lastEventId).toBe(before)
    client.connection?.unblock()
    const told = { added: ['c', 'd'], removed: ['a'], reason: 'changed' }
    expect(client.control('topics')).toEqual([told])
    expect(client.lastEventId).not.toBe(before)
    expect(session.topics).toEqual(['c', 'd'])
    expect(tide.stats().now.topicSetsBytes).toBe(0)
  })

  test('while it waits for its rate', async () => {
    const tide = create(memoryLog())
    const [client, session] = await open(tide, { eventsPerSecondMax: 1 })
    await settle()
    for (let i = 0; i < 5; i++) await tide.publish('a', { data: String(i) })
    await settle(3)
    await session.join('b')
    expect(client.control('topics')).toHaveLength(1)
  })

  test('behind ready, where they changed before the stream has begun', async () => {
    const tide = create(memoryLog())
    const [client, session] = await open(tide)
    const changed = session.join('b')
    await changed
    await settle(3)
    expect(client.events.map(({ type }) => type).slice(0, 2)).toEqual([
      'tidemark.ready',
      'tidemark.topics',
    ])
  })

  test('by its next id alone, where a topic has come and gone', async () => {
    const tide = create(memoryLog())
    const [client, session] = await open(tide)
    await settle()
    await session.join('b')
    client.connection?.block()
    await tide.publish('a', { data: '1' })
    await settle()
    await session.join('c')
    await session.leave('c')
    const seen = client.events.length
    client.connection?.unblock()
    expect(client.events.slice(seen).map(({ type }) => type)).toEqual(['tidemark.beat'])
  })

  test('or keeps those it has, where its socket takes nothing and the names find no place', async () => {
    const tide = create(memoryLog(), { topicSetsBytesMax: topicSetsBytesMin })
    const [client, session] = await open(tide)
    await settle()
    const names = Array.from({ length: 900 }, (_, i) => `${'n'.repeat(200)}/${i}`)
    await session.changeTopics({ add: names })
    client.connection?.block()
    await tide.publish('a', { data: '1' })
    await settle()
    for (let i = 0; tide.stats().now.topicSetsBytes < topicSetsBytesMin - 150_000; i++)
      await open(tide, { topics: Array.from({ length: 200 }, (_, j) => `o/${i}/${j}/long`) })
    const full = session.changeTopics({ remove: names.slice(0, 890) })
    await expect(full).rejects.toMatchObject({ code: 'FULL' })
    expect(session.topics).toHaveLength(901)
    client.connection?.unblock()
    expect(await session.changeTopics({ remove: names.slice(0, 890) })).toBe(true)
  })
})

describe('join and leave', () => {
  test.each<[string | undefined, readonly string[]]>([
    [undefined, ['live']],
    ['now', ['live']],
    ['earliest', ['0', '1', '2', '3', 'live']],
    ['-2', ['2', '3', 'live']],
    ['1h', ['0', '1', '2', '3', 'live']],
  ])('with since %s give the topic from there', async (since, expected) => {
    const tide = create(memoryLog())
    for (let i = 0; i < 4; i++) await tide.publish('b', { data: String(i) })
    const client = await ask(tide, 'topic=a', { own: chosen })
    expect(await newest(tide).join('b', { since })).toBe(true)
    await tide.publish('b', { data: 'live' })
    await client.untilData('live')
    expect(client.published).toEqual(expected)
    expect(await newest(tide).leave('b')).toBe(true)
    expect(newest(tide).topics).toEqual(['a'])
    await client.cancel()
  })

  test('take a cursor, and reach a session of another node', async () => {
    const log = memoryLog()
    const [near, far] = [create(log), create(log)]
    const { cursor } = await far.publish('b', { data: '0' })
    await far.publish('b', { data: '1' })
    const client = await ask(far, '', { own: chosen })
    const reached = near.reach(newest(far).id)
    expect(await reached.join('b', { since: cursor })).toBe(true)
    await client.untilData('1')
    expect(client.published).toEqual(['1'])
    expect(await reached.join('c', { since: '-10' })).toBe(true)
    expect(await reached.leave('b')).toBe(true)
    expect(newest(far).topics).toEqual(['a', 'c'])
    await client.cancel()
  })

  test.each<[string, (session: SessionHandle) => Promise<boolean>, string]>([
    ['a since that is none', (s) => s.join('b', { since: 'soon' }), 'QUERY_INVALID'],
    ['a since that is no text', (s) => s.join('b', { since: 5 as never }), 'QUERY_INVALID'],
    [
      'two places to begin at',
      (s) => s.changeTopics({ add: ['b'], from: '1abc-1', since: '-1' }),
      'QUERY_INVALID',
    ],
    ['options that are none', (s) => s.join('b', 5 as never), 'OPTION_INVALID'],
    ['a topic that is no text', (s) => s.join(5 as never), 'OPTION_INVALID'],
    ['a topic that is none', (s) => s.join('b//c'), 'TOPIC_INVALID'],
    ['the last topic', (s) => s.leave('a'), 'TOPIC_SET_INVALID'],
  ])('refuse %s, and the stream goes on', async (_, act, code) => {
    const tide = create(memoryLog())
    const client = await ask(tide, '', { own: chosen })
    await expect(act(newest(tide))).rejects.toMatchObject({ code })
    await tide.publish('a', { data: 'on' })
    await client.untilData('on')
    expect(newest(tide).topics).toEqual(['a'])
    await client.cancel()
  })

  test('refuse the topic after the thousandth, however they came', async () => {
    const tide = create(memoryLog())
    const client = await ask(tide, '', { own: chosen })
    const session = newest(tide)
    for (let i = 0; i < 990; i += 30)
      await session.changeTopics({ add: Array.from({ length: 30 }, (_, j) => `b/${i + j}`) })
    for (let i = 990; i < 999; i++) await session.join(`b/${i}`)
    expect(session.topics).toHaveLength(1_000)
    await expect(session.join('one-more')).rejects.toMatchObject({ code: 'TOPIC_SET_INVALID' })
    expect(await session.join('b/7')).toBe(true)
    await session.leave('b/7')
    expect(await session.join('one-more')).toBe(true)
    await tide.publish('one-more', { data: 'on' })
    await client.untilData('on')
    expect(parseCursor(client.lastEventId)).toBeDefined()
    await client.cancel()
  })
})

describe('changed topic sets in the log', () => {
  test('cost nothing until somebody changes topics', async () => {
    let tails = 0
    const own = memoryLog()
    const log = wrapLog(own, {
      tail(after, handler) {
        tails += 1
        return own.tail(after, handler)
      },
    })
    const tide = create(log)
    const client = await ask(tide, '', { own: chosen })
    const before = tails
    await client.cancel()
    const back = await ask(tide, '', { cursor: client.lastEventId, own: chosen })
    expect(tails).toBe(before)
    await newest(tide).join('b')
    expect(tails).toBe(before + 1)
    await newest(tide).leave('b')
    await newest(tide).join('b')
    expect(tails).toBe(before + 1)
    await back.cancel()
  })

  test('are one record, however many streams make the same change and however often', async () => {
    const log = memoryLog()
    const tide = create(log, { authorize: 'everyone' })
    const clients: FetchClient[] = []
    for (let i = 0; i < 5; i++) {
      clients.push(await ask(tide, 'topic=a'))
      await newest(tide).join('b')
      await newest(tide).leave('b')
      await newest(tide).join('b')
    }
    const stored = await tide.history({ topic: '$hub/state/topic-sets' })
    expect(stored.records).toHaveLength(1)
    for (const client of clients) await client.cancel()
  })

  test('last while a stream uses them, and a day behind it', async () => {
    const clock = createFakeClock()
    const log = memoryLog({ clock, retention: { maxAgeMs: Infinity } })
    const tide = create(log, { clock })
    const client = new TestClient()
    const subscription = parseSubscriptionBody({ topics: ['a'] })
    const session = await tide.open(client.connect(), subscription)
    await settle()
    await session.join('b')
    await settle()
    for (let hours = 0; hours < 120; hours++) {
      clock.advance(3_600_000)
      await settle(2)
    }
    client.connection?.cut()
    const key = parseCursor(client.lastEventId)?.parts.get('s') ?? ''
    expect((await tide.topicSets.find(key))?.topics.topics).toEqual(['a', 'b'])
    for (let hours = 0; hours < 11; hours++) {
      clock.advance(3_600_000)
      await settle(2)
    }
    expect(await tide.topicSets.find(key)).toBeDefined()
    clock.advance(topicSetKeptMs + 3_600_000)
    await settle(2)
    expect(await tide.topicSets.find(key)).toBeUndefined()
  })

  test('are found by a node that has not been handed them yet', async () => {
    const log = memoryLog()
    const held = holdTail(log)
    const options = { authorize: 'everyone' } as const
    const [one, other] = [create(log, options), create(held.log, options)]
    const first = await ask(one, 'topic=a')
    await newest(one).join('x')
    await first.untilType('tidemark.topics')
    const opened = ask(other, 'topic=a', { cursor: first.lastEventId })
    await settle(3)
    held.release()
    await (await opened).cancel()
    const client = await ask(one, 'topic=a')
    await newest(one).join('b')
    await client.untilType('tidemark.topics')
    const coming = ask(other, 'topic=a', { cursor: client.lastEventId })
    await settle(3)
    held.release()
    const back = await coming
    expect(newest(other).topics).toEqual(['a', 'b'])
    for (const open of [first, client, back]) await open.cancel()
  })

  test('that are gone are told as a gap, and the URL counts again', async () => {
    const clock = createFakeClock()
    const tide = create(memoryLog({ clock }), { clock, authorize: 'everyone' })
    const client = await ask(tide, 'topic=a')
    await newest(tide).join('b')
    await client.untilType('tidemark.topics')
    await client.cancel()
    clock.advance(topicSetKeptMs + 3_600_000)
    await settle(2)
    const back = await ask(tide, 'topic=a', { cursor: client.lastEventId })
    await back.untilType('tidemark.gap')
    expect(dataOf(back, 'tidemark.gap')).toMatchObject([{ from: null, reason: 'cursor' }])
    expect(newest(tide).topics).toEqual(['a'])
    await back.cancel()
  })

  test('that are as many as the log keeps refuse one more by a code of their own, and the stream goes on', async () => {
    const log = memoryLog()
    const topic = parseTopic('$hub/state/topic-sets')
    for (let i = 0; i < 10; i++) {
      const events = Array.from({ length: 10_000 }, (_, j) => ({
        topic,
        type: 'set',
        key: `${i}-${j}`,
        data: '- -\n{"asked":"x","until":1}\na',
      }))
      await log.append({ events })
    }
    const tide = create(log)
    const client = await ask(tide, '', { own: chosen })
    const refused = newest(tide).join('b')
    await expect(refused).rejects.toMatchObject({ code: 'TOPIC_SETS_FULL', status: 503 })
    await tide.publish('a', { data: 'on' })
    await client.untilData('on')
    expect(newest(tide).topics).toEqual(['a'])
    await client.cancel()
  })
})

describe('where the log keeps as many changed topics as it may', () => {
  const whole: Grant = { user: 'ada', subscribe: ['a', 'b', 'c'] }
  const less: Grant = { user: 'ada', subscribe: ['a', 'b'] }

  test('a stream gives up what its new grant does not hold, goes on, and is told of a gap when it comes back', async () => {
    const log = fullLog()
    const tide = create(log, { authorize: () => whole })
    const client = await ask(tide, 'topics=a,b,c')
    expect(await newest(tide).renew(less)).toBe(true)
    await client.untilType('tidemark.topics')
    expect(newest(tide).topics).toEqual(['a', 'b'])
    await tide.publish('c', { data: 'not for it' })
    await tide.publish('a', { data: 'on' })
    await client.untilData('on')
    expect(client.published).toEqual(['on'])
    await client.cancel()
    const back = await ask(tide, 'topics=a,b,c', { cursor: client.lastEventId })
    await back.untilType('tidemark.gap')
    expect(newest(tide).topics).toEqual(['a', 'b', 'c'])
    await back.cancel()
  })

  test('a client leaves a topic', async () => {
    const log = fullLog()
    const tide = create(log, { authorize: 'everyone' })
    const client = await ask(tide, 'topics=a,b,c')
    await newest(tide).leave('c')
    expect(newest(tide).topics).toEqual(['a', 'b'])
    await client.cancel()
  })

  test('a client that comes back to topics of which one is not granted any more gets the others', async () => {
    let isFull = false
    const log = fullLog(() => isFull)
    let grant = whole
    const tide = create(log, { authorize: () => grant })
    const client = await ask(tide, 'topic=a')
    await newest(tide).changeTopics({ add: ['b', 'c'] })
    await client.untilType('tidemark.topics')
    await client.cancel()
    isFull = true
    await tide.publish('b', { data: 'missed' })
    grant = less
    const back = await ask(tide, 'topic=a', { cursor: client.lastEventId })
    expect(back.response.status).toBe(200)
    await back.untilData('missed')
    expect(newest(tide).topics).toEqual(['a', 'b'])
    await back.cancel()
  })
})

/** A log that takes no changed topics more. */
function fullLog(isFull: () => boolean = () => true): EventLog {
  const log = memoryLog()
  return wrapLog(log, {
    append: (batch) =>
      isFull() && batch.events.some(({ topic }) => topic === '$hub/state/topic-sets')
        ? Promise.reject(new LogError('LEDGER_FULL', 'Full.'))
        : log.append(batch),
  })
}
