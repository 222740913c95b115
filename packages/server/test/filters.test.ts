// A filter and a grant hide the same events whichever way these take to their reader, and no others.

import { memoryLog } from '@tidemark/log'
import type { EventLog, Page } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { describeRequest } from '../src/fetch/describe-request.ts'
import { parseSubscriptionBody, parseSubscriptionQuery } from '../src/hub/index.ts'
import { ServerError, createTidemark } from '../src/index.ts'
import type { Grant, PublishInput, SessionHandle, Tidemark, TidemarkOptions } from '../src/index.ts'
import { filterCharactersMax, filterTermsMax } from '../src/request/limits.ts'
import { readGrant } from '../src/request/read-grant.ts'
import { holderOf } from '../src/session/session-holder.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'
import { wrapLog } from './support/wrap-log.ts'

/** Each combination once; the data is its number. */
const events: readonly PublishInput[] = [undefined, 'paid', 'sent']
  .flatMap((type) =>
    [undefined, 'k1', 'k2'].flatMap((key) =>
      [{}, { region: 'eu' }, { region: 'us', tier: 'gold' }].flatMap((tags) =>
        [undefined, 'staff', 'ops'].map((permission) => ({ type, key, tags, permission })),
      ),
    ),
  )
  .map((event, i) => ({ ...event, data: String(i) }))

type IsLet = (event: PublishInput) => boolean

interface Reader {
  readonly name: string
  /** As a query and as a body. */
  readonly asked: readonly [query: string, body: object]
  readonly wants: IsLet
  readonly grant: Grant
  readonly lets: IsLet
}

const isOf = (region: string, { tags }: PublishInput): boolean => tags?.['region'] === region

const plain: Reader = {
  name: 'without filter and permission',
  asked: ['', {}],
  wants: () => true,
  grant: {},
  lets: ({ permission }) => permission === undefined,
}

const ofTypes: Reader = {
  name: 'that asks for types',
  asked: ['&types=paid,message', { types: ['message', 'paid'] }],
  wants: ({ type = 'message' }) => type !== 'sent',
  grant: { permissions: ['ops', 'staff'] },
  lets: () => true,
}

const readers: readonly Reader[] = [
  plain,
  ofTypes,
  {
    name: 'that asks for keys and tags',
    asked: ['&keys=k1&where=region:eu|us', { keys: ['k1'], where: { region: ['eu', 'us'] } }],
    wants: (event) => event.key === 'k1' && (isOf('eu', event) || isOf('us', event)),
    grant: { permissions: ['staff'] },
    lets: ({ permission = 'staff' }) => permission === 'staff',
  },
  {
    name: 'whose grant names a tag',
    asked: ['', {}],
    wants: () => true,
    grant: { where: { region: 'eu' }, permissions: ['ops'] },
    lets: (event) => isOf('eu', event) && (event.permission ?? 'ops') === 'ops',
  },
  {
    name: 'that asks for more than its grant lets through',
    asked: [
      '&where=region:eu|us&where=tier:gold',
      { where: { tier: 'gold', region: ['us', 'eu'] } },
    ],
    wants: (event) => event.tags?.['tier'] === 'gold',
    grant: { where: { region: ['us', 'de'] } },
    lets: (event) => isOf('us', event) && event.permission === undefined,
  },
  {
    name: 'that asks for what its grant hides',
    asked: ['&where=region:us', { where: { region: 'us' } }],
    wants: (event) => isOf('us', event),
    grant: { where: { region: 'eu' }, permissions: ['staff'] },
    lets: (event) => isOf('eu', event) && (event.permission ?? 'staff') === 'staff',
  },
]

interface Bench {
  readonly tide: Tidemark
  readonly log: EventLog
  readonly clock: FakeClock
  readonly client: TestClient
  readonly reader: Reader
  /** Opens the stream of the reader. */
  readonly open: (options?: {
    since?: string
    topic?: string
    label?: string
    grant?: Grant
  }) => Promise<SessionHandle>
}

