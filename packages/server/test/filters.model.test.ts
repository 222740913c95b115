// Streams with filters against a model. Events are appended and handed over late. Clients are cut, blocked
// and moved between nodes, come back with other filters, and get other grants while they are open. Whatever
// happens, a client gets no event that its filter or its grant hides, and no other is left out.

import { memoryLog, parseCursor, parseTopic } from '@tidemark/log'
import type { EventLog, NewEvent } from '@tidemark/log'
import { sequenceOf } from '@tidemark/log/driver'
import { createFakeClock } from '@tidemark/testkit'
import type { DecodedEvent } from '@tidemark/wire'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type { SessionHandle, Tidemark } from '../src/index.ts'
import { parseSubscriptionBody } from '../src/hub/index.ts'
import { holderOf } from '../src/session/session-holder.ts'
import { holdTail } from './support/held-log.ts'
import type { HeldLog } from './support/held-log.ts'
import { isCommon, node, oneOf, pump, release, takeCommon, windows } from './support/model-steps.ts'
import type { CommonStep, Stage } from './support/model-steps.ts'
import { settle } from './support/settle.ts'
import { demand } from './support/stream-oracle.ts'
import { TestClient } from './support/test-client.ts'

type Event = Pick<NewEvent, 'key' | 'permission' | 'tags' | 'type'>

/** A filter with the judgement of the model beside it, which knows nothing of how the engine compiles it. */
interface Asked {
  readonly body: object
  readonly wants: (event: Event) => boolean
}

const everything: Asked = { body: {}, wants: () => true }

const asked: readonly Asked[] = [
  everything,
  { body: { types: ['paid'] }, wants: ({ type }) => type === 'paid' },
  { body: { keys: ['k1', 'k2'] }, wants: ({ key }) => key === 'k1' || key === 'k2' },
  { body: { where: { region: ['eu'] } }, wants: ({ tags }) => tags?.['region'] === 'eu' },
  {
    body: { types: ['paid', 'message'], where: { tier: ['gold', ''], region: ['us', 'eu'] } },
    wants: ({ type, tags }) =>
      type !== 'sent' &&
      (tags?.['tier'] === 'gold' || tags?.['tier'] === '') &&
      (tags?.['region'] === 'us' || tags?.['region'] === 'eu'),
  },
]

interface Granted {
  readonly where?: Readonly<Record<string, string | readonly string[]>>
  readonly permissions?: readonly string[]
  readonly lets: (event: Event) => boolean
}

const nobody: Granted = { lets: ({ permission }) => permission === undefined }

const grants: readonly Granted[] = [
  nobody,
  { permissions: ['staff'], lets: ({ permission }) => (permission ?? 'staff') === 'staff' },
  { permissions: ['ops', 'staff'], lets: () => true },
  {
    where: { region: 'eu' },
    permissions: ['ops'],
    lets: ({ tags, permission }) =>
      tags?.['region'] === 'eu' && (permission === undefined || permission === 'ops'),
  },
  {
    where: { region: ['us', 'eu'] },
    lets: ({ tags, permission }) =>
      (tags?.['region'] === 'us' || tags?.['region'] === 'eu') && permission === undefined,
  },
]

const clientCount = 5

/** The node that gathers takes up to four records at a time. */
const settings = [windows[0], { ...windows[1], flushEventsMax: 4 }] as const

const optional = <Value>(...values: readonly Value[]): fc.Arbitrary<Value | undefined> =>
  fc.constantFrom(undefined, ...values)

const anEvent: fc.Arbitrary<Event> = fc.record({
  type: optional('paid', 'sent'),
  key: optional('k1', 'k2', 'k3'),
  tags: fc.record(
    { region: fc.constantFrom('eu', 'us'), tier: fc.constantFrom('gold', '', 'tin') },
    { requiredKeys: [] },
  ),
  permission: fc.oneof(
    { weight: 3, arbitrary: fc.constant(undefined) },
    { weight: 2, arbitrary: fc.constantFrom('staff', 'ops') },
  ),
})

