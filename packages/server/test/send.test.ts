// One event to whoever is meant: each target, over two nodes of a log, for each kind of client.

import { matchesPattern, memoryLog, parseTopic } from '@tidemark/log'
import type { EventLog, Pattern, Topic } from '@tidemark/log'
import { createFakeClock, createRandom, waitUntil } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { controlMs } from '../src/control/limits.ts'
import { parseSubscriptionBody } from '../src/hub/index.ts'
import { createTidemark } from '../src/index.ts'
import type {
  Grant,
  PublishOptions,
  RequestFacts,
  SendTarget,
  SessionEvent,
  SessionHandle,
  Tidemark,
  TidemarkOptions,
} from '../src/index.ts'
import { overlaps } from '../src/send/overlaps.ts'
import { spreadNamesMax, spreadSessionsMax } from '../src/send/limits.ts'
import { holderOf } from '../src/session/session-holder.ts'
import { doors } from './support/doors.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'

interface Bench {
  readonly clock: FakeClock
  readonly log: EventLog
  readonly near: Tidemark
  readonly far: Tidemark
}

function start(options: Partial<TidemarkOptions> = {}): Bench {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  const create = (nodeName: string): Tidemark => {
    const tide = createTidemark({ log, clock, nodeName, ...options })
    onTestFinished(() => tide.close())
    return tide
  }
  return { clock, log, near: create('near'), far: create('far') }
}

interface Wish {
  readonly topics?: readonly string[]
  readonly label?: string
  readonly grant?: Grant
  readonly framing?: string
}

interface Opened {
  readonly client: TestClient
  readonly session: SessionHandle
}

async function open(tide: Tidemark, wish: Wish = {}): Promise<Opened> {
  const { topics = ['a'], label, grant = {}, framing } = wish
  const client = new TestClient()
  const subscription = parseSubscriptionBody({ topics, ...(framing && { framing }) })
  const granted = { owner: holderOf(grant, { label }) }
  const session = await tide.openGranted(client.connect(), subscription, granted)
  await settle(2)
  return { client, session }
}

const dataOf = ({ client }: Opened): string[] => client.published.map(({ data }) => data)

const staff = { permissions: ['staff'] }

/** A session of each kind at either node, by name. */
async function openAll({ near, far }: Bench): Promise<ReadonlyMap<string, Opened>> {
  const wishes: Readonly<Record<string, Wish>> = {
    plain: { topics: ['a'] },
    kitchen: { topics: ['a'], label: 'kitchen' },
    orders: { topics: ['orders/1'] },
    'all orders': { topics: ['orders/*'] },
    staff: { topics: ['a'], grant: staff },
    'staff in the kitchen': { topics: ['orders/2'], label: 'kitchen', grant: staff },
  }
  const opened = new Map<string, Opened>()
  for (const [name, wish] of Object.entries(wishes)) {
    opened.set(`near: ${name}`, await open(near, wish))
    opened.set(`far: ${name}`, await open(far, wish))
  }
  return opened
}

const everybody = ['plain', 'kitchen', 'orders', 'all orders', 'staff', 'staff in the kitchen']

test.each<[string, SendTarget, readonly string[]]>([
  ['a label', { label: 'kitchen' }, ['kitchen', 'staff in the kitchen']],
  ['a pattern', { pattern: 'orders/*' }, ['orders', 'all orders', 'staff in the kitchen']],
  ['a narrower pattern', { pattern: 'orders/1/**' }, []],
  ['everyone', { everyone: true }, everybody],
  ['a permission', { permission: 'staff' }, ['staff', 'staff in the kitchen']],
  [
    'everyone with a permission',
    { everyone: true, permission: 'staff' },
    ['staff', 'staff in the kitchen'],
  ],
  [
    'a label with a permission',
    { label: 'kitchen', permission: 'staff' },
    ['staff in the kitchen'],
  ],
  [
    'a pattern with a permission',
    { pattern: '**', permission: 'staff' },
    ['staff', 'staff in the kitchen'],
  ],
  ['a label that nobody has', { label: 'hall' }, []],
  ['a permission that nobody has', { permission: 'admin' }, []],
])(
  'an event to %s goes to these sessions of both nodes once, and to no other',
  async (_, to, names) => {
    const bench = start()
    const opened = await openAll(bench)
    const receipt = await bench.near.send(to, { type: 'note', data: 'x' })
    await settle(20)
    expect(receipt).toEqual({ stored: false, sessions: names.length })
    const got = [...opened].filter(([, one]) => dataOf(one).length > 0).map(([name]) => name)
    expect(got).toEqual(
      [...opened.keys()].filter((name) => names.includes(name.slice(name.indexOf(':') + 2))),
    )
    for (const one of opened.values()) expect(dataOf(one).length).toBeLessThanOrEqual(1)
  },
)

