// Topics that keep the newest value of each key: a newcomer gets those first, and then the stream goes on.

import { memoryLog, parseTopic } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { createFakeClock, createRandom } from '@tidemark/testkit'
import type { DecodedEvent } from '@tidemark/wire'
import { expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type { Grant, SessionHandle, Tidemark, TidemarkOptions, TopicInput } from '../src/index.ts'
import { describeRequest } from '../src/fetch/describe-request.ts'
import { parseSubscriptionQuery } from '../src/hub/index.ts'
import { resumeChanged } from '../src/session/changed-topics.ts'
import { recentCharactersMax } from '../src/limits.ts'
import { NodeTidemark } from '../src/node/node-tidemark.ts'
import { readOptions } from '../src/tidemark-options.ts'
import { holdTail } from './support/held-log.ts'
import { KeyedClient } from './support/keyed-client.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'
import { MemorySets } from './support/watched-sets.ts'
import { wrapLog } from './support/wrap-log.ts'

const rules = [{ pattern: 'prices/**', latestBy: 'key' }] as const

function create(
  log: EventLog = memoryLog({ retention: { rules } }),
  options: Partial<TidemarkOptions> = {},
): Tidemark {
  const tide = createTidemark({ log, authorize: 'everyone', ...options })
  onTestFinished(() => tide.close())
  return tide
}

async function follow(
  tide: Tidemark,
  query: string,
  client = new TestClient(),
): Promise<{ readonly client: TestClient; readonly session: SessionHandle }> {
  const asked = parseSubscriptionQuery(new URLSearchParams(query), client.lastEventId)
  const session = await tide.open(client.connect(), await resumeChanged(asked, tide.topicSets))
  await settle(6)
  return { client, session }
}

/** The events of a client, in short. */
function hear({ events }: TestClient): readonly string[] {
  return events.flatMap(({ type, data }) => {
    if (type === 'tidemark.snapshot') {
      const { phase, topic } = JSON.parse(data) as { phase: string; topic: string }
      return [`${phase} ${topic}`]
    }
    return type.startsWith('tidemark.') ? [] : [data]
  })
}

async function price(tide: Tidemark, key: string, data: string): Promise<void> {
  await tide.publish('prices/eu', { key, data })
}

test('a newcomer gets the newest value of each key between two brackets, and then goes live', async () => {
  const tide = create()
  for (const [key, data] of [
    ['a', 'a1'],
    ['b', 'b1'],
    ['a', 'a2'],
  ] as const)
    await price(tide, key, data)
  const { client } = await follow(tide, 'topic=prices/eu')
  await price(tide, 'b', 'b2')
  await settle(4)
  expect(hear(client)).toEqual(['begin prices/eu', 'b1', 'a2', 'end prices/eu', 'b2'])
  expect(client.control('ready')).toMatchObject([{ resumed: 'fresh' }])
  expect(client.lastEventId).not.toContain('~')
})

test.each([
  ['since=now', []],
  ['since=earliest', ['b1', 'a2']],
])('a client that asks for %s gets that, without a snapshot', async (since, wanted) => {
  const tide = create()
  for (const [key, data] of [
    ['a', 'a1'],
    ['b', 'b1'],
    ['a', 'a2'],
  ] as const)
    await price(tide, key, data)
  const { client } = await follow(tide, `topic=prices/eu&${since}`)
  expect(hear(client)).toEqual(wanted)
})

test('a stream of other topics, too, gets the snapshot of those that have one, and no others of a pattern', async () => {
  const tide = create()
  await price(tide, 'a', 'a1')
  await tide.publish('news', { key: 'x', data: 'news' })
  await tide.publish('pricey', { key: 'y', data: 'other' })
  const { client } = await follow(tide, 'topic=**&topic=news')
  expect(hear(client)).toEqual(['begin **', 'a1', 'end **'])
})

test('a topic that an earlier rule keeps whole has no snapshot', async () => {
  const first = { pattern: 'prices/log', maxEvents: 10 }
  const tide = create(memoryLog({ retention: { rules: [first, ...rules] } }))
  await tide.publish('prices/log', { key: 'a', data: 'log' })
  await price(tide, 'a', 'a1')
  expect(hear((await follow(tide, 'topic=prices/log')).client)).toEqual([])
  const { client } = await follow(tide, 'topic=prices/*')
  expect(hear(client)).toEqual(['begin prices/*', 'a1', 'end prices/*'])
})

/** Takes so many events, and no more until it comes back, wherever in a block it is cut. */
class CuttableClient extends TestClient {
  left = Infinity

  override take(event: DecodedEvent): void {
    if (this.left <= 0) return
    this.left -= 1
    super.take(event)
    if (this.left === 0) this.connection?.cut()
  }
}

test('a client that is cut anywhere in a snapshot gets each value once', async () => {
  for (let cutAt = 1; cutAt < 12; cutAt++) {
    const tide = create()
    for (const key of ['a', 'b', 'c', 'd']) await price(tide, key, `${key}1`)
    const client = new CuttableClient()
    client.left = cutAt
    await follow(tide, 'topic=prices/eu', client)
    await price(tide, 'b', 'b2')
    client.left = Infinity
    await follow(tide, 'topic=prices/eu', client)
    await settle(4)
    const heard = hear(client)
    const values = heard.filter((word) => /^[a-z]\d$/.test(word))
    const last = new Map(values.map((value) => [value[0], value]))
    const why = `cut at ${cutAt}: ${heard.join()}`
    expect([...last.values()].toSorted(), why).toEqual(['a1', 'b2', 'c1', 'd1'])
    expect(new Set(values).size, why).toBe(values.length)
    expect(
      heard.filter((word) => word.startsWith('begin')),
      why,
    ).toEqual(['begin prices/eu'])
    expect(
      heard.filter((word) => word.startsWith('end')),
      why,
    ).toEqual(['end prices/eu'])
    expect(client.control('gap'), why).toEqual([])
    expect(client.lastEventId).not.toContain('~')
  }
})

test('the end waits for a key that moves while the others are read', async () => {
  const log = memoryLog({ retention: { rules } })
  let moves = 0
  let tide: Tidemark | undefined
  // Each page of the log finds that the key has just moved behind it.
  const moving = wrapLog(log, {
    read: async (query) => {
      if (moves < 5 && query.topics.key === 'prices/eu') {
        moves += 1
        await log.append({ events: [{ topic: 'prices/eu' as never, key: 'b', data: `b${moves}` }] })
      }
      return log.read(query)
    },
  })
  tide = create(moving)
  await log.append({
    events: ['a', 'b', 'c'].map((key) => ({ topic: 'prices/eu' as never, key, data: `${key}0` })),
  })
  await tide.ready
  const { client } = await follow(tide, 'topic=prices/eu')
  await settle(20)
  const heard = hear(client)
  const end = heard.indexOf('end prices/eu')
  expect(
    heard.slice(0, end).some((word) => word.startsWith('b')),
    heard.join(),
  ).toBe(true)
  expect(heard.slice(0, end)).toEqual(expect.arrayContaining(['a0', 'c0']))
})

test('a snapshot ends before its stream is live, where the node is behind the log', async () => {
  const log = memoryLog({ retention: { rules } })
  const held = holdTail(log)
  const tide = create(held.log)
  await tide.ready
  const append = (data: string): Promise<unknown> =>
    log.append({ events: [{ topic: parseTopic('prices/eu'), key: 'a', data }] })
  await append('a1')
  await append('a2')
  const { client } = await follow(tide, 'topic=prices/eu')
  // The value has moved ahead of the node, so no key but this one is known to be gone yet.
  expect(hear(client)).toEqual(['begin prices/eu'])
  held.release()
  await settle(6)
  expect(hear(client)).toEqual(['begin prices/eu', 'a1', 'a2', 'end prices/eu'])
  await append('a3')
  held.release()
  await settle(4)
  expect(hear(client).at(-1)).toBe('a3')
  expect(client.lastEventId).not.toContain('~')
})

test('a snapshot that ends while a topic leaves ends once, whichever of the two is first', async () => {
  for (let turns = 0; turns < 40; turns++) {
    const clock = createFakeClock()
    const log = memoryLog({ clock, retention: { rules } })
    const held = holdTail(log)
    const settings = readOptions({ log: held.log, clock, flushWindowMs: 5 })
    const topicSets = new SlowSets(() => {
      held.release()
      void passTurns(turns).then(() => clock.advance(5))
      return passTurns(20)
    })
    const tide = new NodeTidemark({ ...settings, topicSets })
    await tide.ready
    await log.append({ events: [{ topic: parseTopic('prices/eu'), key: 'a', data: 'a1' }] })
    const { client, session } = await follow(tide, 'topics=prices/eu,prices/us')
    await session.leave('prices/us')
    await settle(6)
    const heard = hear(client).filter((word) => word.endsWith('prices/eu'))
    expect(heard, `after ${turns} turns`).toEqual(['begin prices/eu', 'end prices/eu'])
    expect(client.lastEventId, `after ${turns} turns`).not.toContain('~k')
    await tide.close()
  }
})

test('a topic that joins while a gap begins a snapshot waits for the end of that', async () => {
  for (let turns = 0; turns < 10; turns++) {
    const clock = createFakeClock()
    const short = { pattern: 'news', maxEvents: 1 }
    const log = memoryLog({ clock, retention: { rules: [...rules, short] } })
    let comeOn: () => void = () => undefined
    const topicSets = new SlowSets(() => {
      comeOn()
      return settle(turns)
    })
    const settings = readOptions({ log, clock, flushWindowMs: 0 })
    const tide = new NodeTidemark({ ...settings, topicSets })
    for (const key of ['a', 'b']) await price(tide, key, `${key}1`)
    const { client, session } = await follow(tide, 'topics=prices/eu,news')
    // It misses events that are gone when it takes something again, and is told of a gap then.
    client.connection?.block()
    await price(tide, 'b', 'b2')
    await settle(4)
    await tide.publish('news', { data: 'n'.repeat(recentCharactersMax) })
    await tide.publish('news', { data: 'n2' })
    await settle(4)
    comeOn = () => client.connection?.unblock()
    await session.join('prices/us')
    await settle(30)
    const heard = hear(client)
    const why = `after ${turns} turns: ${heard.map((word) => word.slice(0, 20)).join()}`
    expect(client.control('gap'), why).toHaveLength(1)
    expect(heard.indexOf('end prices/us'), why).toBeGreaterThan(heard.indexOf('begin prices/us'))
    // The second one is behind the gap, and whole.
    const begin = heard.lastIndexOf('begin prices/eu')
    const end = heard.lastIndexOf('end prices/eu')
    expect(begin, why).toBeGreaterThan(heard.indexOf('end prices/eu'))
    expect(heard.slice(begin, Math.max(begin, end)), why).toEqual(
      expect.arrayContaining(['a1', 'b2']),
    )
    expect(client.lastEventId, why).not.toContain('~k')
    await tide.close()
  }
})

/** Turns of the promises alone, in which nothing else happens. */
async function passTurns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve()
}

