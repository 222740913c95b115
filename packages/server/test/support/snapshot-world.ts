// Two nodes of one log whose topics keep the newest value of each key. Clients keep tables, and a judge
// follows the log itself.

import { comparePositions, parseCursor } from '@tidemark/log'
import type { EventLog, EventRecord } from '@tidemark/log'
import type { FakeClock } from '@tidemark/testkit'
import fc from 'fast-check'
import { createTidemark } from '../../src/index.ts'
import type { SessionHandle, Tidemark } from '../../src/index.ts'
import { parseSubscriptionQuery } from '../../src/hub/index.ts'
import { resumeChanged } from '../../src/session/changed-topics.ts'
import { holdTail } from './held-log.ts'
import type { HeldLog } from './held-log.ts'
import { KeyedClient, matcherOf } from './keyed-client.ts'
import type { KeyedClientOptions } from './keyed-client.ts'
import { settle } from './settle.ts'
import { demand } from './stream-oracle.ts'
import { wrapLog } from './wrap-log.ts'

const keyed = ['prices/eu', 'prices/us'] as const
const keys = ['a', 'b', 'c', 'd', 'e'] as const
const names = ['prices/eu', 'prices/us', 'prices/*', 'news', '**'] as const

/** The names of the clients' URLs. The last one asks for some keys only. */
const interests = [
  ['prices/eu'],
  ['prices/us', 'news'],
  ['**'],
  ['prices/eu', 'prices/*'],
  ['prices/*'],
] as const
const someKeys: readonly string[] = ['a', 'b']

/** Where the log of a world keeps its records. */
export const snapshotRules = [
  { pattern: 'prices/**', latestBy: 'key' },
  // A client that follows it and was away is told of a gap, and gets another snapshot.
  { pattern: 'news', maxEvents: 2 },
] as const

const windows = [{ flushWindowMs: 0 }, { flushWindowMs: 5, flushEventsMax: 3 }] as const

/** None, two that end while the model runs, and one that does not. */
const lives = [undefined, 1_500, 6_000, 86_400_000] as const

const client = fc.nat(interests.length - 1)
const node = fc.nat(1)
const topic = fc.constantFrom(...keyed)
const key = fc.constantFrom(...keys)

export const worldSettings = fc.record({
  /** Records of a page, so that a snapshot has several. */
  pageMax: fc.integer({ min: 1, max: 4 }),
  /** Turns of the event loop that a read takes, one after another and over again. */
  readTurns: fc.array(fc.nat(3), { minLength: 1, maxLength: 5 }),
})
export type WorldSettings = typeof worldSettings extends fc.Arbitrary<infer Value> ? Value : never

const snapshotStep = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      node,
      topic,
      key,
      ttlMs: fc.constantFrom(...lives),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), node, topic, key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('report' as const), node }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('release' as const),
      node,
      count: fc.integer({ min: 1, max: 8 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('connect' as const), client, node }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('cut behind' as const),
      client,
      events: fc.integer({ min: 1, max: 8 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('forget' as const),
      client,
      lastEventId: fc.constantFrom('', 'no cursor'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('join' as const, 'leave' as const),
      client,
      name: fc.constantFrom(...names),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('cut' as const, 'block' as const, 'unblock' as const),
      client,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('overtake' as const), node }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom('settle' as const, 'yield' as const, 'pass' as const, 'pump' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const) }) },
)
export const snapshotSteps = fc.array(snapshotStep, { minLength: 10, maxLength: 100, size: 'max' })
export type SnapshotStep = typeof snapshotStep extends fc.Arbitrary<infer Value> ? Value : never

type Matches = (topic: string) => boolean

interface Judge {
  readonly numberOf: (data: string) => number
  readonly judgeEnd: (visitor: Visitor, id: string, matches: Matches) => void
}

/** A client, and its open session. */
class Visitor {
  readonly client: KeyedClient
  readonly query: string
  readonly keys: readonly string[] | undefined
  handle: SessionHandle | undefined

  constructor(index: number, { numberOf, judgeEnd }: Judge) {
    const asked = interests[index] ?? interests[0]
    this.keys = index === interests.length - 1 ? someKeys : undefined
    const filter = this.keys === undefined ? '' : `&keys=${this.keys.join()}`
    this.query = `topics=${asked.join()}&fields=topic,key${filter}`
    const onEnd: KeyedClientOptions['onEnd'] = (id, matches) => judgeEnd(this, id, matches)
    this.client = new KeyedClient({ asked, numberOf, onEnd })
  }
}

export interface WorldLog {
  readonly log: EventLog
  /** Lets what the log does beside the event loop come to its end. */
  readonly quiet: () => Promise<void>
  readonly close: () => Promise<void>
}