test('an event to sessions is in no history, carries no id, and moves no cursor', async () => {
  const { near } = start()
  const one = await open(near)
  await near.publish('a', { data: 'before' })
  await settle(4)
  const cursor = one.client.lastEventId
  await near.send({ everyone: true }, { data: 'now', topic: 'news' })
  await settle(4)
  expect(dataOf(one)).toEqual(['before', 'now'])
  expect(one.client.lastEventId).toBe(cursor)
  expect((await near.history({ topic: 'news' })).records).toEqual([])
})

test('an event is written as each framing says it, whatever the others asked for', async () => {
  const { near } = start()
  const plain = await open(near)
  const envelope = await open(near, { framing: 'envelope' })
  const batch = await open(near, { framing: 'batch' })
  await near.send({ everyone: true }, { data: 'x', type: 't', key: 'k' })
  await settle(4)
  expect(dataOf(plain)).toEqual(['x'])
  expect(JSON.parse(dataOf(envelope)[0] ?? '')).toMatchObject({ type: 't', key: 'k', data: 'x' })
  expect(JSON.parse(dataOf(batch)[0] ?? '')).toMatchObject([{ type: 't', data: 'x' }])
})

test('an event to a user is stored: a session that comes later gets it from the history', async () => {
  const { near, far } = start()
  const receipt = await near.user('ada').send({ data: 'hello' })
  expect(receipt).toEqual({ stored: true, cursor: expect.any(String) as string, sessions: 0 })
  const page = await far.history({ topic: 'users/ada/inbox' })
  expect(page.records.map(({ data }) => data)).toEqual(['hello'])
  await far.user('ada').send({ data: 'hello', topic: 'alerts/door' })
  expect((await far.history({ topic: 'users/ada/alerts/door' })).records).toHaveLength(1)
})

test('an event to several users is stored for all of them or for none', async () => {
  const { near } = start()
  const first = await open(near, { topics: ['users/ada/**'] })
  await near.send({ users: ['ada', 'bob', 'ada'] }, { data: 'x' })
  await settle(4)
  expect(dataOf(first)).toEqual(['x'])
  expect((await near.history({ topic: 'users/bob/inbox' })).records).toHaveLength(1)
  const refusal = expect.objectContaining({ code: 'USER_INVALID' })
  await expect(near.send({ users: ['bob', 'a/b'] }, { data: 'y' })).rejects.toEqual(refusal)
  expect((await near.history({ topic: 'users/bob/inbox' })).records).toHaveLength(1)
})

const tenThousand = Array.from({ length: 10_000 }, (_, i) => `u${i}`)

test('an event to ten thousand users is looked at once, and all of them get it', async () => {
  const { near } = start()
  let looks = 0
  const data = { toJSON: () => ((looks += 1), { text: 'x'.repeat(89) }) }
  const receipt = await near.send({ users: tenThousand }, { data })
  expect(receipt).toMatchObject({ stored: true })
  expect(looks).toBe(1)
  const page = await near.history({ topic: 'users/u9999/inbox' })
  expect(page.records.map((record) => record.data)).toEqual([`{"text":"${'x'.repeat(89)}"}`])
})

test.each<[string, SessionEvent]>([
  ['much data', { data: 'x'.repeat(1024 * 1024) }],
  ['a little too much data', { data: 'é'.repeat(420) }],
  ['tags', { data: '', tags: { a: 'x'.repeat(256), b: 'y'.repeat(256), c: 'é'.repeat(200) } }],
])('an event with %s is refused where its copies would fill the log', async (_, event) => {
  const { near, log } = start({ authorize: () => ({ publish: ['users/**'] }) })
  const { head } = await log.bounds()
  const refusal = expect.objectContaining({ code: 'EVENT_TOO_LARGE' })
  await expect(near.send({ users: tenThousand }, event, { by })).rejects.toEqual(refusal)
  expect((await log.bounds()).head).toEqual(head)
  const few = near.send({ users: tenThousand.slice(0, 5) }, event, { by })
  await expect(few).resolves.toMatchObject({ stored: true })
})

test('a retried event to a user is stored once', async () => {
  const { near } = start()
  const options = { idempotencyKey: 'once' }
  const first = await near.send({ user: 'ada' }, { data: 'x' }, options)
  const second = await near.send({ user: 'ada' }, { data: 'x' }, options)
  expect(second).toMatchObject({ cursor: (first as { cursor: string }).cursor })
  expect((await near.history({ topic: 'users/ada/inbox' })).records).toHaveLength(1)
})