/** Topic sets of a node that take as long as the test says. */
class SlowSets extends MemorySets {
  readonly #wait: () => Promise<void>

  constructor(wait: () => Promise<void>) {
    super(new Map())
    this.#wait = wait
  }

  override async keep(...given: Parameters<MemorySets['keep']>): Promise<string> {
    await this.#wait()
    return super.keep(...given)
  }
}

test('a newcomer to 100,000 keys that change, go and end meanwhile has the table of their publisher', async () => {
  const clock = createFakeClock()
  const log = memoryLog({ clock, retention: { rules } })
  const tide = create(log, { clock, flushWindowMs: 0 })
  const table = new Map<string, string>()
  const random = createRandom(20_261_128)
  let number = 0
  const set = (key: string, ttlMs?: number): TopicInput => {
    const data = `${(number += 1)}`
    if (ttlMs === undefined) table.set(`prices/eu\n${key}`, data)
    else table.delete(`prices/eu\n${key}`)
    return { topic: 'prices/eu', key, data, ttlMs }
  }
  const keys = Array.from({ length: 100_000 }, (_, i) => `key-${i}`)
  for (let from = 0; from < keys.length; from += 1_000)
    await tide.publishAll(keys.slice(from, from + 1_000).map((key) => set(key)))
  const client = new KeyedClient({ asked: ['prices/eu'], numberOf: Number })
  await follow(tide, 'topic=prices/eu&fields=topic,key', client)
  let changes = 0
  while (client.counts.snapshots === 0) {
    // As many as a node writes between two pages of a snapshot, and some that end within it.
    const ttlMs = random.int(9) === 0 ? 1_000 : undefined
    await tide.publishAll(Array.from({ length: 20 }, () => set(random.pick(keys), ttlMs)))
    const gone = random.pick(keys)
    await tide.deleteKey('prices/eu', gone)
    table.delete(`prices/eu\n${gone}`)
    changes += 21
    clock.advance(20)
    await settle()
  }
  clock.advance(5_000)
  await settle(20)
  expect(client.faults).toEqual([])
  expect(client.counts.snapshots).toBe(1)
  expect(changes).toBeGreaterThan(2_000)
  expect(client.table.size).toBe(table.size)
  expect([...table].filter(([place, data]) => client.table.get(place) !== data)).toEqual([])
})

