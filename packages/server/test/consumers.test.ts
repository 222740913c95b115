// Consumers: a name of a user under which all nodes keep a cursor, so that the next device goes on there.

import { LogError, memoryLog, openLedger } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { describe, expect, test } from 'vitest'
import { consumerCodec } from '../src/consumers/consumer-entry.ts'
import { consumerKeepMs, consumerLifeMs, consumerRefreshMs } from '../src/consumers/limits.ts'
import { parseSubscriptionBody, parseSubscriptionQuery } from '../src/hub/index.ts'
import { createTidemark } from '../src/index.ts'
import type { StartRule, Tidemark, TidemarkOptions } from '../src/index.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'
import { wrapLog } from './support/wrap-log.ts'

interface Node {
  readonly tide: Tidemark
  readonly clock: FakeClock
}

interface World {
  readonly log: EventLog
  readonly clock: FakeClock
  readonly errors: unknown[]
  node(options?: TidemarkOptions): Node
}

function createWorld(wrap: (log: EventLog) => EventLog = (log) => log): World {
  const clock = createFakeClock()
  const log = wrap(memoryLog({ clock }))
  const errors: unknown[] = []
  return {
    log,
    clock,
    errors,
    node: (options = {}) => ({
      clock,
      tide: createTidemark({ log, clock, onError: (error) => errors.push(error), ...options }),
    }),
  }
}

const query = (text: string, lastEventId?: string) =>
  parseSubscriptionQuery(new URLSearchParams(text), lastEventId)

async function open(
  { tide }: Node,
  text: string,
  { user = 'ada', client = new TestClient() }: { user?: string; client?: TestClient } = {},
) {
  const sink = client.connect()
  const lastEventId = client.lastEventId === '' ? undefined : client.lastEventId
  const session = await tide.open(sink, query(text, lastEventId), { user })
  await settle(40)
  return { client, sink, session }
}

/** So many looks at what is open, each with what it writes. */
async function look({ clock }: Node, times = 2): Promise<void> {
  for (let i = 0; i < times; i++) {
    clock.advance(consumerKeepMs)
    await settle(40)
  }
}

async function publish({ tide }: Node, topic: string, ...texts: readonly string[]): Promise<void> {
  for (const data of texts) await tide.publish(topic, { data })
  await settle(40)
}

const datas = ({ published }: TestClient): readonly string[] => published.map(({ data }) => data)

/** The records that the ledger of consumers gets meanwhile. */
async function countWritten(log: EventLog, run: () => Promise<void>): Promise<number> {
  const { head: after } = await log.bounds()
  let count = 0
  const tail = log.tail(after, {
    records: (records) => {
      count += records.filter(({ topic }) => topic === '$hub/state/consumers').length
    },
  })
  await run()
  await settle(20)
  tail.close()
  return count
}

test('the next device goes on behind what is known to have been read, and gets what came while nobody was there', async () => {
  const world = createWorld()
  const node = world.node()
  const phone = await open(node, 'topic=a&consumer=main')
  await publish(node, 'a', '1', '2')
  await look(node, 3)
  phone.sink.cut()
  await publish(node, 'a', '3', '4')
  const tablet = await open(node, 'topic=a&consumer=main')
  expect(datas(phone.client)).toEqual(['1', '2'])
  expect(datas(tablet.client)).toEqual(['3', '4'])
  expect(tablet.client.control('ready')).toMatchObject([{ resumed: 'exact' }])
  await publish(node, 'a', '5')
  expect(datas(tablet.client)).toEqual(['3', '4', '5'])
})

test('a consumer that is new begins now, and misses nothing from its first moment on', async () => {
  const world = createWorld()
  const node = world.node()
  await publish(node, 'a', 'before')
  const first = await open(node, 'topic=a&consumer=main')
  expect(first.client.control('ready')).toMatchObject([{ resumed: 'fresh' }])
  first.sink.cut()
  await publish(node, 'a', 'meanwhile')
  const second = await open(node, 'topic=a&consumer=main')
  expect(datas(second.client)).toEqual(['meanwhile'])
})

