// A client before the engine itself: nodes on one log, retention, restarts, and a network that fails in
// every way.

import { memoryLog } from '@tidemark/log'
import type { EventLog, MemoryEventLog } from '@tidemark/log'
import { createTidemark } from '@tidemark/server'
import { createFakeClock, createRandom } from '@tidemark/testkit'
import { createClient } from '../src/index.ts'
import type { Client, Feed, Fetch, Gap } from '../src/index.ts'
import { FaultyPipe } from './faulty-pipe.ts'
import { LateTail } from './late-log.ts'
import { matches, turns } from './model-server.ts'

type Tide = ReturnType<typeof createTidemark>

/** Four such events fill the queue of a feed that nobody reads. */
const padding = ' '.repeat(300_000)

export interface Published {
  readonly n: number
  readonly topic: string
  readonly atMs: number
  /** Its cursor, once the log has it. */
  id: string
}

/** How somebody takes from a feed. */
export type Taking = 'listener' | 'loop' | 'store' | 'once'

const heartbeatMs = 1_000

/** Acts within so long happen at once. */
const stepMs = 200

/** A feed and what it has told: numbers of events, and gaps. */
export class Taker {
  readonly feed: Feed
  readonly topics: readonly string[]
  readonly since: string
  readonly taking: Taking
  readonly bornMs: number
  readonly told: (number | Gap)[] = []
  /** Events published after this must have come; known once the feed was open. */
  mustHaveAfter: number | undefined
  isClosed = false
  readonly #world: EngineWorld
  #remove: (() => void) | undefined
  #iterator: AsyncIterator<{ readonly data: unknown }> | undefined
  #isReading = false

  constructor(
    world: EngineWorld,
    plan: { topics: readonly string[]; since: string; taking: Taking },
  ) {
    this.topics = plan.topics
    this.since = plan.since
    this.taking = plan.taking
    this.#world = world
    this.bornMs = world.clientClock.now()
    this.feed = world.client.feed(plan.topics, { since: plan.since })
    if (plan.taking === 'loop') {
      this.#iterator = this.feed[Symbol.asyncIterator]()
      this.#hear()
    } else this.listen()
  }

  listen(): void {
    if (this.#remove !== undefined || this.#iterator !== undefined || this.isClosed) return
    const { feed, taking } = this
    const removers = [...this.#hear()]
    if (taking === 'store') {
      let count = feed.getSnapshot().eventCount
      removers.push(
        feed.subscribe(() => {
          const { event, eventCount } = feed.getSnapshot()
          // One change for each event.
          if (eventCount === count) return
          count = eventCount
          this.#take(event?.data)
        }),
      )
    } else {
      removers.push(
        feed.on('message', (data) => {
          this.#take(data)
          // Comes back in the middle of the event, or in the same turn, or not until somebody says so.
          if (taking !== 'once' || this.told.length % 3 !== 0) return
          this.leave()
          if (this.told.length % 2 === 0) this.listen()
        }),
      )
    }
    this.#remove = () => removers.forEach((remove) => remove())
  }

  leave(): void {
    this.#remove?.()
    this.#remove = undefined
  }

  async read(): Promise<void> {
    if (this.#iterator === undefined || this.#isReading) return
    this.#isReading = true
    void this.#takeNext(this.#iterator)
    await turns(2)
  }

  close(): void {
    this.isClosed = true
    this.feed.close()
  }

  #hear(): (() => void)[] {
    const opened = (): void => void (this.mustHaveAfter ??= this.#world.published.length)
    return [
      this.feed.on('tidemark.gap', (gap) => void this.told.push(gap)),
      this.feed.on('tidemark.state', ({ phase }) => phase === 'open' && opened()),
    ]
  }

  async #takeNext(iterator: AsyncIterator<{ readonly data: unknown }>): Promise<void> {
    const { done, value } = await iterator.next()
    this.#isReading = false
    if (done !== true) this.#take(value.data)
  }

  #take(data: unknown): void {
    this.told.push(Number(String(data).trim()))
  }
}

export class EngineWorld {
  readonly clientClock = createFakeClock()
  readonly client: Client
  readonly takers: Taker[] = []
  readonly published: Published[] = []
  readonly pipes = new Set<FaultyPipe>()
  readonly #clock = createFakeClock()
  readonly #random: ReturnType<typeof createRandom>
  readonly #keeps: number
  /** Whether retention removes events while a test runs. */
  readonly isForgetful: boolean
  #log: MemoryEventLog
  #nodes: Tide[]
  /** Of one of the nodes. */
  readonly tail = new LateTail()
  openMax = 0
  /** How the next requests fail. */
  fault: 'none' | 'unreachable' | 'silent' = 'none'

