// Sessions whose topics change, against a judge who sees only ids. Events are appended and handed over late;
// sessions are moved, renewed, blocked, cut and resumed at another node. Each client gets every event of the
// topics that its cursor names, once and in order.

import { formatCursor, memoryLog, parseTopic } from '@tidemark/log'
import type { EventLog, TopicSet } from '@tidemark/log'
import { makePosition, parseEpoch } from '@tidemark/log/driver'
import { createFakeClock, modelRuns } from '@tidemark/testkit'
import type { DecodedEvent } from '@tidemark/wire'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseSubscriptionQuery } from '../src/hub/index.ts'
import type { SessionHandle } from '../src/index.ts'
import { NodeTidemark } from '../src/node/node-tidemark.ts'
import { resumeChanged } from '../src/session/changed-topics.ts'
import { plainRights } from '../src/session/session-holder.ts'
import { readOptions } from '../src/tidemark-options.ts'
import { holdTail } from './support/held-log.ts'
import type { HeldLog } from './support/held-log.ts'
import { settle } from './support/settle.ts'
import { demand, StreamOracle } from './support/stream-oracle.ts'
import { TestClient } from './support/test-client.ts'
import { watchMoves } from './support/watch-moves.ts'
import { MemorySets, WatchedSetLedger } from './support/watched-sets.ts'
import type { WatchedSets } from './support/watched-sets.ts'
import { wrapLog } from './support/wrap-log.ts'

const topics = ['a', 'b', 'c/1', 'c/2'] as const
const names = ['a', 'b', 'c/1', 'c/2', 'c/*'] as const
const interests = [
  'topic=a',
  'topics=a,b&framing=envelope',
  'topic=c/*',
  'topics=c/1,b&event=topic',
]
const epoch = parseEpoch('moving'.padEnd(19, '0'))
const windows = [{ flushWindowMs: 0 }, { flushWindowMs: 5, flushEventsMax: 3 }] as const

const client = fc.nat(interests.length - 1)
const node = fc.nat(1)
const some = fc.subarray([...names])
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      topic: fc.nat(topics.length - 1),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('release' as const),
      node,
      count: fc.integer({ min: 1, max: 8 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('connect' as const), client, node }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('move' as const),
      client,
      add: some,
      remove: some,
      from: fc.option(fc.nat(1_000), { nil: undefined }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('renew' as const),
      client,
      subscribe: fc.subarray([...names, 'c/**'], { minLength: 3 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'cut' as const,
        'block' as const,
        'block' as const,
        'unblock' as const,
        'tell' as const,
      ),
      client,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('settle' as const, 'yield' as const, 'pass' as const),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('pump' as const) }) },
)
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never
type Move = Extract<Step, { readonly do: 'move' }>

/** A client, what it should have been given, and what it has asked for. */
class Visitor {
  readonly client = new TestClient()
  readonly oracle: StreamOracle
  readonly query: URLSearchParams
  readonly told: string[] = []
  readonly faults: unknown[] = []
  /** Where replays were asked to begin. */
  readonly froms = new Set<number>()
  handle: SessionHandle | undefined
  changes = 0
  /** How often it was told that topics have left. */
  losses = 0

  constructor(interest: string, sets: WatchedSets, history: readonly { readonly topic: string }[]) {
    this.query = new URLSearchParams(`${interest}&since=earliest`)
    const asked = parseSubscriptionQuery(this.query).topics
    this.oracle = new StreamOracle({ history, sets, asked, froms: this.froms })
    this.client.onEvent = (event) => {
      // The engine takes what a sink throws for a fault of the sink.
      try {
        this.#judge(event)
      } catch (error) {
        this.faults.push(error)
      }
    }
  }