test('what has been written and is not known to be read comes again at the next device', async () => {
  const world = createWorld()
  const node = world.node()
  const phone = await open(node, 'topic=a&consumer=main')
  await look(node)
  await publish(node, 'a', '1')
  // One look: the place is a candidate, and not known yet.
  await look(node, 1)
  phone.sink.cut()
  await look(node, 1)
  const tablet = await open(node, 'topic=a&consumer=main')
  expect(datas(tablet.client)).toEqual(['1'])
})

test('the place of a socket that takes nothing stays where it was', async () => {
  const world = createWorld()
  const node = world.node()
  const phone = await open(node, 'topic=a&consumer=main')
  phone.sink.block()
  await publish(node, 'a', '1', '2')
  await look(node, 5)
  phone.sink.cut()
  const tablet = await open(node, 'topic=a&consumer=main')
  expect(datas(tablet.client)).toEqual(['1', '2'])
})

test('on one device each event comes once: its own cursor goes before the place of the consumer', async () => {
  const world = createWorld()
  const node = world.node()
  const client = new TestClient()
  await open(node, 'topic=a&consumer=main', { client })
  await publish(node, 'a', '1', '2')
  await open(node, 'topic=a&consumer=main', { client })
  await publish(node, 'a', '3')
  expect(datas(client)).toEqual(['1', '2', '3'])
})

test('a session that replays long is kept where it stands, and a level one where it became level', async () => {
  const world = createWorld()
  const node = world.node()
  await publish(node, 'a', ...Array.from({ length: 20 }, (_, i) => `${i}`))
  const first = await open(node, 'topic=a&consumer=main&since=earliest')
  expect(datas(first.client)).toHaveLength(20)
  await look(node)
  first.sink.cut()
  const second = await open(node, 'topic=a&consumer=main')
  expect(datas(second.client)).toEqual([])
})

describe('a second stream of the same consumer', () => {
  test.each(['the same node', 'another node'])('at %s replaces the older one', async (where) => {
    const world = createWorld()
    const node = world.node()
    const other = where === 'another node' ? world.node() : node
    const first = await open(node, 'topic=a&consumer=main')
    const second = await open(other, 'topic=a&consumer=main')
    expect(first.client.control('bye')).toMatchObject([{ reason: 'replaced' }])
    expect(await first.session.closed).toBe('replaced')
    await publish(node, 'a', '1')
    expect(datas(second.client)).toEqual(['1'])
    expect(second.client.control('bye')).toEqual([])
  })

  test('keeps the consumer, though the older one’s node writes a place after it', async () => {
    const world = createWorld()
    const [node, other] = [world.node(), world.node()]
    const first = await open(node, 'topic=a&consumer=main')
    await publish(node, 'a', '1', '2', '3')
    // The older one's place is known, and is written at the next look.
    await look(node, 1)
    const second = await open(other, 'topic=a&consumer=main')
    await look(node, 3)
    expect(first.client.control('bye')).toHaveLength(1)
    expect(second.client.control('bye')).toEqual([])
    await publish(other, 'a', '4')
    await look(other, 3)
    second.sink.cut()
    const third = await open(node, 'topic=a&consumer=main')
    expect(datas(third.client)).toEqual([])
  })

  test('is not displaced by what an older one’s node has written late, and writes its place again', async () => {
    const world = createWorld()
    const node = world.node()
    await open(node, 'topic=a&consumer=main')
    const second = await open(node, 'topic=a&consumer=main')
    await look(node, 3)
    const { clock, log } = world
    const ledger = await openLedger(log, 'consumers', { codec: consumerCodec, clock })
    const [entry] = ledger.entries()
    if (entry === undefined) throw new Error('The ledger has the consumer.')
    const late = { ...entry.value, turn: 1, session: 'gone.x' }
    await ledger.set(entry.key, late)
    await look(node, 3)
    expect(second.client.control('bye')).toEqual([])
    expect(ledger.get(entry.key)).toMatchObject({ turn: 2, session: second.session.id })
    ledger.close()
  })

  test('of another user is another consumer', async () => {
    const world = createWorld()
    const node = world.node()
    const ada = await open(node, 'topic=a&consumer=main')
    const bob = await open(node, 'topic=a&consumer=main', { user: 'bob' })
    await publish(node, 'a', '1')
    expect([datas(ada.client), datas(bob.client)]).toEqual([['1'], ['1']])
    expect(ada.client.control('bye')).toEqual([])
  })
})