function create(reader: Reader, options: Partial<TidemarkOptions> = {}): Bench {
  const clock = createFakeClock()
  const { log = memoryLog({ clock }) } = options
  const authorize = (): Grant => grantOf(reader)
  const tide = createTidemark({ log, clock, authorize, ...options })
  onTestFinished(() => tide.close())
  const client = new TestClient()
  let isByQuery = readers.indexOf(reader) % 2 === 0
  return {
    tide,
    log,
    clock,
    client,
    reader,
    async open({ since = 'now', topic = 'a', label, grant = grantOf(reader) } = {}) {
      const [query, body] = reader.asked
      isByQuery = !isByQuery
      const subscription = isByQuery
        ? parseSubscriptionQuery(
            new URLSearchParams(`topic=${topic}&since=${since}${query}`),
            client.lastEventId,
          )
        : parseSubscriptionBody({ topics: [topic], since, ...body }, client.lastEventId)
      const granted = { owner: holderOf(readGrant(grant), { label }) }
      const session = await tide.openGranted(client.connect(), subscription, granted)
      await settle()
      return session
    },
  }
}

const grantOf = ({ grant }: Reader): Grant => ({ user: 'ada', subscribe: ['a', 'b'], ...grant })

async function publishEvents(tide: Tidemark, list = events): Promise<string> {
  const { cursor } = await tide.publishAll(list.map((event) => ({ topic: 'a', ...event })))
  await settle(3)
  return cursor
}

const dataOf = (list: readonly { readonly data: unknown }[]): unknown[] =>
  list.map(({ data }) => data)

interface Path {
  /** Brings the reader the events, and resolves to those that it got. */
  readonly take: (bench: Bench) => Promise<readonly { readonly data: unknown }[]>
  readonly options?: Partial<TidemarkOptions>
  /** A history knows nothing of what a stream asks for. */
  readonly isOfGrantAlone?: boolean
}

const paths: Readonly<Record<string, Path>> = {
  'live, all in one flush': {
    async take({ tide, client, open }) {
      await open()
      await publishEvents(tide)
      return client.published
    },
  },
  'live, one by one': {
    async take({ tide, client, open }) {
      await open()
      for (const event of events) await publishEvents(tide, [event])
      return client.published
    },
  },
  'published later': {
    async take({ tide, client, clock, open }) {
      await open()
      for (const event of events) {
        const adding = tide.schedule.add('a', event, { delayMs: 1_000 })
        await settle(2)
        const { id, permission, tags } = await adding
        expect({ permission, tags: tags ?? {} }).toEqual({
          permission: event.permission,
          tags: event.tags,
        })
        clock.advance(2_000)
        await expect.poll(() => tide.schedule.find(id).catch(() => 'out')).toBe('out')
        await settle(2)
      }
      return client.published
    },
  },
  'from memory': {
    async take({ tide, client, open }) {
      await tide.ready
      await publishEvents(tide)
      await open({ since: 'earliest' })
      return client.published
    },
  },
  'from pages of the log': {
    async take({ tide, client, log, reader }) {
      await publishEvents(tide)
      const other = create(reader, { log })
      await other.open({ since: 'earliest' })
      await settle(5)
      expect(client.events).toEqual([])
      return other.client.published
    },
  },
  'after a cut, by its last id': {
    async take({ tide, client, open }) {
      await open()
      await publishEvents(tide, events.slice(0, 30))
      client.connection?.cut()
      await publishEvents(tide, events.slice(30))
      await open()
      await settle(3)
      return client.published
    },
  },
  'of topics that are added': {
    async take({ tide, client, open }) {
      const session = await open({ topic: 'b' })
      const from = tide.liveCursor
      await publishEvents(tide, events.slice(0, 40))
      await session.changeTopics({ add: ['a'], from })
      await settle(5)
      await publishEvents(tide, events.slice(40))
      return client.published
    },
  },
  'as a laggard, by the rules for backlogs': {
    options: { rules: { lag: [{ pattern: 'other', whenLagging: 'drop' }] } },
    async take({ tide, client, clock, open }) {
      await open()
      client.connection?.block()
      // Its beat is what its socket takes no more behind.
      clock.advance(20_000)
      await publishEvents(tide, events.slice(0, 30))
      await publishEvents(tide, events.slice(30))
      expect(tide.stats().now.lagging).toBe(1)
      client.connection?.unblock()
      await settle(5)
      return client.published
    },
  },
  'of the history': {
    isOfGrantAlone: true,
    async take({ tide }) {
      await publishEvents(tide)
      const by = describeRequest(new Request('http://localhost/topics/a'))
      const got: { readonly data: string }[] = []
      let page = await tide.history({ topic: 'a', by, limit: 2 })
      while (page.records.length > 0) {
        expect(page.records.length).toBeLessThanOrEqual(2)
        got.push(...page.records)
        page = await tide.history({ topic: 'a', by, limit: 2, after: page.next })
      }
      return got
    },
  },
  'sent to the session alone': {
    async take({ client, open }) {
      const session = await open()
      for (const event of events) {
        const before = client.published.length
        const isSent = await session.send(event)
        expect(client.published.length - before).toBe(isSent ? 1 : 0)
      }
      return client.published
    },
  },
  'sent to the session from another node': {
    async take({ client, log, open, reader }) {
      const { id } = await open()
      const other = create(reader, { log }).tide
      for (const event of events) {
        const sending = other.reach(id).send(event)
        await settle(4)
        await sending
      }
      return client.published
    },
  },
  'sent to everyone': {
    async take({ tide, client, open }) {
      await open()
      for (const event of events) {
        const before = client.published.length
        const { sessions } = await tide.send({ everyone: true }, event)
        expect(client.published.length - before).toBe(sessions ? 1 : 0)
      }
      return client.published
    },
  },
  'sent to those with a label, from another node': {
    async take({ client, log, open, reader }) {
      await open({ label: 'kitchen' })
      const other = create(reader, { log }).tide
      for (const event of events) {
        const sending = other.send({ label: 'kitchen' }, event)
        await settle(4)
        await sending
      }
      return client.published
    },
  },
  'after a renewal that gives it this grant': {
    async take({ tide, client, open, reader }) {
      const all = { user: 'ada', subscribe: ['a'], permissions: ['ops', 'staff'] }
      const session = await open({ grant: all })
      await session.renew(grantOf(reader))
      await settle()
      await publishEvents(tide)
      return client.published
    },
  },
}

