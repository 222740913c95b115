// Rules for how many sessions may follow a topic hold for all nodes of a log together.

import { memoryLog } from '@tidemark/log'
import { createFakeClock, createRandom } from '@tidemark/testkit'
import type { FakeClock, SeededRandom } from '@tidemark/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { toldTopicsMax } from '../src/limits.ts'
import { ToldCounts } from '../src/fan-out/told-counts.ts'
import { topicCounts } from '../src/fan-out/topic-count.ts'
import { parseSubscriptionBody } from '../src/hub/index.ts'
import { createTidemark } from '../src/index.ts'
import type { SessionHandle, SubscriberRule, Tidemark } from '../src/index.ts'
import { passTime } from './support/pass-time.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'
import { wrapLog } from './support/wrap-log.ts'

const full = { code: 'TOPIC_FULL' }
const two: readonly SubscriberRule[] = [{ pattern: 'rooms/*', max: 2 }]

/** A node that can die without a word. */
class Node {
  readonly tide: Tidemark
  readonly open: SessionHandle[] = []
  isDead = false

  constructor(name: string, { log, clock }: Shared, subscribers: Rules = two) {
    const never = new Promise<never>(() => undefined)
    const own = wrapLog(log, { append: (batch) => (this.isDead ? never : log.append(batch)) })
    const rules = { subscribers }
    this.tide = createTidemark({ clock, log: own, nodeName: name, rules, authorize: 'everyone' })
  }

  async connect(...topics: readonly string[]) {
    const client = new TestClient()
    const session = await this.tide.open(client.connect(), parseSubscriptionBody({ topics }))
    this.open.push(session)
    void session.closed.then(() => this.open.splice(this.open.indexOf(session), 1))
    return { client, session }
  }
}

interface Shared {
  readonly clock: FakeClock
  readonly log: ReturnType<typeof memoryLog>
}

type Rules = readonly SubscriberRule[] | undefined

function setUp(): Shared {
  const clock = createFakeClock()
  return { clock, log: memoryLog({ clock }) }
}

async function start(shared: Shared, name: string, rules: Rules = two): Promise<Node> {
  const node = new Node(name, shared, rules)
  onTestFinished(async () => {
    const closed = node.tide.close()
    await passTime(shared.clock, 1_500)
    await closed
  })
  await node.tide.ready
  return node
}

test('a node tells of so many topics and no more, and goes on counting its own', async () => {
  const shared = setUp()
  const rules = [{ pattern: '**', max: 1 }]
  const [a, b] = [await start(shared, 'a', rules), await start(shared, 'b', rules)]
  await passTime(shared.clock, 1_000)
  const perStream = 1_000
  const streams = toldTopicsMax / perStream + 1
  for (let i = 0; i < streams; i++) {
    await a.connect(...Array.from({ length: perStream }, (_, k) => `t/${i * perStream + k}`))
    await passTime(shared.clock, 500)
  }
  const [told, beyond] = ['t/0', `t/${streams * perStream - 1}`]
  await expect(b.connect(told)).rejects.toMatchObject(full)
  await expect(a.connect(beyond)).rejects.toMatchObject(full)
  await b.connect(beyond)
})

test('the sessions of all nodes count, and one that leaves makes room at every node', async () => {
  const shared = setUp()
  const [a, b] = [await start(shared, 'a'), await start(shared, 'b')]
  // Until they have heard of each other, sessions wait.
  await passTime(shared.clock, 500)
  const { session } = await a.connect('rooms/1')
  await b.connect('rooms/1', 'other')
  await passTime(shared.clock, 500)
  for (const node of [a, b]) {
    await expect(node.connect('rooms/1')).rejects.toMatchObject(full)
    await node.connect('rooms/2')
  }
  await passTime(shared.clock, 500)
  await session.end()
  await passTime(shared.clock, 500)
  await b.connect('rooms/1')
  await expect(b.connect('rooms/1')).rejects.toMatchObject(full)
})