test('a topic is published to, and a session of another node is reached', async () => {
  const { near, far } = start()
  const one = await open(far)
  expect(await near.send({ topic: 'a' }, { data: 'x' })).toMatchObject({ stored: true })
  expect(await near.send({ session: one.session.id }, { data: 'y' })).toEqual({
    stored: false,
    sessions: 1,
  })
  await settle(4)
  expect(dataOf(one)).toEqual(['x', 'y'])
})

test('ten thousand sessions are no stall: live events have their turns in between, and two sends keep their order', async () => {
  const { near } = start({ sessionsMax: 20_000 })
  const opened: Opened[] = []
  const count = spreadSessionsMax * 4
  for (let i = 0; i < count; i++) {
    const client = new TestClient()
    const session = await near.open(client.connect(), parseSubscriptionBody({ topics: ['a'] }))
    opened.push({ client, session })
  }
  await settle(10)
  const sends = [
    near.send({ everyone: true }, { data: '1' }),
    near.send({ pattern: 'a/**' }, { data: 'nobody' }),
    near.send({ pattern: '*' }, { data: '2' }),
  ]
  let turns = 0
  let isDone = false
  const all = Promise.all(sends).then((receipts) => {
    isDone = true
    return receipts.map(({ sessions }) => sessions)
  })
  // oxlint-disable-next-line no-unmodified-loop-condition -- set by the promise
  while (!isDone) {
    await settle(1)
    turns += 1
  }
  expect(await all).toEqual([count, 0, count])
  expect(turns).toBeGreaterThan(8)
  for (const one of opened) expect(dataOf(one)).toEqual(['1', '2'])
})

test('an event to everyone is encoded once, also where each stream follows other topics than those of its URL', async () => {
  const { near } = start()
  let packings = 0
  const pack = (text: string): string => {
    packings += 1
    return text
  }
  const opened: Opened[] = []
  for (let i = 0; i < 100; i++) {
    const client = new TestClient()
    const asked = parseSubscriptionBody({ topics: ['a'], compress: 'event' })
    const framing = asked.framing.packing(pack)
    const session = await near.open(client.connect(), { ...asked, framing })
    await session.changeTopics({ add: [`t/${i}`] })
    opened.push({ client, session })
  }
  await settle(4)
  const data = 'x'.repeat(2_000)
  expect(await near.send({ everyone: true }, { data })).toMatchObject({ sessions: 100 })
  for (const one of opened) expect(dataOf(one)).toEqual([data])
  expect(packings).toBe(1)
})

test('sets of many names end a portion early', async () => {
  const { near } = start()
  const names = 1_000
  for (let i = 0; i < spreadNamesMax / names + 5; i++) {
    const topics = Array.from({ length: names }, (_, j) => `t/${i}/${j}`)
    await near.open(new TestClient().connect(), parseSubscriptionBody({ topics }))
  }
  await settle(10)
  let turns = 0
  let isDone = false
  const sent = near.send({ pattern: 'none/*' }, { data: 'x' }).finally(() => (isDone = true))
  // oxlint-disable-next-line no-unmodified-loop-condition -- set by the promise
  while (!isDone) {
    await settle(1)
    turns += 1
  }
  expect(await sent).toEqual({ stored: false, sessions: 0 })
  expect(turns).toBeGreaterThan(1)
})

test('a socket that takes nothing is not counted, and nothing waits for it', async () => {
  const { near } = start()
  const one = await open(near)
  const other = await open(near)
  one.client.connection?.block()
  await near.publish('a', { data: 'fills the socket' })
  await settle(4)
  expect(await near.send({ everyone: true }, { data: 'x' })).toEqual({ stored: false, sessions: 1 })
  expect(dataOf(other)).toContain('x')
})

test('a node that hears of an event when its time is over writes it to nobody', async () => {
  const { near, far, clock, log } = start()
  const one = await open(far)
  const deadline = clock.now() - 1
  const head = {
    id: 'x'.repeat(22),
    from: 'near',
    deadline,
    command: { name: 'spread', to: {}, event: {} },
  }
  const late = { topic: parseTopic('$hub/control'), type: 'request', key: '*' }
  await log.append({ events: [{ ...late, data: `${JSON.stringify(head)}\nlate` }] })
  const inTime = { ...head, id: 'y'.repeat(22), deadline: clock.now() + controlMs }
  await log.append({ events: [{ ...late, data: `${JSON.stringify(inTime)}\nin time` }] })
  await log.append({ events: [{ ...late, data: `${JSON.stringify(inTime)}\nin time` }] })
  await settle(10)
  expect(dataOf(one)).toEqual(['in time'])
  expect(near.sessionCount).toBe(0)
})