describe('the ledger of consumers', () => {
  test('gets nothing while a node has no consumer', async () => {
    const world = createWorld()
    const node = world.node()
    const { sink } = await open(node, 'topic=a')
    const written = await countWritten(world.log, async () => {
      await publish(node, 'a', '1')
      await look(node, 5)
    })
    expect(written).toBe(0)
    sink.cut()
  })

  test('gets nothing of a quiet consumer, whatever other topics get', async () => {
    const world = createWorld()
    const node = world.node()
    await open(node, 'topic=quiet&consumer=main')
    await look(node, 3)
    const written = await countWritten(world.log, async () => {
      for (let i = 0; i < 20; i++) {
        await publish(node, 'busy', `${i}`)
        await look(node, 1)
      }
    })
    expect(written).toBe(0)
  })

  test('gets the places of all consumers in one append a second', async () => {
    const appends: number[] = []
    const world = createWorld((log) =>
      wrapLog(log, {
        append: (batch) => {
          const own = batch.events.filter(({ topic }) => topic === '$hub/state/consumers')
          if (own.length > 0) appends.push(own.length)
          return log.append(batch)
        },
      }),
    )
    const node = world.node()
    for (let i = 0; i < 200; i++)
      await open(node, `topic=a&consumer=c${i}`, { user: `user-${i % 4}` })
    await look(node, 3)
    appends.length = 0
    await publish(node, 'a', '1')
    await look(node, 4)
    expect(appends).toEqual([200])
  })

  test('keeps a consumer as long as it is open, and for a while after', async () => {
    const world = createWorld()
    const node = world.node()
    const { sink } = await open(node, 'topic=a&consumer=main')
    const consumers = node.tide.consumers({ user: 'ada' })
    for (let passed = 0; passed < consumerLifeMs * 1.1; passed += consumerRefreshMs) {
      world.clock.advance(consumerRefreshMs)
      await settle(8)
    }
    expect(await consumers.list()).toHaveLength(1)
    sink.cut()
    world.clock.advance(consumerLifeMs + consumerRefreshMs)
    await settle(20)
    expect(await consumers.list()).toEqual([])
  })

  test('that takes nothing for a moment costs no event, and is told', async () => {
    let isDown = false
    const world = createWorld((log) =>
      wrapLog(log, {
        append: (batch) =>
          isDown && batch.events.some(({ topic }) => topic.startsWith('$'))
            ? Promise.reject(new Error('down'))
            : log.append(batch),
      }),
    )
    const node = world.node()
    const phone = await open(node, 'topic=a&consumer=main')
    isDown = true
    await publish(node, 'a', '1')
    await look(node, 3)
    expect(world.errors.length).toBeGreaterThan(0)
    isDown = false
    await look(node, 3)
    phone.sink.cut()
    const tablet = await open(node, 'topic=a&consumer=main')
    expect([datas(phone.client), datas(tablet.client)]).toEqual([['1'], []])
  })

  test('has the known places when a node closes', async () => {
    const world = createWorld()
    const node = world.node()
    await open(node, 'topic=a&consumer=main')
    await publish(node, 'a', '1')
    await look(node, 3)
    await node.tide.close()
    const other = world.node()
    const tablet = await open(other, 'topic=a&consumer=main')
    expect(datas(tablet.client)).toEqual([])
  })
})