  #judge(event: DecodedEvent): void {
    demand(event.type !== 'tidemark.gap', 'nothing is lost here')
    if (event.type === 'tidemark.topics' && event.data.includes('not-granted')) this.losses += 1
    if (event.type === 'own' || event.data.includes('"type":"own"')) this.told.push(event.data)
    else if (event.type !== 'tidemark.bye') this.oracle.take({ ...event, ...unwrap(event.data) })
  }
}

/** The number of a published event that came in an envelope. */
function unwrap(data: string): { readonly data?: string } {
  if (!data.startsWith('{"topic"')) return {}
  return { data: String((JSON.parse(data) as { readonly data: unknown }).data) }
}

interface Node {
  readonly held: HeldLog
  readonly tide: NodeTidemark
}

class World {
  /** Of all records, those of changed topic sets included. */
  readonly history: { readonly topic: string }[] = []
  readonly #clock = createFakeClock()
  readonly #own: EventLog = memoryLog({
    epoch,
    clock: this.#clock,
    randomBytes: () => new Uint8Array(8),
  })
  readonly log: EventLog = wrapLog(this.#own, {
    append: (batch) => {
      for (const { topic } of batch.events) this.history.push({ topic })
      return this.#own.append(batch)
    },
  })
  readonly #sets: WatchedSets = new Map()
  readonly visitors = interests.map((interest) => new Visitor(interest, this.#sets, this.history))
  readonly #keptIn: 'log' | 'memory'
  readonly #nodes: readonly Node[]
  #told = 0

  constructor(keptIn: 'log' | 'memory' = 'log') {
    this.#keptIn = keptIn
    this.#nodes = [this.#createNode(0), this.#createNode(1)]
  }

  /** A session of this world comes to follow other topics. */
  follow(sessionId: string, topics: TopicSet): void {
    this.visitors.find(({ handle }) => handle?.id === sessionId)?.oracle.follow(topics)
  }

  async take(next: Step): Promise<unknown> {
    const visitor = 'client' in next ? this.visitors[next.client] : undefined
    switch (next.do) {
      case 'append':
        return this.#append(topics[next.topic] ?? 'a', next.count)
      case 'release':
        return this.#nodes[next.node]?.held.release(next.count)
      case 'connect':
        return visitor === undefined ? undefined : this.#connectLater(visitor, next.node)
      case 'move':
        return visitor === undefined ? undefined : this.#move(visitor, next)
      case 'renew':
        return visitor === undefined ? undefined : this.#renew(visitor, next.subscribe)
      case 'tell':
        return visitor === undefined ? undefined : this.#tell(visitor)
      case 'cut':
        return visitor?.client.connection?.cut()
      case 'block':
        return visitor?.client.connection?.block()
      case 'unblock':
        return visitor?.client.connection?.unblock()
      case 'settle':
        return settle()
      case 'yield':
        return Promise.resolve()
      case 'pass':
        return this.#clock.advance(2)
      case 'pump':
        return this.#pump()
      default:
        throw new Error(`no such step: ${JSON.stringify(next)}`)
    }
  }

  /** Everybody comes back, everything arrives, and a last beat says so. */
  async finish(): Promise<void> {
    for (const [i, visitor] of this.visitors.entries()) {
      visitor.client.connection?.unblock()
      await this.#connectLater(visitor, i % 2)
    }
    for (let round = 0; round < 60; round++) await this.#pump()
    this.#clock.advance(20_000)
    await this.#pump()
    for (const { oracle, handle, faults } of this.visitors) {
      if (faults.length > 0) throw faults[0]
      demand(oracle.place?.catchUp === undefined, 'every replay has an end')
      demand(oracle.place?.sequence === this.history.length, 'every client is level')
      const followed = handle?.topics.toSorted().join('\n')
      demand(followed === oracle.place?.topics.key, 'the cursor names what the session follows')
    }
    for (const { tide } of this.#nodes) {
      await tide.close()
      demand(tide.sessions().length === 0, 'no session is left')
    }
  }

  async #pump(): Promise<void> {
    await settle()
    for (const { held } of this.#nodes) held.release()
    this.#clock.advance(5)
    await settle()
  }

  #createNode(index: number): Node {
    const held = holdTail(this.log)
    const settings = readOptions({ log: held.log, clock: this.#clock, ...windows[index] })
    const topicSets =
      this.#keptIn === 'log'
        ? new WatchedSetLedger(this.#sets, settings)
        : new MemorySets(this.#sets)
    return { held, tide: new NodeTidemark({ ...settings, topicSets }) }
  }

  #append(topic: string, count: number): void {
    for (let i = 0; i < count; i++) {
      const data = String(this.history.length + 1)
      void this.log.append({ events: [{ topic: parseTopic(topic), data }] })
    }
  }

  /** Not awaited where the set of its cursor may be on its way to the node. */
  #connectLater(visitor: Visitor, index: number): Promise<unknown> | undefined {
    const connected = this.#connect(visitor, index).catch((error: unknown) =>
      visitor.faults.push(error),
    )
    return this.#keptIn === 'memory' ? connected : undefined
  }

  async #connect(visitor: Visitor, index: number): Promise<void> {
    const sink = visitor.client.connect()
    visitor.handle = undefined
    visitor.oracle.comeBack()
    const asked = parseSubscriptionQuery(visitor.query, visitor.client.lastEventId)
    const expected: TopicSet | undefined = visitor.oracle.place?.topics
    const tide = this.#nodes[index]?.tide
    if (tide === undefined) throw new Error(`no node ${index}`)
    const subscription = await resumeChanged(asked, tide.topicSets)
    const isBack = expected === undefined || subscription.topics.key === expected.key
    demand(isBack, 'a cursor leads back to its topics')
    const granted = { owner: { rights: plainRights } }
    const handle = await tide.openGranted(sink, subscription, granted)
    // A later connect may have overtaken this one.
    if (visitor.client.connection === sink) visitor.handle = handle
  }

  /** Not awaited: it may wait for a replay that a later step lets go on. */
  #move(visitor: Visitor, { add, remove, from }: Move): void {
    const start = from === undefined ? undefined : from % (this.history.length + 1)
    if (start !== undefined) visitor.froms.add(start)
    const cursor = start === undefined ? undefined : formatCursor(makePosition(epoch, start))
    const { handle } = visitor
    void handle?.changeTopics({ add, remove, from: cursor }).then(
      (isDone) => {
        if (!isDone) return false
        visitor.changes += 1
        if (visitor.handle === handle) visitor.oracle.explain(add, start)
        return true
      },
      // A change that takes all names out is refused, and one that waited while a grant came that does not
      // hold what it adds.
      (error: unknown) =>
        /at least one topic|got a grant that does not hold/.test(String(error)) ||
        visitor.faults.push(error),
    )
  }

  /** Not awaited either. Topics that it does not hold leave; a client that has none left is sent away. */
  #renew(visitor: Visitor, subscribe: readonly string[]): void {
    const { handle } = visitor
    void handle?.renew({ subscribe }).catch((error: unknown) => visitor.faults.push(error))
  }

  #tell(visitor: Visitor): void {
    const data = `own ${(this.#told += 1)}.`
    const isHere = (): boolean => visitor.told.some((text) => text.includes(data))
    void visitor.handle
      ?.send({ type: 'own', data })
      .then((isWritten) =>
        demand(isHere() === isWritten, 'what was written is there, and nothing else'),
      )
      .catch((error: unknown) => visitor.faults.push(error))
  }
}