test.each<[string, unknown, string]>([
  ['nobody', {}, 'TARGET_INVALID'],
  ['no target at all', undefined, 'TARGET_INVALID'],
  ['a text', 'kitchen', 'TARGET_INVALID'],
  ['a list', ['kitchen'], 'TARGET_INVALID'],
  ['two targets', { label: 'a', user: 'b' }, 'TARGET_INVALID'],
  ['a user with a permission', { user: 'b', permission: 'staff' }, 'TARGET_INVALID'],
  ['a member that there is not', { lable: 'a' }, 'TARGET_INVALID'],
  ['everyone but not quite', { everyone: 'yes' }, 'TARGET_INVALID'],
  ['an empty label', { label: '' }, 'TARGET_INVALID'],
  ['a label that is a number', { label: 5 }, 'TARGET_INVALID'],
  ['a label of 257 characters', { label: 'x'.repeat(257) }, 'TARGET_INVALID'],
  ['no users', { users: [] }, 'TARGET_INVALID'],
  ['users that are no list', { users: 'ada' }, 'TARGET_INVALID'],
  ['10,001 users', { users: Array.from({ length: 10_001 }, (_, i) => `u${i}`) }, 'TARGET_INVALID'],
  ['a user who is a number', { users: [5] }, 'USER_INVALID'],
  ['a user who is everybody', { user: '*' }, 'USER_INVALID'],
  ['a user below another', { user: 'ada/inbox' }, 'USER_INVALID'],
  ['the hub', { user: '$hub' }, 'USER_INVALID'],
  ['a user with a line break', { user: 'a\nb' }, 'USER_INVALID'],
  ['a user whose topic is too long', { user: 'u'.repeat(250) }, 'TOPIC_INVALID'],
  ['a pattern without a wildcard', { pattern: 'a' }, 'TOPIC_INVALID'],
  ['a pattern with half a wildcard', { pattern: 'a*' }, 'TOPIC_INVALID'],
  ['a topic of the hub', { topic: '$hub/control' }, 'TOPIC_RESERVED'],
  ['a session that never was', { session: 'gone' }, 'SESSION_NOT_FOUND'],
])('an event to %s is refused, and nothing is written', async (_, to, code) => {
  const bench = start()
  const one = await open(bench.near)
  const head = (await bench.log.bounds()).head
  const refusal = expect.objectContaining({ code })
  await expect(bench.near.send(to as SendTarget, { data: 'x' })).rejects.toEqual(refusal)
  expect((await bench.log.bounds()).head).toEqual(head)
  expect(dataOf(one)).toEqual([])
})

test.each<[string, SendTarget, unknown, PublishOptions, string]>([
  ['no data', { everyone: true }, {}, {}, 'EVENT_INVALID'],
  [
    'a type of the hub’s own',
    { everyone: true },
    { data: '', type: 'tidemark.bye' },
    {},
    'EVENT_TYPE_INVALID',
  ],
  ['a topic beside the topic', { topic: 'a' }, { data: '', topic: 'b' }, {}, 'TARGET_INVALID'],
  ['a pattern below the user', { user: 'ada' }, { data: '', topic: '*' }, {}, 'TOPIC_INVALID'],
  ['a way out of the user', { user: 'ada' }, { data: '', topic: '../bob' }, {}, 'TOPIC_INVALID'],
  ['an end of what is not stored', { label: 'a' }, { data: '', ttlMs: 5_000 }, {}, 'EVENT_INVALID'],
  [
    'a key that cannot hold',
    { label: 'a' },
    { data: '' },
    { idempotencyKey: 'k' },
    'IDEMPOTENCY_KEY_INVALID',
  ],
  ['a head that it cannot have', { label: 'a' }, { data: '' }, { ifHead: 'x' }, 'TARGET_INVALID'],
])('%s is refused', async (_, ...[to, event, options, code]) => {
  const { near } = start()
  const refusal = expect.objectContaining({ code })
  await expect(near.send(to, event as SessionEvent, options)).rejects.toEqual(refusal)
})

const by: RequestFacts = {
  method: 'POST',
  url: '/send',
  address: undefined,
  header: () => undefined,
}

