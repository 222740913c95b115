// The join of a session against a model. Events are appended and handed over late, clients are cut and
// blocked, and retention removes records, in any order. Each client ends up with every event of its topics
// once and in order, or is told what it missed.

import { memoryLog, parseCursor, parseTopic } from '@tidemark/log'
import { makePosition, parseEpoch, sequenceOf } from '@tidemark/log/driver'
import type { EventLog } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import { parseSubscriptionQuery } from '../src/hub/index.ts'
import type { Tidemark } from '../src/index.ts'
import { holdTail } from './support/held-log.ts'
import type { HeldLog } from './support/held-log.ts'
import { isCommon, node, oneOf, pump, release, takeCommon, windows } from './support/model-steps.ts'
import type { CommonStep, Stage } from './support/model-steps.ts'
import { TestClient } from './support/test-client.ts'

const topics = ['a', 'b', 'c/1', 'c/2', 'short'] as const
const interests = [
  'topic=a',
  'topics=a,b',
  'topic=c/*',
  'topic=**',
  'topics=short,a',
  'topic=short',
]
const clientCount = interests.length

/** The node that gathers takes at most three records at a time. */
const settings = [windows[0], { ...windows[1], flushEventsMax: 3 }] as const

type Step =
  | CommonStep
  | { readonly do: 'append'; readonly topic: number; readonly count: number }
  | { readonly do: 'connect'; readonly client: number; readonly node: number }
  | { readonly do: 'restart'; readonly node: number }

const client = fc.nat(clientCount - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      topic: fc.nat(topics.length - 1),
      count: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 4, arbitrary: release },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('connect' as const), client, node }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('cut' as const, 'block' as const, 'block' as const, 'unblock' as const),
      client,
    }),
  },
  { weight: 5, arbitrary: oneOf('settle', 'yield', 'pass', 'pump') },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), node }) },
)

/** A process: an engine on the common log, with a tail of its own that the test holds back. */
interface Node {
  readonly held: HeldLog
  readonly tide: Tidemark
}

/**
 * One log that outlives its nodes, two nodes that share it, and clients that come, go and hop between them.
 */
class World {
  readonly log: EventLog = memoryLog({
    epoch: parseEpoch('model'.padEnd(19, '0')),
    retention: { rules: [{ pattern: 'short', maxEvents: 2 }] },
    randomBytes: () => new Uint8Array(8),
  })
  readonly clients = interests.map(() => new TestClient())
  /**
   * The newest event when a client last began without a cursor: what retention had taken by then, it never
   * asked for.
   */
  readonly freshAt = interests.map(() => 0)
  readonly appended: { readonly topic: string; readonly cursor: number }[] = []
  readonly #clock = createFakeClock()
  readonly #nodes: Node[] = [this.#createNode(0), this.#createNode(1)]
  readonly #stage: Stage = {
    clock: this.#clock,
    nodes: this.#nodes,
    clientAt: (index) => this.clients[index],
  }
  #next = 0

  async take(next: Step): Promise<void> {
    if (isCommon(next)) return takeCommon(next, this.#stage)
    switch (next.do) {
      case 'append':
        return this.#append(topics[next.topic] ?? 'a', next.count)
      case 'connect':
        return this.#connect(next.client, next.node)
      case 'restart':
        return this.#restart(next.node)
      default:
        throw new Error(`no such step: ${JSON.stringify(next)}`)
    }
  }

  /** Everybody comes back and everything arrives. */
  async finish(): Promise<void> {
    for (let i = 0; i < clientCount; i++) this.#connect(i, i % 2)
    // Replays take turns, one page each; what is left after so many rounds would never come.
    for (let round = 0; round < 40; round++) await pump(this.#stage)
    for (const { tide } of this.#nodes) await tide.close()
  }

  #createNode(node: number): Node {
    const held = holdTail(this.log)
    const tide = createTidemark({ log: held.log, clock: this.#clock, ...settings[node] })
    return { held, tide }
  }

  #append(topic: string, count: number): void {
    for (let i = 0; i < count; i++) {
      this.#next += 1
      this.appended.push({ topic, cursor: this.#next })
      void this.log.append({ events: [{ topic: parseTopic(topic), data: String(this.#next) }] })
    }
  }

  #connect(index: number, node: number): void {
    const who = this.clients[index]
    if (who === undefined) return
    who.onEvent = (event) => {
      const isFresh = event.type === 'tidemark.ready' && event.data.includes('"resumed":"fresh"')
      if (isFresh) this.freshAt[index] = this.#next
    }
    const query = new URLSearchParams(`${interests[index] ?? ''}&since=earliest`)
    const sink = who.connect()
    const subscription = parseSubscriptionQuery(query, who.lastEventId)
    this.#nodes[node]?.tide.open(sink, subscription).catch(() => undefined)
  }

  async #restart(node: number): Promise<void> {
    await this.#nodes[node]?.tide.close()
    this.#nodes[node] = this.#createNode(node)
  }
}

function judge(world: World, index: number): void {
  const who = world.clients[index]
  const interest = parseSubscriptionQuery(new URLSearchParams(interests[index]))
  const wanted = world.appended.filter((record) =>
    interest.topics.matches(parseTopic(record.topic)),
  )
  const got = (who?.published ?? []).map((event) => Number(event.data))
  expect(got, 'in order, none twice').toEqual([...new Set(got)].toSorted((a, b) => a - b))
  const gaps = (who?.control('gap') ?? []) as { from: string; to: string; reason: string }[]
  const told = gaps.map((gap) => ({ from: readSequence(gap.from), to: readSequence(gap.to) }))
  const freshAt = world.freshAt[index] ?? 0
  for (const { cursor, topic } of wanted) {
    if (got.includes(cursor)) continue
    const isTold = told.some(({ from, to }) => from < cursor && cursor <= to)
    const isShort = topic === 'short'
    expect(isShort && (isTold || cursor <= freshAt), `event ${cursor} of ${topic} missing`).toBe(
      true,
    )
  }
  for (const { from, to } of told) {
    const isReal = wanted.some(
      ({ cursor, topic }) =>
        topic === 'short' && from < cursor && cursor <= to && !got.includes(cursor),
    )
    expect(
      isReal || interests[index]?.includes('short') || interests[index]?.includes('**'),
      'a gap nobody needed',
    ).toBe(true)
  }
}

function readSequence(cursor: string): number {
  return sequenceOf(
    parseCursor(cursor)?.position ?? makePosition(parseEpoch('model'.padEnd(19, '0')), 0),
  )
}

test('whatever the interleaving, each client gets every event of its topics once and in order, or is told of the gap', async () => {
  const check = fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 120, size: 'max' }),
      async (steps) => {
        const world = new World()
        for (const next of steps) await world.take(next)
        await world.finish()
        for (let i = 0; i < clientCount; i++) judge(world, i)
      },
    ),
    { numRuns: 1000 },
  )
  await expect(check).resolves.toBeUndefined()
})