test('a name that joins over a topic that is followed brings the values of that topic, too', async () => {
  const tide = create()
  for (const [topic, key] of [
    ['prices/eu', 'a'],
    ['prices/us', 'b'],
  ] as const)
    await tide.publish(topic, { key, data: `${key}1` })
  const { client, session } = await follow(tide, 'topic=prices/eu')
  await session.join('prices/*')
  await settle(10)
  // A client drops each key of the pattern that did not come.
  expect(hear(client).slice(3)).toEqual(['begin prices/*', 'a1', 'b1', 'end prices/*'])
})

test('a topic that is joined on an open stream comes with its snapshot, and without those of others', async () => {
  const tide = create()
  await tide.publish('prices/us', { key: 'a', data: 'us1' })
  await price(tide, 'a', 'eu1')
  const { client, session } = await follow(tide, 'topic=prices/us')
  await session.join('prices/eu')
  await settle(10)
  await price(tide, 'a', 'eu2')
  await settle(4)
  expect(hear(client)).toEqual([
    'begin prices/us',
    'us1',
    'end prices/us',
    'begin prices/eu',
    'eu1',
    'end prices/eu',
    'eu2',
  ])
  await session.join('prices/live', { since: 'now' })
  await settle(10)
  expect(hear(client).at(-1)).toBe('eu2')
})