export class SnapshotWorld {
  readonly visitors: readonly Visitor[]
  readonly #clock: FakeClock
  readonly #log: EventLog
  readonly #quiet: () => Promise<void>
  readonly #nodes: readonly { readonly held: HeldLog; readonly tide: Tidemark }[]
  /** The newest record of each key, as the log told of them. */
  readonly #truth = new Map<string, EventRecord>()
  readonly #history: EventRecord[] = []
  readonly #numbers = new Map<string, number>()
  readonly #faults: unknown[] = []
  readonly #acts = new Set<Promise<unknown>>()
  #published = 0
  #reads = 0

  constructor(clock: FakeClock, { log, quiet }: WorldLog, settings: WorldSettings) {
    this.#clock = clock
    this.#log = log
    this.#quiet = quiet
    const numberOf = (data: string): number => this.#numbers.get(data) ?? Number.NaN
    const judgeEnd: Judge['judgeEnd'] = (visitor, id, matches) =>
      this.#judgeEnd(visitor, id, matches)
    this.visitors = interests.map((_, index) => new Visitor(index, { numberOf, judgeEnd }))
    const { pageMax, readTurns } = settings
    const slow = wrapLog(log, {
      read: async (query) => {
        this.#reads += 1
        await settle(readTurns[this.#reads % readTurns.length])
        return log.read({ ...query, limit: Math.min(query.limit, pageMax) })
      },
    })
    this.#nodes = windows.map((window) => {
      const held = holdTail(slow)
      const options = { log: held.log, clock, authorize: 'everyone', ...window } as const
      return { held, tide: createTidemark(options) }
    })
  }