describe.each(Object.entries(paths))('%s', (_, { take, options, isOfGrantAlone = false }) => {
  test.each(readers.map((reader) => [reader.name, reader] as const))(
    'a reader %s gets what is for it, in order, and nothing else',
    async (__, reader) => {
      const got = await take(create(reader, options))
      const wanted = events.filter(
        (event) => reader.lets(event) && (isOfGrantAlone || reader.wants(event)),
      )
      expect(dataOf(got)).toEqual(dataOf(wanted))
    },
  )
})

describe('sessions with filters', () => {
  const follow = async (tide: Tidemark, body: object, grant?: Grant): Promise<TestClient> => {
    const client = new TestClient()
    const subscription = parseSubscriptionBody({ topics: ['a'], ...body }, client.lastEventId)
    const owner = holderOf(readGrant({ subscribe: ['a'], ...grant }), {})
    await tide.openGranted(client.connect(), subscription, { owner })
    await settle()
    return client
  }

  test('share their blocks where they let the same through, however they were asked for', async () => {
    const { tide } = create(plain)
    const clients = [
      await follow(tide, { where: { region: ['us', 'eu'], tier: 'gold' }, types: ['b', 'a'] }),
      await follow(tide, {
        types: ['a', 'b', 'a'],
        where: { tier: ['gold'], region: ['eu', 'us'] },
      }),
      await follow(
        tide,
        { types: ['a', 'b'], where: { region: ['eu', 'us', 'de'] } },
        { where: { tier: 'gold', region: ['us', 'eu', 'fr'] } },
      ),
    ]
    expect(tide.stats().now.audiences).toBe(1)
    await follow(tide, { types: ['a'], where: { region: ['us', 'eu'], tier: 'gold' } })
    await follow(tide, {})
    expect(tide.stats().now.audiences).toBe(3)
    const tags = { region: 'us', tier: 'gold' }
    const { sessions } = await tide.publish('a', { type: 'b', data: 'one', tags })
    await settle()
    expect(clients.map((client) => dataOf(client.published))).toEqual([['one'], ['one'], ['one']])
    expect(sessions).toBe(4)
    for (const client of clients) client.connection?.cut()
    expect(tide.stats().now.audiences).toBe(2)
  })

  test('stand behind what was hidden from them: their beat says so, and they come back there', async () => {
    const { tide, clock } = create(plain)
    const client = await follow(tide, { types: ['paid'] })
    const { cursor } = await tide.publish('a', { type: 'sent', data: 'hidden' })
    await settle()
    clock.advance(20_000)
    expect(client.published).toEqual([])
    expect(client.events.at(-1)).toMatchObject({ type: 'tidemark.beat', id: cursor })
  })

  test('are not sent away, nor told of a gap, for what is hidden from them', async () => {
    const lag = [
      { pattern: 'a', whenLagging: 'disconnect' },
      { pattern: 'b', whenLagging: 'drop' },
    ] as const
    const { tide, clock } = create(plain, { rules: { lag } })
    const client = await follow(
      tide,
      { topics: ['a', 'b', 'c'], types: ['paid'] },
      {
        subscribe: ['a', 'b', 'c'],
      },
    )
    client.connection?.block()
    clock.advance(20_000)
    for (const topic of ['a', 'b', 'c']) await tide.publish(topic, { type: 'sent', data: topic })
    await tide.publish('a', { type: 'paid', data: 'for others', permission: 'staff' })
    await tide.publish('c', { type: 'paid', data: 'seen' })
    await settle(2)
    client.connection?.unblock()
    await settle(5)
    expect(dataOf(client.published)).toEqual(['seen'])
    expect(client.control('gap')).toEqual([])
    expect(client.control('bye')).toEqual([])
  })

  test('keep the newest value that is for them, where a newer one of the same key is not', async () => {
    const lag = [{ pattern: 'a', whenLagging: 'conflate' }] as const
    const { tide, clock } = create(plain, { rules: { lag } })
    const client = await follow(tide, {}, { where: { region: 'eu' } })
    client.connection?.block()
    clock.advance(20_000)
    for (const [data, region] of [
      ['1', 'eu'],
      ['2', 'eu'],
      ['3', 'us'],
    ] as const)
      await tide.publish('a', { key: 'k', data, tags: { region } })
    await settle(2)
    client.connection?.unblock()
    await settle(5)
    expect(dataOf(client.published)).toEqual(['2'])
  })

  test('lose at once what a renewal takes, also of pages that were read before it', async () => {
    const clock = createFakeClock()
    const log = memoryLog({ clock })
    let untilHeld = Infinity
    let release: (() => void) | undefined
    const held = wrapLog(log, {
      async read(query): Promise<Page> {
        const page = await log.read(query)
        untilHeld -= 1
        if (untilHeld === 0) await new Promise<void>((resolve) => (release = resolve))
        return page
      },
    })
    const lag = [{ pattern: 'b', whenLagging: 'drop' }] as const
    const tide = createTidemark({ log: held, clock, authorize: () => ({}), rules: { lag } })
    onTestFinished(() => tide.close())
    const client = new TestClient()
    const owner = holderOf(readGrant({ subscribe: ['a'], permissions: ['staff'] }), {})
    const subscription = parseSubscriptionBody({ topics: ['a'] })
    const session = await tide.openGranted(client.connect(), subscription, { owner })
    await settle()
    client.connection?.block()
    clock.advance(20_000)
    // More than memory holds, and more than a page.
    for (let i = 0; i < 2; i++) {
      await tide.publishAll(
        Array.from({ length: 700 }, (_, j) => ({
          topic: 'a',
          data: String(i * 700 + j),
          permission: (['staff', 'ops', 'ops'] as const)[j % 4],
        })),
      )
    }
    await settle(3)
    // Half of a page is hidden anyway, so the backlog goes on to the next one.
    untilHeld = 2
    client.connection?.unblock()
    await expect.poll(() => release).toBeDefined()
    await session.renew({ subscribe: ['a'] })
    release?.()
    await expect.poll(() => client.published.length).toBe(350)
    expect(dataOf(client.published).every((data) => Number(data) % 4 === 3)).toBe(true)
  })

  test('that wait for another topic set take a filter along that comes meanwhile', async () => {
    const { tide, client, open } = create(ofTypes)
    const grant = { user: 'ada', subscribe: ['a', 'b'] }
    const session = await open({ grant })
    const changing = session.changeTopics({ add: ['b'] })
    const renewing = session.renew({ ...grant, where: { region: 'eu' } })
    await Promise.all([changing, renewing])
    await settle(2)
    for (const region of ['eu', 'us'])
      await tide.publish('b', { type: 'paid', data: region, tags: { region } })
    await settle(2)
    expect(dataOf(client.published)).toEqual(['eu'])
    await session.renew(grant)
    await tide.publish('b', { type: 'paid', data: 'us again', tags: { region: 'us' } })
    await settle(2)
    expect(dataOf(client.published)).toEqual(['eu', 'us again'])
  })
})