test('whatever the interleaving, a session whose topics change or leave with a grant loses and doubles nothing, and comes back to them by its cursor', async () => {
  let changes = 0
  let losses = 0
  let world = new World()
  watchMoves((id, topics) => world.follow(id, topics))
  const check = fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 100, size: 'max' }),
      async (steps) => {
        world = new World()
        for (const next of steps) await world.take(next)
        await world.finish()
        for (const visitor of world.visitors) {
          changes += visitor.changes
          losses += visitor.losses
        }
      },
    ),
    { numRuns: modelRuns(1_000) },
  )
  await expect(check).resolves.toBeUndefined()
  expect(changes).toBeGreaterThan(modelRuns(1_000))
  expect(losses).toBeGreaterThan(modelRuns(100))
})

test('a topic whose replay is cut, that leaves before the stream is back and comes again without a place, is owed nothing from before', async () => {
  const world = new World('memory')
  watchMoves((id, topics) => world.follow(id, topics))
  const follower = world.visitors[3]
  const steps: readonly Step[] = [
    { do: 'append', topic: 3, count: 1 },
    { do: 'connect', client: 3, node: 1 },
    { do: 'pump' },
    { do: 'move', client: 3, add: ['c/*'], remove: [], from: 0 },
    { do: 'release', node: 1, count: 1 },
    { do: 'release', node: 0, count: 1 },
    { do: 'yield' },
    { do: 'yield' },
    { do: 'connect', client: 3, node: 0 },
    { do: 'move', client: 3, add: [], remove: ['c/*'], from: undefined },
    { do: 'move', client: 3, add: ['c/*'], remove: [], from: undefined },
    { do: 'pump' },
    { do: 'append', topic: 3, count: 1 },
  ]
  for (const next of steps) await world.take(next)
  await world.finish()
  const ids = follower?.client.events.map(({ id }) => id.split('-').slice(1).join('-'))
  expect(ids?.some((id) => id.includes('~c'))).toBe(true)
  expect(follower?.client.published.map(({ data }) => data)).toEqual(['2'])
})