type Step =
  | CommonStep
  | { readonly do: 'append'; readonly events: readonly Event[] }
  | {
      readonly do: 'connect'
      readonly client: number
      readonly node: number
      readonly asked: number
    }
  | { readonly do: 'renew'; readonly client: number; readonly grant: number }
  | { readonly do: 'beat' }

const client = fc.nat(clientCount - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      events: fc.array(anEvent, { minLength: 1, maxLength: 5 }),
    }),
  },
  { weight: 4, arbitrary: release },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('connect' as const),
      client,
      node,
      asked: fc.nat(asked.length - 1),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('renew' as const),
      client,
      grant: fc.nat(grants.length - 1),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('cut' as const, 'block' as const, 'unblock' as const),
      client,
    }),
  },
  { weight: 6, arbitrary: oneOf('settle', 'yield', 'pass', 'pump', 'beat') },
)

/** A client, and the model of what it gets. */
class Visitor {
  readonly client = new TestClient()
  readonly faults: unknown[] = []
  handle: SessionHandle | undefined
  asked = everything
  grant = nobody
  got = 0
  hidden = 0
  readonly #history: readonly Event[]
  /** The sequence of the last id. */
  place: number | undefined
  /** Those that held at some time since the last id, the newest last. */
  #held: ((event: Event) => boolean)[] = []
  /** How many of the newest may hold now: a renewal begins a microtask after it was asked for. */
  #open = 1

  constructor(history: readonly Event[]) {
    this.#history = history
    this.client.onEvent = (event) => this.#take(event)
  }

  /** Another filter, from this moment on. */
  hold(): void {
    const { wants } = this.asked
    const { lets } = this.grant
    this.#held.push((event) => wants(event) && lets(event))
    this.#open = 1
  }

  /** Another grant, asked for just now. */
  renew(grant: Granted): void {
    const open = this.#open
    this.grant = grant
    this.hold()
    this.#open = open + 1
    queueMicrotask(() => (this.#open = 1))
  }

  #take(event: DecodedEvent): void {
    try {
      this.#check(event)
    } catch (error) {
      this.faults.push(error)
    }
  }

  #check({ id, type, data }: DecodedEvent): void {
    if (id === '') return
    const position = parseCursor(id)?.position
    if (position === undefined) throw new Error(`no cursor: ${id}`)
    const place = sequenceOf(position)
    const isOwn = type.startsWith('tidemark.')
    const before = this.place ?? place
    this.place = place
    demand(place >= before, `no way back from ${before} to ${place}`)
    if (!isOwn) {
      const event = this.#at(place)
      demand(place === Number(data) && place > before, `${data} comes once, at its place`)
      const isLet = this.#held.slice(-this.#open).some((lets) => lets(event))
      demand(isLet, `${data} is not hidden: ${JSON.stringify(event)}`)
      this.got += 1
    }
    for (let at = before + 1; at < place + (isOwn ? 1 : 0); at++) {
      const isHidden = this.#held.some((lets) => !lets(this.#at(at)))
      demand(isHidden, `${at} is left out before ${type} ${data} because it was hidden`)
      this.hidden += 1
    }
    this.#held = this.#held.slice(-this.#open)
  }

  #at(sequence: number): Event {
    const event = this.#history[sequence - 1]
    if (event === undefined) throw new Error(`nothing was appended as ${sequence}`)
    return { ...event, type: event.type ?? 'message' }
  }
}