  /** The judge follows the log from its beginning. */
  async begin(): Promise<void> {
    const { head } = await this.#log.bounds()
    let number = 0
    this.#log.tail(head, {
      records: (records) => {
        for (const record of records) {
          this.#numbers.set(record.data, (number += 1))
          if (record.key === undefined || !record.topic.startsWith('prices/')) continue
          this.#truth.set(`${record.topic}\n${record.key}`, record)
          this.#history.push(record)
        }
      },
    })
  }

  async take(next: SnapshotStep): Promise<unknown> {
    const visitor = 'client' in next ? this.visitors[next.client] : undefined
    const tide = 'node' in next ? this.#nodes[next.node]?.tide : undefined
    switch (next.do) {
      case 'publish':
        return this.#publish(tide, next)
      case 'delete':
        return this.#act(tide?.deleteKey(next.topic, next.key))
      case 'report':
        return this.#act(tide?.publish('news', { data: `${(this.#published += 1)}` }))
      case 'release':
        return this.#nodes[next.node]?.held.release(next.count)
      case 'overtake':
        return this.#nodes[next.node]?.held.overtake()
      case 'connect':
        return visitor === undefined ? undefined : this.#connect(visitor, next.node)
      case 'cut behind':
        if (visitor !== undefined) visitor.client.left = next.events
        return undefined
      case 'forget':
        return visitor?.client.forget(next.lastEventId)
      case 'join':
      case 'leave':
        return this.#change(visitor, next)
      case 'cut':
        return visitor?.client.leave()
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
      case 'wait':
        return this.#wait(1_000)
      default:
        throw new Error(`no such step: ${JSON.stringify(next)}`)
    }
  }

  /** Everybody who is away comes back, everything arrives, and the tables are held against the truth. */
  async finish(): Promise<void> {
    for (const { client } of this.visitors) {
      client.left = Infinity
      client.connection?.unblock()
    }
    await this.#pump()
    for (const [i, visitor] of this.visitors.entries())
      if (visitor.client.isAway) this.#connect(visitor, i % 2)
    await this.#compare('at first')
    // Values end, and nobody else does anything any more.
    for (let seconds = 0; seconds < 8; seconds++) await this.#wait(1_000)
    await this.#compare('when values have ended')
    for (const { tide } of this.#nodes) await tide.close()
    for (const { client } of this.visitors) client.leave()
  }

  async #compare(when: string): Promise<void> {
    let heard = -1
    let still = 0
    // A page takes some rounds, and a snapshot has some dozen pages.
    for (let round = 0; round < 600 && still < (this.#isSettled() ? 8 : 80); round++) {
      await this.#pump()
      const now = this.visitors.reduce((sum, { client }) => sum + client.events.length, 0)
      still = now === heard && this.#acts.size === 0 ? still + 1 : 0
      heard = now
    }
    demand(still >= 8, `it comes to rest ${when}: ${this.#acts.size} acts wait`)
    for (const error of [...this.#faults, ...this.visitors.flatMap((each) => each.client.faults)])
      throw error
    for (const [i, { client, handle, keys: only }] of this.visitors.entries()) {
      const who = `client ${i} ${when}`
      demand(!client.isAway, `${who} is there`)
      demand(!client.isInSnapshot, `${who} has no open snapshot`)
      const followed = handle?.topics.toSorted().join()
      demand(
        followed === [...client.names].toSorted().join(),
        `${who} knows that it follows ${followed}`,
      )
      this.#judge(client, { who, only })
    }
  }

  #judge(
    { table, names: followed }: KeyedClient,
    { who, only }: { readonly who: string; readonly only: readonly string[] | undefined },
  ): void {
    const matches = matcherOf([...followed])
    const now = this.#clock.now()
    const places = new Set([...table.keys(), ...this.#truth.keys()])
    for (const place of places) {
      const [of = '', name = ''] = place.split('\n')
      const record = this.#truth.get(place)
      const isDeleted = record === undefined || record.type === 'tidemark.deleted'
      const isWanted = matches(of) && (only === undefined || only.includes(name))
      const value = isWanted && !isDeleted ? record.data : undefined
      const held = table.get(place)
      // The log tells of an end within some seconds. Until then a client may have this value or an older one.
      const end = isDeleted ? Infinity : (record.expiresAt ?? Infinity)
      if (end <= now) demand(now < end + 4_000, `the end of ${place} is told`)
      else demand(held === value, `${who} has ${place} as ${held}, which is ${value}`)
    }
  }

  #isSettled(): boolean {
    return this.visitors.every(({ client }) => !client.isAway && !client.isInSnapshot)
  }

  /** At the end of a snapshot its client has the table that the log had at the place of the stream. */
  #judgeEnd({ client: { table }, keys: only }: Visitor, id: string, matches: Matches): void {
    const place = parseCursor(id)?.position
    if (place === undefined) throw new Error(`no cursor: ${id}`)
    const then = new Map<string, EventRecord>()
    for (const record of this.#history)
      if (comparePositions(record.position, place) <= 0)
        then.set(`${record.topic}\n${record.key}`, record)
    const now = this.#clock.now()
    for (const [key, record] of then) {
      const isAsked =
        matches(record.topic) && (only === undefined || only.includes(record.key ?? ''))
      const value = record.type === 'tidemark.deleted' ? undefined : record.data
      // Of a value that has ended nobody is told, until its end is.
      if (!isAsked || (value !== undefined && (record.expiresAt ?? Infinity) <= now)) continue
      const held = table.get(key)
      demand(held === value, `at the end of a snapshot ${key} is ${held}, which was ${value}`)
    }
  }

  async #wait(ms: number): Promise<void> {
    // Storage that is asked for something must not seem to stand still.
    await this.#quiet()
    this.#clock.advance(ms)
    await this.#pump()
  }

  async #pump(): Promise<void> {
    await settle(2)
    await this.#quiet()
    for (const { held } of this.#nodes) held.release()
    this.#clock.advance(5)
    await settle(2)
  }

  /** An act that is not awaited, because a later step may have to let it go on. */
  #act(done: Promise<unknown> | undefined): void {
    if (done === undefined) return
    const act = done
      .catch((error: unknown) => this.#faults.push(error))
      .finally(() => this.#acts.delete(act))
    this.#acts.add(act)
  }

  #publish(tide: Tidemark | undefined, next: Extract<SnapshotStep, { do: 'publish' }>): void {
    const { topic: to, key: of, ttlMs } = next
    const data = `${to} ${of} ${(this.#published += 1)}${ttlMs === undefined ? '' : ` for ${ttlMs}`}`
    this.#act(tide?.publish(to, { key: of, data, ttlMs }))
  }

  #connect(visitor: Visitor, index: number): void {
    const { client: who, query } = visitor
    const tide = this.#nodes[index]?.tide
    if (tide === undefined) return
    const sink = who.connect()
    visitor.handle = undefined
    const asked = parseSubscriptionQuery(new URLSearchParams(query), who.lastEventId)
    const open = async (): Promise<void> => {
      const handle = await tide.open(sink, await resumeChanged(asked, tide.topicSets))
      // A later connect may have overtaken this one.
      if (who.connection === sink) visitor.handle = handle
    }
    this.#act(open())
  }

  #change(
    visitor: Visitor | undefined,
    { do: what, name }: { readonly do: 'join' | 'leave'; readonly name: string },
  ): void {
    const { handle } = visitor ?? {}
    const changed = what === 'join' ? handle?.join(name) : handle?.leave(name)
    // The last name of a stream cannot be left.
    this.#act(
      changed?.catch((error: unknown) => {
        if (!/at least one topic/.test(String(error))) throw error
      }),
    )
  }
}

/** How often each thing happened that the model is there for. */
export type SnapshotCounts = Record<keyof KeyedClient['counts'], number>

export function addCounts(sum: Partial<SnapshotCounts>, { visitors }: SnapshotWorld): void {
  for (const { client } of visitors)
    for (const [name, count] of Object.entries(client.counts)) {
      const counted = name as keyof SnapshotCounts
      sum[counted] = (sum[counted] ?? 0) + count
    }
}