test('a topic that a grant took out while its socket was blocked is owed nothing of until a change adds it again', async () => {
  const world = new World('memory')
  watchMoves((id, topics) => world.follow(id, topics))
  const follower = world.visitors[3]
  const steps: readonly Step[] = [
    { do: 'connect', client: 3, node: 0 },
    { do: 'block', client: 3 },
    { do: 'append', topic: 1, count: 2 },
    { do: 'renew', client: 3, subscribe: ['c/*'] },
    { do: 'release', node: 0, count: 2 },
    { do: 'append', topic: 3, count: 1 },
    { do: 'append', topic: 0, count: 1 },
    { do: 'unblock', client: 3 },
    { do: 'move', client: 3, add: ['c/*'], remove: [], from: 0 },
  ]
  for (const next of steps) await world.take(next)
  await world.finish()
  expect(follower?.client.published.map(({ data }) => data)).toEqual(['1', '3'])
  expect(follower?.losses).toBe(1)
})

test('a replay of a topic that a grant took out before the stream was back is over, and another may begin', async () => {
  const world = new World('memory')
  watchMoves((id, topics) => world.follow(id, topics))
  const follower = world.visitors[2]
  const steps: readonly Step[] = [
    { do: 'append', topic: 0, count: 1 },
    { do: 'pump' },
    { do: 'connect', client: 2, node: 1 },
    { do: 'move', client: 2, add: ['c/2'], remove: [], from: undefined },
    { do: 'move', client: 2, add: ['a'], remove: [], from: 0 },
    { do: 'connect', client: 0, node: 1 },
    { do: 'release', node: 0, count: 1 },
    { do: 'pass' },
    { do: 'yield' },
    { do: 'connect', client: 2, node: 1 },
    { do: 'renew', client: 2, subscribe: ['c/2'] },
    { do: 'move', client: 2, add: ['c/1'], remove: [], from: 0 },
    { do: 'settle' },
    { do: 'pump' },
  ]
  for (const next of steps) await world.take(next)
  await world.finish()
  const ids = follower?.client.events.map(({ id }) => id)
  expect(new Set(ids?.filter((id) => id.includes('~c'))).size).toBe(2)
  expect(follower?.client.published).toEqual([])
})