test('a change of topics counts where it leads to, and is refused where other nodes fill it', async () => {
  const shared = setUp()
  const [a, b] = [await start(shared, 'a'), await start(shared, 'b')]
  for (let i = 0; i < 2; i++) await a.connect('rooms/1')
  const { session } = await b.connect('other')
  await passTime(shared.clock, 500)
  await expect(session.changeTopics({ add: ['rooms/1'] })).rejects.toMatchObject(full)
  await a.open[0]?.changeTopics({ add: ['rooms/2'], remove: ['rooms/1'] })
  await passTime(shared.clock, 500)
  expect(await session.changeTopics({ add: ['rooms/1'] })).toBe(true)
})

test('sessions that open at two nodes in one moment are as many as the rule allows once both have told', async () => {
  const shared = setUp()
  const [a, b] = [await start(shared, 'a'), await start(shared, 'b')]
  await passTime(shared.clock, 1_000)
  const clients = await Promise.all([a, a, b, b].map((node) => node.connect('rooms/1')))
  await passTime(shared.clock, 1_000)
  expect(a.open.length + b.open.length).toBe(2)
  const byes = clients.flatMap(({ client }) => client.control('bye'))
  expect(byes).toMatchObject([{ reason: 'full' }, { reason: 'full' }])
})

test('the counts of a node that dies without a word vanish within 15 seconds', async () => {
  const shared = setUp()
  const [a, b] = [await start(shared, 'a'), await start(shared, 'b')]
  for (let i = 0; i < 2; i++) await a.connect('rooms/1')
  await passTime(shared.clock, 1_000)
  a.isDead = true
  await expect(b.connect('rooms/1')).rejects.toMatchObject(full)
  await passTime(shared.clock, 15_000)
  await b.connect('rooms/1')
})

test('a node that closes gives its places back at once', async () => {
  const shared = setUp()
  const [a, b] = [await start(shared, 'a'), await start(shared, 'b')]
  for (let i = 0; i < 2; i++) await a.connect('rooms/1')
  await passTime(shared.clock, 1_000)
  const closed = a.tide.close()
  await passTime(shared.clock, 500)
  await closed
  for (let i = 0; i < 2; i++) await b.connect('rooms/1')
})

test('a node that starts waits for the counts of the others before it lets in its first session', async () => {
  const shared = setUp()
  const a = await start(shared, 'a')
  for (let i = 0; i < 2; i++) await a.connect('rooms/1')
  const b = await start(shared, 'b')
  const opened = Promise.allSettled([b.connect('rooms/1')])
  await passTime(shared.clock, 1_500)
  expect(await opened).toMatchObject([{ reason: full }])
  expect(a.open).toHaveLength(2)
})

test('a node that hears nothing of the others lets sessions in after a second', async () => {
  const shared = setUp()
  const a = await start(shared, 'a')
  await a.connect('rooms/1')
  a.isDead = true
  const b = await start(shared, 'b')
  const opened = b.connect('rooms/1')
  await passTime(shared.clock, 1_500)
  expect((await opened).session.id).toMatch(/^b/)
})

test('a rule that comes at run time ends nobody, and counts those that are there for all that come', async () => {
  const shared = setUp()
  const [a, b] = [await start(shared, 'a', []), await start(shared, 'b', [])]
  for (const node of [a, b]) for (let i = 0; i < 3; i++) await node.connect('rooms/1')
  await a.tide.rules.subscribers.replace([{ pattern: 'rooms/*', max: 4 }])
  await passTime(shared.clock, 2_000)
  for (const node of [a, b]) {
    await expect(node.connect('rooms/1')).rejects.toMatchObject(full)
    expect(node.open).toHaveLength(3)
  }
  const c = await start(shared, 'c', undefined)
  await passTime(shared.clock, 2_000)
  expect([a, b].map(({ open }) => open.length)).toEqual([3, 3])
  await expect(c.connect('rooms/1')).rejects.toMatchObject(full)
  await b.tide.rules.subscribers.replace([])
  await passTime(shared.clock, 2_000)
  await c.connect('rooms/1')
})

test('without rules nothing is written', async () => {
  const shared = setUp()
  const a = await start(shared, 'a', [])
  const before = (await shared.log.bounds()).head
  for (let i = 0; i < 3; i++) await a.connect('rooms/1')
  await passTime(shared.clock, 30_000)
  expect((await shared.log.bounds()).head).toEqual(before)
})