test('a client that was told of a gap gets a snapshot behind it', async () => {
  const log = memoryLog({
    retention: { rules: [{ pattern: 'prices/**', latestBy: 'key', maxEvents: 2 }] },
  })
  const before = create(log)
  await price(before, 'a', 'a1')
  const { client } = await follow(before, 'topic=prices/eu')
  client.connection?.cut()
  for (const key of ['b', 'c', 'd']) await price(before, key, `${key}1`)
  const heard = hear(client).length
  await follow(create(log), 'topic=prices/eu', client)
  await settle(10)
  expect(client.control('gap')).toMatchObject([{ reason: 'retention' }])
  // The stream brings what is behind its place; the snapshot ends behind all of it.
  expect(hear(client).slice(heard)).toEqual(['begin prices/eu', 'c1', 'd1', 'end prices/eu'])
})

test('a topic that is joined from a place that retention has passed gets a snapshot behind its replay', async () => {
  const tide = create(
    memoryLog({ retention: { rules: [{ pattern: 'prices/**', latestBy: 'key', maxEvents: 2 }] } }),
  )
  const { client, session } = await follow(tide, 'topic=news')
  const since = await tide.cursor(['prices/eu'])
  for (const key of ['a', 'b', 'c', 'd']) await price(tide, key, `${key}1`)
  await session.join('prices/eu', { since })
  await settle(10)
  await price(tide, 'c', 'c2')
  await settle(4)
  expect(client.control('gap')).toMatchObject([{ reason: 'retention' }])
  expect(hear(client)).toEqual(['c1', 'd1', 'begin prices/eu', 'c1', 'd1', 'end prices/eu', 'c2'])
  expect(client.lastEventId).not.toMatch(/~[ck]/)
})