describe('a receipt', () => {
  test('counts the sessions that get an event at least, and no others', async () => {
    const { tide } = create(plain)
    const open = async (body: object, permissions?: readonly string[]): Promise<void> => {
      const owner = holderOf(readGrant({ subscribe: ['a'], permissions }), {})
      const subscription = parseSubscriptionBody({ topics: ['a'], ...body })
      await tide.openGranted(new TestClient().connect(), subscription, { owner })
    }
    await open({})
    await open({}, ['staff'])
    await open({}, ['ops', 'staff'])
    await open({ types: ['paid'] }, ['staff'])
    const count = async (...list: readonly Partial<PublishInput>[]): Promise<number> => {
      const { sessions } = await tide.publishAll(
        list.map((event) => ({ topic: 'a', data: '', ...event })),
      )
      return sessions
    }
    expect(await count({})).toBe(3)
    expect(await count({ type: 'paid' })).toBe(4)
    expect(await count({ permission: 'staff' })).toBe(2)
    expect(await count({ permission: 'ops', type: 'paid' })).toBe(1)
    expect(await count({ permission: 'ops' }, { permission: 'staff', type: 'paid' })).toBe(3)
    expect(await count({ permission: 'ops' }, {}, { type: 'paid', permission: 'staff' })).toBe(4)
    expect(await count({ permission: 'none' })).toBe(0)
  })
})