test.each<[string, SendTarget, string | undefined]>([
  ['a user within the grant', { user: 'ada' }, undefined],
  ['a user beyond the grant', { user: 'bob' }, 'TOPIC_FORBIDDEN'],
  ['users of whom one is beyond the grant', { users: ['ada', 'bob'] }, 'TOPIC_FORBIDDEN'],
  ['a label', { label: 'kitchen' }, 'PERMISSION_MISSING'],
  ['a pattern', { pattern: '**' }, 'PERMISSION_MISSING'],
  ['everyone', { everyone: true }, 'PERMISSION_MISSING'],
  ['a permission', { permission: 'staff' }, 'PERMISSION_MISSING'],
])(
  'a client that may publish to its own topics may send to %s, or is refused',
  async (_, to, code) => {
    const grant: Grant = { user: 'ada', publish: ['users/ada/**'], subscribe: ['**'] }
    const { near } = start({ authorize: () => grant })
    const one = await open(near, { topics: ['**'], label: 'kitchen', grant: staff })
    const sent = near.send(to, { data: 'x' }, { by })
    if (code === undefined) await expect(sent).resolves.toMatchObject({ stored: true })
    else await expect(sent).rejects.toEqual(expect.objectContaining({ code }))
    await settle(4)
    expect(dataOf(one)).toHaveLength(code === undefined ? 1 : 0)
  },
)

test('a client with the permission admin may send to everyone', async () => {
  const { near } = start({ authorize: () => ({ user: 'root', permissions: ['admin'] }) })
  const one = await open(near)
  expect(await near.send({ everyone: true }, { data: 'x' }, { by })).toEqual({
    stored: false,
    sessions: 1,
  })
  expect(dataOf(one)).toEqual(['x'])
})

test.each(doors.map((door) => [door.name, door] as const))(
  'a stream of %s gets what is sent to its label, its topics, its user and its id',
  async (_, door) => {
    const tide = createTidemark({ authorize: 'everyone' })
    const opened = await door.open(tide)
    onTestFinished(async () => {
      await tide.close()
      await opened.close()
    })
    const answer = await opened.ask({ query: '?topics=users/ada/**,b&label=kitchen' })
    await waitUntil('the stream is ready', () => answer.text.includes('tidemark.ready'))
    const [session] = tide.sessions({ label: 'kitchen' })
    await tide.send({ label: 'kitchen' }, { data: 'one' })
    await tide.send({ pattern: 'users/*/news' }, { data: 'two' })
    await tide.send({ everyone: true }, { data: 'three' })
    await tide.send({ topic: 'b' }, { data: 'four' })
    await tide.user('ada').send({ data: 'five' })
    await waitUntil('five is there', () => answer.text.includes('data: five'))
    await tide.send({ session: session?.id }, { data: 'six' })
    await waitUntil('six is there', () => answer.text.includes('data: six'))
    const data = [...answer.text.matchAll(/^data: (\w+)$/gm)].map(([, word]) => word)
    expect(data).toEqual(['one', 'two', 'three', 'four', 'five', 'six'])
    answer.leave()
  },
)

test('two names overlap where some topic is matched by both', () => {
  const random = createRandom(7)
  const segments = ['a', 'b', '*', '$hub']
  const pick = (isPattern: boolean): string => {
    const parts = Array.from(
      { length: 1 + random.int(2) },
      () => segments[random.int(isPattern ? 3 : 2)] ?? 'a',
    )
    if (isPattern && random.int(2) === 0) parts.push('**')
    if (parts[0] === '*' && random.int(3) === 0) parts[0] = '$hub'
    return parts.join('/')
  }
  const topics: string[] = []
  for (const one of ['a', 'b', '$hub'])
    for (const rest of [
      '',
      '/a',
      '/b',
      '/$hub',
      '/a/a',
      '/a/b',
      '/b/a',
      '/b/b',
      '/a/b/c',
      '/b/b/a/a',
    ])
      topics.push(one + rest)
  for (let i = 0; i < 2_000; i++) {
    const [a, b] = [pick(true), pick(random.int(1) === 0)]
    const matched = (name: string): string[] =>
      topics.filter((topic) =>
        name.includes('*') ? matchesPattern(name as Pattern, topic as Topic) : name === topic,
      )
    const common = matched(a).filter((topic) => matched(b).includes(topic))
    if (common.length > 0) expect([a, b, overlaps(a, b)]).toEqual([a, b, true])
    expect(overlaps(a, b)).toBe(overlaps(b, a))
    if (!b.includes('*') && a.includes('*'))
      expect([a, b, overlaps(a, b)]).toEqual([a, b, matchesPattern(a as Pattern, b as Topic)])
  }
})