  constructor(seed: number, keeps: number) {
    this.#random = createRandom(seed)
    this.isForgetful = keeps < 1_000
    this.#keeps = keeps
    this.#log = this.#openLog()
    this.#nodes = [this.#openNode(), this.#openNode(this.tail.of(this.#log))]
    const random = (): number => this.#random.next()
    this.client = createClient('http://engine.test', {
      fetch: this.#fetch,
      clock: this.clientClock,
      random,
      // For answers that never come before a node has said its own.
      heartbeatMs,
    })
  }

  join(plan: { topics: readonly string[]; since: string; taking: Taking }): Taker {
    const taker = new Taker(this, plan)
    this.takers.push(taker)
    return taker
  }

  async publish(topic: string): Promise<void> {
    const n = this.published.length + 1
    const event = { n, topic, atMs: this.clientClock.now(), id: '' }
    this.published.push(event)
    const data = topic === 'b' ? `${n}${padding}` : String(n)
    const { cursor } = await this.#random.pick(this.#nodes).publish(topic, { data })
    event.id = cursor
  }

  /** All nodes but one end their streams, at a steady pace, and are replaced. */
  async replaceNode(): Promise<void> {
    const old = this.#nodes.shift()
    this.#nodes.push(this.#openNode(this.tail.of(this.#log)))
    // It ends when its streams have, which a network that holds them up may keep it from for long.
    void old?.drain(1_000).then(() => old.close())
    await this.pass(200)
  }

  /** The machine has forgotten everything: another history, by another epoch. */
  restart(): void {
    const old = this.#nodes
    this.#log = this.#openLog()
    this.#nodes = [this.#openNode(), this.#openNode(this.tail.of(this.#log))]
    for (const node of old) void node.close()
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      await turns(2)
      this.#clock.advance(Math.min(left, stepMs))
      this.clientClock.advance(Math.min(left, stepMs))
      await turns(2)
      this.openMax = Math.max(this.openMax, this.pipes.size)
    }
  }

  async end(): Promise<void> {
    for (const node of this.#nodes) void node.close()
    await this.pass(1_000)
    await this.#log.close()
  }

  #openLog(): MemoryEventLog {
    const rules = [{ pattern: '**', maxEvents: this.#keeps }]
    return memoryLog({ clock: this.#clock, retention: { rules } })
  }

  #openNode(log: EventLog = this.#log): Tide {
    const random = (): number => this.#random.next()
    return createTidemark({ authorize: 'everyone', log, clock: this.#clock, random, heartbeatMs })
  }

  readonly #fetch: Fetch = async (url, init) => {
    if (this.fault === 'unreachable') throw new TypeError('fetch failed')
    if (this.fault === 'silent')
      // Knows no signal either.
      return new Promise(() => undefined)
    const response = await this.#random.pick(this.#nodes).fetch(new Request(url, init))
    if (response.body === null || !response.ok) return response
    const pipe: FaultyPipe = new FaultyPipe(response.body, this.#random, () => {
      this.pipes.delete(pipe)
    })
    this.pipes.add(pipe)
    return new Response(pipe.body, response)
  }
}

/**
 * The faults in what a feed has told. There are none if every event of its topics came once and in
 * order, or a gap was told where some are missing.
 */
export function findFault(taker: Taker, world: EngineWorld): string | undefined {
  const { topics, told, since, bornMs, mustHaveAfter = Infinity } = taker
  const { published } = world
  const all = published.filter(({ topic }) => topics.some((wanted) => matches(wanted, topic)))
  /** Up to here a gap has been told. */
  let toldUpTo = 0
  // A feed that asks for a past gets of it what is kept, and that is no gap.
  const isKept = (n: number): boolean => !world.isForgetful || n > mustHaveAfter
  const hasMissed = (after: number, before: number): boolean =>
    all.some(({ n }) => n > Math.max(after, toldUpTo) && n < before && isKept(n))
  // Before its first event a feed misses only what was published after it was open.
  let last = mustHaveAfter
  let isFirst = true
  let isTold = false
  for (const one of told) {
    if (typeof one === 'object') {
      isTold = true
      toldUpTo = published.find(({ id }) => id === one.to)?.n ?? 0
      continue
    }
    if (!isFirst && one <= last) return `${one} came after ${last}`
    if (!isTold && hasMissed(last, one)) return `missed between ${last} and ${one}`
    const ageMs = bornMs - (published[one - 1]?.atMs ?? 0)
    if (isFirst && since === 'now' && !world.tail.wasLate && ageMs > staleMsMax)
      return `${one} is ${ageMs} ms too old`
    last = one
    isFirst = false
    isTold = false
  }
  return !isTold && hasMissed(last, Infinity) ? `missed after ${last}` : undefined
}

/** A feed joins where the shared stream stands: at its last beat, and two and a half may be late. */
const staleMsMax = 4 * heartbeatMs