describe('a filter is refused', () => {
  const long = 'x'.repeat(filterCharactersMax + 1)
  const many = Array.from({ length: filterTermsMax + 1 }, (_, i) => `k${i}`)

  test.each<[string, string | undefined, object]>([
    ['that names no type', 'types=', { types: [] }],
    ['with a key that is empty', 'keys=a,,b', { keys: ['a', ''] }],
    ['whose types are no texts', undefined, { types: [1] }],
    ['whose keys are no list', undefined, { keys: 'k1' }],
    ['whose tags are a list', undefined, { where: ['region:eu'] }],
    ['whose tags are null', undefined, { where: null }],
    ['of a tag that is no text', undefined, { where: { region: 7 } }],
    ['of a tag without a value', 'where=region', { where: { region: [] } }],
    ['of a tag without a name', 'where=:eu', { where: { '': 'eu' } }],
    ['of one tag twice', 'where=region:eu&where=region:us', { where: { region: [['eu']] } }],
    ['of half a character', undefined, { keys: ['\ud800'] }],
    ['that is too long', `keys=${long}`, { keys: [long] }],
    [
      'that is too long with all its parts',
      `types=${long.slice(8)}&where=region:eu`,
      {
        types: [long.slice(8)],
        where: { region: 'eu' },
      },
    ],
    ['of too many texts', `keys=${many.join(',')}`, { keys: many }],
    ['of too many values', `where=region:${many.join('|')}`, { where: { region: many } }],
  ])('%s', (_, query, body) => {
    const codes = [
      () => parseSubscriptionBody({ topics: ['a'], ...body }),
      ...(query === undefined
        ? []
        : [() => parseSubscriptionQuery(new URLSearchParams(`topic=a&${query}`))]),
    ].map((parse) => codeOf(parse))
    expect(new Set(codes)).toEqual(new Set(['FILTER_INVALID']))
    const { where } = body as { where?: unknown }
    if (where === undefined || 'types' in body) return
    expect(codeOf(() => readGrant({ where }))).toBe('OPTION_INVALID')
  })

  test('but not one of as many and as long texts as there may be', () => {
    const keys = many.slice(1)
    const most = [...keys.slice(1), long.slice(keys.slice(1).join('').length + 1)]
    const { filter } = parseSubscriptionBody({ topics: ['a'], keys: most })
    expect(most.join('')).toHaveLength(filterCharactersMax)
    expect(most).toHaveLength(filterTermsMax)
    expect(most.every((key) => filter?.matches({ key }))).toBe(true)
  })

  test('and where it says nothing, it is none', () => {
    expect(parseSubscriptionBody({ topics: ['a'], where: {} }).filter).toBeUndefined()
    expect(readGrant({ where: {} }).where).toBeUndefined()
  })

  test('and a grant keeps a copy that nobody can change', () => {
    const where = { region: ['eu'] }
    const grant = readGrant({ where })
    where.region.push('us')
    expect(grant.where).toEqual({ region: ['eu'] })
    expect(() => (grant.where as { region: string[] }).region.push('us')).toThrow(TypeError)
    const { filter } = holderOf(grant, {}).rights ?? {}
    expect(filter?.matches({ tags: { region: 'us' } })).toBe(false)
    // A member that an object has from elsewhere is no tag.
    expect(holderOf({ where: { toString: 'x' } }, {}).rights?.filter?.matches({ tags: {} })).toBe(
      false,
    )
  })
})

function codeOf(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error instanceof ServerError ? error.code : error
  }
  return 'nothing was thrown'
}