describe('rules for where a consumer begins that is new', () => {
  const rules: readonly StartRule[] = [
    { pattern: 'users/**', startAt: 'earliest' },
    { pattern: 'news', startAt: '-1' },
  ]
  const history = async (node: Node) => {
    await publish(node, 'users/ada/inbox', 'u1')
    await publish(node, 'news', 'n1', 'n2')
    await publish(node, 'chat', 'c1')
  }

  test.each<[text: string, expected: readonly string[]]>([
    ['topic=users/ada/**&consumer=main', ['u1']],
    ['topic=news&consumer=main', ['n2']],
    ['topic=chat&consumer=main', []],
    ['topic=users/**&topic=news&consumer=main', ['u1', 'n1', 'n2']],
    ['topic=**&consumer=main', []],
    ['topic=users/ada/**&consumer=main&since=now', []],
    ['topic=chat&consumer=main&since=earliest', ['c1']],
    ['topic=users/ada/**', []],
  ])('%s begins with %j', async (text, expected) => {
    const node = createWorld().node({ rules: { startAt: rules } })
    await history(node)
    const { client } = await open(node, text)
    expect(datas(client)).toEqual(expected)
    expect(client.control('gap')).toEqual([])
  })

  test('change while nodes run, on all of them', async () => {
    const world = createWorld()
    const [one, other] = [world.node(), world.node()]
    await history(one)
    await one.tide.rules.startAt.replace(rules)
    await settle(40)
    const { client } = await open(other, 'topic=users/ada/**&consumer=main')
    expect(datas(client)).toEqual(['u1'])
  })

  test.each([
    [{ pattern: 'a//b', startAt: 'now' }],
    [{ pattern: 'a', startAt: 'soon' }],
    [{ pattern: 'a', startAt: 7 }],
    [{ pattern: 'a' }],
  ])('that cannot hold are refused: %j', async (rule) => {
    const { tide } = createWorld().node()
    await expect(tide.rules.startAt.replace([rule as never])).rejects.toMatchObject({
      code: 'RULE_INVALID',
    })
  })
})