describe('what nodes tell', () => {
  const topic = topicCounts.decode(['rooms/1', 1])?.id ?? expect.fail('a topic is one')
  const change = (part: object) => ({
    number: 1,
    isAnew: false,
    hasMore: false,
    opened: [],
    closed: [],
    ...part,
  })

  test('anew replaces what was told before once all of it is there', () => {
    const told = new ToldCounts()
    told.take('a', change({ opened: [{ id: topic, count: 3 }] }))
    told.take('a', change({ isAnew: true, hasMore: true }))
    expect(told.countOthers(topic, 'b')).toBe(3)
    expect(told.take('a', change({ opened: [{ id: topic, count: 5 }] }))).toEqual([])
    expect(told.countOthers(topic, 'b')).toBe(5)
    told.take('a', change({ isAnew: true }))
    expect(told.countOthers(topic, 'b')).toBe(0)
    expect(told.take('a', change({ opened: [{ id: topic, count: 1 }] }))).toMatchObject([
      { count: 1, more: 1 },
    ])
  })

  test.each([['rooms/1'], [['rooms/1', -1]], [['rooms/1', 0.5]], [[1, 1]], [null]])(
    'of another version is left alone: %j',
    (row) => expect(topicCounts.decode(row)).toBeUndefined(),
  )
})

/** Sessions that open, close and move at three nodes, one of which may die. */
async function run(random: SeededRandom): Promise<void> {
  const shared = setUp()
  const max = 1 + random.int(4)
  const rules = [{ pattern: 'rooms/*', max }]
  const nodes = ['a', 'b', 'c'].map((name) => new Node(name, shared, rules))
  const topics = ['rooms/1', 'rooms/2', 'other']
  for (const { tide } of nodes) await tide.ready
  await passTime(shared.clock, 2_000)
  const act = (): Promise<unknown> => {
    const node = random.pick(nodes.filter(({ isDead }) => !isDead))
    const kind = random.int(10)
    const session = node.open[random.int(Math.max(1, node.open.length))]
    if (kind < 6 || session === undefined) return node.connect(...pickTopics())
    if (kind < 8) return Promise.resolve(session.end())
    return session.changeTopics({ add: pickTopics(), remove: pickTopics() })
  }
  const pickTopics = (): readonly string[] => [
    random.pick(topics),
    ...(random.int(2) === 0 ? ['other'] : []),
  ]
  let refused = 0
  for (let step = 0; step < 60; step++) {
    const acts = Array.from({ length: 1 + random.int(3) }, () => act())
    const done = Promise.allSettled(acts)
    await passTime(shared.clock, random.int(3) * 250)
    await settle(4)
    for (const outcome of await done) if (outcome.status === 'rejected') refused += 1
    if (step === 40 && nodes[2] !== undefined && random.int(2) === 0) nodes[2].isDead = true
  }
  expect(refused).toBeGreaterThan(0)
  await passTime(shared.clock, 15_000)
  const alive = nodes.filter(({ isDead }) => !isDead)
  for (const topic of ['rooms/1', 'rooms/2']) {
    const count = alive
      .flatMap(({ open }) => open)
      .filter((session) => session.topics.includes(topic)).length
    expect(count).toBeLessThanOrEqual(max)
    // Each node knows the same: there is room for so many more, and for none beyond.
    for (let i = count; i < max; i++) {
      await random.pick(alive).connect(topic)
      await passTime(shared.clock, 500)
    }
    for (const node of alive) await expect(node.connect(topic)).rejects.toMatchObject(full)
  }
  await Promise.all([...alive.map(({ tide }) => tide.close()), passTime(shared.clock, 1_500)])
}

test('random sessions at three nodes are never more than the rule allows, once all is told', async () => {
  const seeds = createRandom(20_261_128)
  for (let i = 0; i < 40; i++) {
    const seed = seeds.int(1_000_000)
    await run(createRandom(seed)).catch((error: unknown) => {
      throw new Error(`The run with the seed ${seed} has failed.`, { cause: error })
    })
  }
})