test('a deleted key is told to those who follow, and comes to no newcomer', async () => {
  const tide = create()
  for (const key of ['a', 'b']) await price(tide, key, `${key}1`)
  const { client } = await follow(tide, 'topic=prices/eu')
  const { cursor, sessions } = await tide.deleteKey('prices/eu', 'a')
  await settle(4)
  expect(client.control('deleted')).toEqual([{ key: 'a' }])
  expect(client.lastEventId).toBe(cursor)
  expect(sessions).toBe(1)
  const late = (await follow(tide, 'topic=prices/eu')).client
  expect(hear(late)).toEqual(['begin prices/eu', 'b1', 'end prices/eu'])
  expect(late.control('deleted')).toEqual([])
  await price(tide, 'a', 'a2')
  await settle(4)
  expect([hear(client).at(-1), hear(late).at(-1)]).toEqual(['a2', 'a2'])
})

test('a client that was away hears of the deletion when it comes back', async () => {
  const tide = create()
  await price(tide, 'a', 'a1')
  const { client } = await follow(tide, 'topic=prices/eu')
  client.connection?.cut()
  await tide.deleteKey('prices/eu', 'a')
  await follow(tide, 'topic=prices/eu', client)
  expect(client.control('deleted')).toEqual([{ key: 'a' }])
  expect(hear(client)).toEqual(['begin prices/eu', 'a1', 'end prices/eu'])
})

test('a repeated deletion with its key of idempotency adds nothing', async () => {
  const tide = create()
  await price(tide, 'a', 'a1')
  const options = { idempotencyKey: 'once' }
  const first = await tide.deleteKey('prices/eu', 'a', options)
  await price(tide, 'a', 'a2')
  expect((await tide.deleteKey('prices/eu', 'a', options)).cursor).toBe(first.cursor)
  expect(hear((await follow(tide, 'topic=prices/eu')).client)).toContain('a2')
  await expect(tide.deleteKey('prices/eu', 'b', options)).rejects.toMatchObject({
    code: 'IDEMPOTENCY_KEY_REUSED',
  })
})

test('a reader of some types hears of a deletion, and a reader of other keys does not', async () => {
  const tide = create()
  const types = (await follow(tide, 'topic=prices/eu&types=message')).client
  const keys = (await follow(tide, 'topic=prices/eu&keys=b')).client
  await tide.deleteKey('prices/eu', 'a')
  await settle(4)
  expect(types.control('deleted')).toEqual([{ key: 'a' }])
  expect(keys.control('deleted')).toEqual([])
})

test('a reader of a tag hears of the end of a value that has it', async () => {
  const clock = createFakeClock()
  const tide = create(memoryLog({ clock, retention: { rules } }), { clock })
  const { client } = await follow(tide, 'topic=prices/eu&where=region:eu')
  const tags = { region: 'eu' }
  await tide.publish('prices/eu', { key: 'a', data: 'a1', tags, ttlMs: 1_000 })
  await tide.publish('prices/eu', { key: 'b', data: 'b1', ttlMs: 1_000 })
  await tide.publish('prices/eu', { key: 'c', data: 'c1', tags })
  await settle(4)
  expect(hear(client).slice(2)).toEqual(['a1', 'c1'])
  clock.advance(5_000)
  await settle(4)
  expect(client.control('deleted')).toEqual([{ key: 'a' }])
  await tide.deleteKey('prices/eu', 'c', { tags })
  await settle(4)
  expect(client.control('deleted')).toEqual([{ key: 'a' }, { key: 'c' }])
})

test('a client that may not publish deletes nothing', async () => {
  const grant: Grant = { user: 'ada', subscribe: ['prices/*'], publish: ['chat'] }
  const tide = createTidemark({ authorize: () => grant })
  onTestFinished(() => tide.close())
  const by = describeRequest(new Request('http://localhost/'))
  await expect(tide.deleteKey('prices/eu', 'a', { by })).rejects.toMatchObject({
    code: 'TOPIC_FORBIDDEN',
  })
  await expect(tide.deleteKey('$hub/state/rules', 'a')).rejects.toMatchObject({
    code: 'TOPIC_RESERVED',
  })
})