describe('a request with a consumer', () => {
  test('of nobody in particular is refused', async () => {
    const { tide } = createWorld().node()
    const opened = tide.open(new TestClient().connect(), query('topic=a&consumer=main'))
    await expect(opened).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  test.each(['', 'a b', 'ä', 'a/b', 'x'.repeat(65)])('named %j is refused', (name) => {
    const body = () => parseSubscriptionBody({ topics: ['a'], consumer: name })
    expect(body).toThrow(expect.objectContaining({ code: 'CONSUMER_INVALID' }))
    expect(() => query(`topic=a&consumer=${encodeURIComponent(name)}`)).toThrow(
      expect.objectContaining({ code: 'CONSUMER_INVALID' }),
    )
  })

  test('beyond what the log keeps is refused, and those that are there go on', async () => {
    let isFull = false
    const world = createWorld((log) =>
      wrapLog(log, {
        append: (batch) =>
          isFull && batch.events.some(({ topic }) => topic === '$hub/state/consumers')
            ? Promise.reject(Object.assign(new Error('full'), { code: 'LEDGER_FULL' }))
            : log.append(batch),
      }),
    )
    const node = world.node()
    const first = await open(node, 'topic=a&consumer=one')
    isFull = true
    await expect(open(node, 'topic=a&consumer=two')).rejects.toMatchObject({
      code: 'CONSUMERS_FULL',
    })
    await publish(node, 'a', '1')
    expect(datas(first.client)).toEqual(['1'])
    expect(node.tide.sessionCount).toBe(1)
  })
})

describe('the consumers of a user', () => {
  test('are listed, with their cursors', async () => {
    const world = createWorld()
    const node = world.node()
    await open(node, 'topic=a&consumer=phone')
    await open(node, 'topic=a&consumer=tablet')
    await open(node, 'topic=a&consumer=phone', { user: 'bob' })
    const list = await world.node().tide.consumers({ user: 'ada' }).list()
    expect(list).toEqual([
      { name: 'phone', cursor: expect.any(String), seenAt: world.clock.now() },
      { name: 'tablet', cursor: expect.any(String), seenAt: world.clock.now() },
    ])
  })

  test('are set back, which ends the open stream, and the next device begins there', async () => {
    const world = createWorld()
    const node = world.node()
    await publish(node, 'a', '1', '2')
    const phone = await open(node, 'topic=a&consumer=main')
    await world.node().tide.consumers({ user: 'ada' }).reset('main', { since: 'earliest' })
    await settle(40)
    expect(phone.client.control('bye')).toMatchObject([{ reason: 'replaced' }])
    const tablet = await open(node, 'topic=a&consumer=main')
    expect(datas(tablet.client)).toEqual(['1', '2'])
    const cursor = tablet.client.published[0]?.id ?? ''
    await node.tide.consumers({ user: 'ada' }).reset('main', { cursor })
    const third = await open(node, 'topic=a&consumer=main')
    expect(datas(third.client)).toEqual(['2'])
    await node.tide.consumers({ user: 'ada' }).reset('main', { since: 'now' })
    const fourth = await open(node, 'topic=a&consumer=main')
    expect(datas(fourth.client)).toEqual([])
  })

  test('are deleted for good: the open stream goes on, and is kept no more', async () => {
    const world = createWorld()
    const node = world.node()
    const { client } = await open(node, 'topic=a&consumer=main')
    const consumers = node.tide.consumers({ user: 'ada' })
    await consumers.delete('main')
    await publish(node, 'a', '1')
    await look(node, 4)
    expect(datas(client)).toEqual(['1'])
    expect(await consumers.list()).toEqual([])
    await expect(consumers.delete('main')).rejects.toMatchObject({ code: 'CONSUMER_UNKNOWN' })
  })

  describe('while an older place of theirs is on its way to the log', () => {
    interface Late {
      readonly node: Node
      readonly phone: TestClient
      readonly consumers: ReturnType<Tidemark['consumers']>
      /** The older place arrives. */
      readonly arrive: () => Promise<void>
    }

    /** A place that was sent, and is not in the log yet. With `isLost` nobody hears that it has arrived. */
    async function sendPlace(isLost: boolean): Promise<Late> {
      let held: (() => void) | undefined
      let isHolding = false
      const world = createWorld((log) =>
        wrapLog(log, {
          append: async (batch) => {
            if (!isHolding) return log.append(batch)
            isHolding = false
            await new Promise<void>((resolve) => (held = resolve))
            const positions = await log.append(batch)
            if (isLost) throw new LogError('LOG_UNAVAILABLE', 'The answer was lost.')
            return positions
          },
        }),
      )
      const node = world.node()
      const phone = await open(node, 'topic=a&consumer=main')
      await publish(node, 'a', '1', '2')
      await look(node, 1)
      isHolding = true
      await look(node, 1)
      expect(held).toBeDefined()
      const arrive = async (): Promise<void> => {
        held?.()
        await settle(40)
        await look(node, 3)
      }
      return {
        node,
        phone: phone.client,
        consumers: world.node().tide.consumers({ user: 'ada' }),
        arrive,
      }
    }

    test.each([false, true])('are set back all the same (its answer lost: %s)', async (isLost) => {
      const { node, phone, consumers, arrive } = await sendPlace(isLost)
      const { cursor } = await consumers.reset('main', { since: 'earliest' })
      await settle(40)
      await arrive()
      expect(phone.control('bye')).toMatchObject([{ reason: 'replaced' }])
      expect(await consumers.list()).toMatchObject([{ name: 'main', cursor }])
      const tablet = await open(node, 'topic=a&consumer=main')
      expect(datas(tablet.client)).toEqual(['1', '2'])
    })

    test.each([false, true])('are deleted all the same (its answer lost: %s)', async (isLost) => {
      const { consumers, arrive } = await sendPlace(isLost)
      await consumers.delete('main')
      await settle(40)
      await arrive()
      expect(await consumers.list()).toEqual([])
    })
  })

  test.each<[place: unknown]>([
    [{}],
    [{ since: 'soon' }],
    [{ since: '-10' }],
    [{ cursor: 'x' }],
    [{ since: 'now', cursor: 'x' }],
  ])('are not set to %j', async (place) => {
    const { tide } = createWorld().node()
    const reset = tide.consumers({ user: 'ada' }).reset('main', place as never)
    await expect(reset).rejects.toMatchObject({ code: 'CONSUMER_INVALID' })
  })
})