class World {
  readonly history: Event[] = []
  readonly visitors: readonly Visitor[] = Array.from(
    { length: clientCount },
    () => new Visitor(this.history),
  )
  readonly #clock = createFakeClock()
  readonly #log: EventLog = memoryLog({ clock: this.#clock })
  readonly #nodes: readonly { readonly held: HeldLog; readonly tide: Tidemark }[] = settings.map(
    (each) => {
      const held = holdTail(this.#log)
      return { held, tide: createTidemark({ log: held.log, clock: this.#clock, ...each }) }
    },
  )

  readonly #stage: Stage = {
    clock: this.#clock,
    nodes: this.#nodes,
    clientAt: (index) => this.visitors[index]?.client,
  }

  async take(next: Step): Promise<void> {
    if (isCommon(next)) return takeCommon(next, this.#stage)
    switch (next.do) {
      case 'append':
        return this.#append(next.events)
      case 'connect':
        return this.#connect(next)
      case 'renew':
        return this.#renew(next)
      case 'beat':
        // A renewal that has just been asked for is not late before it could begin.
        await settle()
        return this.#clock.advance(16_000)
      default:
        throw new Error(`no such step: ${JSON.stringify(next)}`)
    }
  }

  /** Everybody is there, everything arrives, and a beat tells each client where it stands. */
  async finish(): Promise<void> {
    for (const [i, { client: who }] of this.visitors.entries()) {
      if (who.connection === undefined) this.#connect({ client: i, node: i % 2, asked: 0 })
      who.connection?.unblock()
    }
    for (let round = 0; round < 20; round++) await pump(this.#stage)
    for (const [i, visitor] of this.visitors.entries())
      if (visitor.place !== this.history.length) this.#connect({ client: i, node: i % 2, asked: i })
    for (let round = 0; round < 20; round++) await pump(this.#stage)
    this.#clock.advance(20_000)
    await pump(this.#stage)
    for (const { faults, place } of this.visitors) {
      if (faults.length > 0) throw faults[0]
      demand(place === this.history.length, `every client is level: ${place}`)
    }
    for (const { tide } of this.#nodes) await tide.close()
  }

  #append(events: readonly Event[]): void {
    const batch = events.map((event) => {
      this.history.push(event)
      return { topic: parseTopic('a'), data: String(this.history.length), ...event }
    })
    void this.#log.append({ events: batch })
  }

  #connect(next: { readonly client: number; readonly node: number; readonly asked: number }): void {
    const visitor = this.visitors[next.client]
    const { tide } = this.#nodes[next.node] ?? {}
    if (visitor === undefined || tide === undefined) return
    const sink = visitor.client.connect()
    visitor.handle = undefined
    visitor.asked = asked[next.asked] ?? everything
    visitor.hold()
    const body = { topics: ['a'], ...visitor.asked.body }
    const subscription = parseSubscriptionBody(body, visitor.client.lastEventId)
    const { where, permissions } = visitor.grant
    const owner = holderOf({ subscribe: ['a'], where, permissions }, {})
    const opened = tide.openGranted(sink, subscription, { owner })
    void opened.then(
      (handle) => visitor.client.connection === sink && (visitor.handle = handle),
      (error: unknown) => visitor.faults.push(error),
    )
  }

  /** A stream that is not open yet keeps the grant that it came with. */
  #renew(next: { readonly client: number; readonly grant: number }): void {
    const visitor = this.visitors[next.client]
    const grant = grants[next.grant]
    if (visitor?.handle === undefined || grant === undefined) return
    const { where, permissions } = grant
    const renewed = visitor.handle.renew({ subscribe: ['a'], where, permissions })
    visitor.renew(grant)
    renewed.catch((error: unknown) => visitor.faults.push(error))
  }
}

test('whatever the interleaving, a client gets each event once that its filter and its grant let through, and none that they hide', async () => {
  const sum = { got: 0, hidden: 0 }
  const check = fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 100, size: 'max' }),
      async (steps) => {
        const world = new World()
        for (const next of steps) await world.take(next)
        await world.finish()
        for (const { got, hidden } of world.visitors) {
          sum.got += got
          sum.hidden += hidden
        }
      },
    ),
    { numRuns: 500 },
  )
  await expect(check).resolves.toBeUndefined()
  // Both happen often, or the model proves nothing.
  expect(sum.got).toBeGreaterThan(10_000)
  expect(sum.hidden).toBeGreaterThan(10_000)
})
