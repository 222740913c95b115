// How many streams a user may have open, on all nodes of a log together.

import { memoryLog } from '@tidemark/log'
import type { Clock, EventLog } from '@tidemark/log'
import { createFakeClock, createRandom, waitUntil } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { tellPauseMs } from '@tidemark/server/hub'
import { UserSessions } from '../src/hub/index.ts'
import type { UserSessionOptions } from '../src/hub/index.ts'

interface TestNode {
  readonly clock: FakeClock
  readonly sessions: UserSessions
  /** Sessions that were ended, and why. */
  readonly ended: [id: string, reason: string][]
  readonly cleared: string[]
  readonly errors: unknown[]
}

async function openNode(
  log: EventLog,
  { clock, ...options }: Partial<UserSessionOptions> & { readonly clock: FakeClock },
): Promise<TestNode> {
  const ended: [string, string][] = []
  const cleared: string[] = []
  const errors: unknown[] = []
  const sessions = await UserSessions.open(log, {
    node: 'a',
    limit: 3,
    atLimit: 'replace',
    end: (id, reason) => {
      ended.push([id, reason])
      sessions.closed(id)
    },
    clearDead: (user) => cleared.push(user),
    onError: (error) => errors.push(error),
    clock,
    ...options,
  })
  onTestFinished(() => sessions.close())
  return { clock, sessions, ended, cleared, errors }
}

/** Changes in the pause behind a record are told with the next one. */
async function untilCount(node: TestNode, count: number, user = 'ada'): Promise<void> {
  await waitUntil(`${count} sessions count`, () => {
    node.clock.advance(tellPauseMs)
    return node.sessions.count(user) === count
  })
}

/** Until everything that was written has come back: the log of these tests needs no more than turns. */
async function settle(clock: FakeClock): Promise<void> {
  for (let turn = 0; turn < 30; turn++) {
    clock.advance(turn % 10 === 0 ? tellPauseMs : 0)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function setUp() {
  const clock = createFakeClock()
  return { clock, log: memoryLog({ clock }) }
}

test('the fourth session of a user replaces the oldest, whichever node has it', async () => {
  const { clock, log } = setUp()
  const a = await openNode(log, { clock, node: 'a' })
  const b = await openNode(log, { clock, node: 'b' })
  a.sessions.opened('a.1', 'ada')
  b.sessions.opened('b.1', 'ada')
  await untilCount(b, 2)
  await untilCount(a, 2)
  a.sessions.opened('a.2', 'ada')
  await untilCount(b, 3)
  b.sessions.opened('b.2', 'ada')
  b.sessions.opened('b.3', 'grace')
  await waitUntil('the oldest is ended', () => a.ended.length === 1)
  expect([a.ended, b.ended]).toEqual([[['a.1', 'replaced']], []])
  await untilCount(a, 3)
  await untilCount(b, 3)
  b.sessions.opened('b.4', 'ada')
  await waitUntil('the oldest is ended', () => b.ended.length === 1)
  expect(b.ended).toEqual([['b.1', 'replaced']])
})

test('counts return to zero when sessions close, also one that closes before it is written', async () => {
  const { clock, log } = setUp()
  const a = await openNode(log, { clock, node: 'a' })
  for (let i = 0; i < 50; i++) {
    a.sessions.opened(`a.${i}`, `user ${i}`)
    a.sessions.closed(`a.${i}`)
  }
  a.sessions.opened('a.last', 'ada')
  await untilCount(a, 1)
  a.sessions.closed('a.last')
  await untilCount(a, 0)
  for (let i = 0; i < 50; i++) await untilCount(a, 0, `user ${i}`)
})

test('with reject the fourth is refused until one closes, and dead ones are cleared first on every node', async () => {
  const { clock, log } = setUp()
  const a = await openNode(log, { clock, node: 'a', limit: 2, atLimit: 'reject' })
  const b = await openNode(log, { clock, node: 'b', limit: 2, atLimit: 'reject' })
  a.sessions.opened('a.1', 'ada')
  a.sessions.opened('a.2', 'ada')
  await untilCount(b, 2)
  const asked = b.sessions.requireRoom('ada')
  await waitUntil('the other node looks after its own', () => a.cleared.length === 1)
  expect([a.cleared, b.cleared]).toEqual([['ada'], ['ada']])
  clock.advance(500)
  await expect(asked).rejects.toMatchObject({ code: 'TOO_MANY_SESSIONS', status: 429 })
  const again = b.sessions.requireRoom('ada')
  a.sessions.closed('a.1')
  await again
  await b.sessions.requireRoom('grace')
})

test('with reject, of two that come at once beyond the limit the later one goes', async () => {
  const { clock, log } = setUp()
  const a = await openNode(log, { clock, node: 'a', limit: 1, atLimit: 'reject' })
  await Promise.all([a.sessions.requireRoom('ada'), a.sessions.requireRoom('ada')])
  a.sessions.opened('a.1', 'ada')
  a.sessions.opened('a.2', 'ada')
  await waitUntil('one is ended', () => a.ended.length === 1)
  expect(a.ended).toEqual([['a.2', 'full']])
})

test('sessions of a node that has gone stop to count, also for a node that comes later', async () => {
  const { clock, log } = setUp()
  const a = await openNode(log, { clock, node: 'a' })
  a.sessions.opened('a.1', 'ada')
  const dead = await openNode(log, { clock, node: 'dead' })
  dead.sessions.opened('dead.1', 'ada')
  dead.sessions.opened('dead.2', 'ada')
  await untilCount(a, 3)
  // It says that it is gone, as the end of its entry would, and leaves its sessions behind.
  await dead.sessions.close()
  await untilCount(a, 1)
  const later = await openNode(log, { clock, node: 'later' })
  later.sessions.opened('later.1', 'ada')
  await untilCount(later, 2)
})

test('a node that is alone writes nothing but that it is there, whatever its users do', async () => {
  const { clock, log } = setUp()
  const a = await openNode(log, { clock, node: 'a' })
  a.sessions.opened('a.first', 'ada')
  await settle(clock)
  const before = (await log.bounds()).head
  for (let i = 0; i < 100; i++) {
    a.sessions.opened(`a.${i}`, 'ada')
    if (i % 2 === 0) a.sessions.closed(`a.${i}`)
  }
  await settle(clock)
  expect((await log.bounds()).head).toEqual(before)
  expect(a.sessions.count('ada')).toBe(3)
  expect(a.ended.map(([id]) => id).at(0)).toBe('a.first')
})

test('what opens and closes beside a record that is written goes with the next one', async () => {
  const { clock, log } = setUp()
  let records = 0
  const counted: EventLog = {
    ...bind(log),
    append: (batch) => {
      records += batch.events.length
      return log.append(batch)
    },
  }
  const a = await openNode(counted, { clock, node: 'a' })
  const b = await openNode(log, { clock, node: 'b' })
  a.sessions.opened('a.0', 'grace')
  b.sessions.opened('b.0', 'grace')
  await untilCount(a, 2, 'grace')
  await untilCount(b, 2, 'grace')
  await settle(clock)
  const before = records
  for (let i = 1; i <= 150; i++) a.sessions.opened(`a.${i}`, `user ${i}`)
  for (let i = 1; i <= 100; i++) a.sessions.closed(`a.${i}`)
  await untilCount(b, 1, 'user 150')
  expect(b.sessions.count('user 100')).toBe(0)
  expect(records).toBe(before + 1)
})

test('a node that has missed a record asks for all, and knows them a second later', async () => {
  const { clock, log } = setUp()
  const a = await openNode(log, { clock, node: 'a' })
  let isDeaf = false
  const deaf: EventLog = {
    ...bind(log),
    tail: (after, handler) =>
      log.tail(after, {
        ...handler,
        records: (records) => {
          const heard = records.filter(({ key }) => !(isDeaf && key === 'users a'))
          handler.records(heard)
        },
      }),
  }
  const b = await openNode(deaf, { clock, node: 'b' })
  b.sessions.opened('b.1', 'ada')
  a.sessions.opened('a.1', 'ada')
  a.sessions.opened('a.2', 'grace')
  await untilCount(b, 2)
  isDeaf = true
  a.sessions.opened('a.3', 'ada')
  a.sessions.closed('a.2')
  await untilCount(a, 3)
  await settle(clock)
  isDeaf = false
  expect([b.sessions.count('ada'), b.sessions.count('grace')]).toEqual([2, 1])
  a.sessions.opened('a.4', 'eve')
  await untilCount(b, 1, 'eve')
  clock.advance(1_000)
  await untilCount(b, 3)
  await untilCount(b, 0, 'grace')
})

test('a node that stood still for minutes is told of again, and has missed nothing', async () => {
  const { clock, log } = setUp()
  let isStanding = false
  const standing: EventLog = {
    ...bind(log),
    append: (batch) =>
      isStanding ? Promise.reject(new Error('it stands still')) : log.append(batch),
  }
  const a = await openNode(log, { clock, node: 'a' })
  const b = await openNode(standing, { clock, node: 'b' })
  a.sessions.opened('a.1', 'ada')
  b.sessions.opened('b.1', 'ada')
  await untilCount(a, 2)
  isStanding = true
  for (let minute = 0; minute < 4; minute++) {
    clock.advance(60_000)
    await settle(clock)
  }
  await untilCount(a, 1)
  a.sessions.opened('a.2', 'ada')
  a.sessions.closed('a.1')
  isStanding = false
  clock.advance(60_000)
  await untilCount(a, 2)
  await untilCount(b, 2)
})

test('a session that is told late is still the older one', async () => {
  const { clock, log } = setUp()
  const a = await openNode(log, { clock, node: 'a', limit: 2 })
  const b = await openNode(log, { clock, node: 'b', limit: 2 })
  a.sessions.opened('a.1', 'grace')
  b.sessions.opened('b.1', 'grace')
  await settle(clock)
  b.sessions.opened('b.2', 'ada')
  // In the pause behind a record.
  a.sessions.opened('a.2', 'eve')
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
  clock.advance(10)
  a.sessions.opened('a.3', 'ada')
  await untilCount(b, 2)
  clock.advance(10)
  b.sessions.opened('b.3', 'ada')
  await waitUntil('the oldest is ended', () => b.ended.length === 1)
  expect([a.ended, b.ended]).toEqual([[], [['b.2', 'replaced']]])
  await settle(clock)
  clock.advance(10)
  b.sessions.opened('b.4', 'ada')
  await settle(clock)
  expect([a.ended, b.ended.length]).toEqual([[['a.3', 'replaced']], 1])
})

test.each([-20_000, 20_000])(
  'a node whose clock is wrong by %i ms has no session of its own ended before its time',
  async (wrongMs) => {
    const { clock, log } = setUp()
    const wrong = createFakeClock(clock.now() + wrongMs)
    const a = await openNode(log, { clock, node: 'a', limit: 2 })
    const b = await openNode(log, { clock: wrong, node: 'b', limit: 2 })
    a.sessions.opened('a.1', 'ada')
    b.sessions.opened('b.0', 'grace')
    for (const own of [clock, wrong]) await settle(own)
    clock.advance(10)
    b.sessions.opened('b.1', 'ada')
    for (const own of [wrong, clock]) await settle(own)
    clock.advance(10)
    a.sessions.opened('a.2', 'ada')
    for (const own of [clock, wrong]) await settle(own)
    expect([a.ended, b.ended]).toEqual([[['a.1', 'replaced']], []])
  },
)

test('ten thousand sessions are told to a node that comes, and keep their order', async () => {
  const { clock, log } = setUp()
  const a = await openNode(log, { clock, node: 'a' })
  for (let i = 0; i < 10_000; i++) a.sessions.opened(`a.${i}`, i < 3 ? 'ada' : `user ${i}`)
  const b = await openNode(log, { clock, node: 'b' })
  b.sessions.opened('b.1', 'grace')
  await untilCount(b, 1, 'user 9999')
  await untilCount(b, 3)
  b.sessions.opened('b.2', 'ada')
  await waitUntil('the oldest is ended', () => a.ended.length === 1)
  expect(a.ended).toEqual([['a.0', 'replaced']])
})

describe.each(['replace', 'reject'] as const)('with %s', (atLimit) => {
  test.each(Array.from({ length: 20 }, (_, i) => i + 1))(
    'any number of nodes that come and go agree who is too many (seed %i)',
    async (seed) => {
      const random = createRandom(seed)
      const { clock, log } = setUp()
      const limit = 1 + random.int(2)
      const users = ['ada', 'grace']
      const nodes = new Map<string, TestNode>()
      /** Those that should be open, the oldest first. */
      let wanted: { readonly id: string; readonly user: string }[] = []
      const isOpen = new Set<string>()
      let count = 0
      const join = async (): Promise<void> => {
        count += 1
        const node = `n${count}`
        nodes.set(node, await openNode(log, { clock, node, limit, atLimit }))
      }
      const open = (node: string, user: string): void => {
        count += 1
        const id = `${node}.${count}`
        isOpen.add(id)
        nodes.get(node)?.sessions.opened(id, user)
        wanted.push({ id, user })
        const of = wanted.filter((session) => session.user === user)
        const gone = of.length <= limit ? undefined : atLimit === 'replace' ? of[0] : of.at(-1)
        wanted = wanted.filter((session) => session !== gone)
      }
      await join()
      for (let step = 0; step < 60; step++) {
        const node = random.pick([...nodes.keys()])
        const what = random.int(9)
        if (what === 0 && nodes.size < 4) await join()
        else if (what === 1 && nodes.size > 1) {
          await nodes.get(node)?.sessions.close()
          nodes.delete(node)
          wanted = wanted.filter(({ id }) => !id.startsWith(`${node}.`))
        } else if (what <= 3 && wanted.length > 0) {
          const { id } = random.pick(wanted)
          wanted = wanted.filter((session) => session.id !== id)
          nodes.get(id.slice(0, id.indexOf('.')))?.sessions.closed(id)
          isOpen.delete(id)
        } else open(node, random.pick(users))
        await settle(clock)
        const ended = [...nodes.values()].flatMap((one) => one.ended.map(([id]) => id))
        const left = [...isOpen].filter(
          (id) => !ended.includes(id) && nodes.has(id.split('.')[0] ?? ''),
        )
        expect(left.toSorted()).toEqual(wanted.map(({ id }) => id).toSorted())
      }
      for (const user of users) {
        const total = wanted.filter((session) => session.user === user).length
        // A node that has had no user yet knows of nobody.
        for (const [name, node] of nodes) {
          node.sessions.opened(`${name}.last`, 'eve')
          node.sessions.closed(`${name}.last`)
        }
        for (const node of nodes.values()) await untilCount(node, total, user)
      }
    },
  )
})

test('nodes that are there stay counted for an hour, by one small record each quarter of a minute', async () => {
  const { clock, log } = setUp()
  const a = await openNode(log, { clock, node: 'a' })
  const b = await openNode(log, { clock, node: 'b' })
  a.sessions.opened('a.1', 'ada')
  b.sessions.opened('b.1', 'grace')
  await untilCount(b, 1)
  const before = (await log.bounds()).head
  for (let quarter = 0; quarter < 240; quarter++) {
    clock.advance(15_000)
    await settle(clock)
    expect(b.sessions.count('ada')).toBe(1)
  }
  expect((await log.bounds()).head).not.toEqual(before)
  expect(b.errors).toEqual([])
})

test('a node that died without a word stops to count in less than a minute', async () => {
  const { clock, log } = setUp()
  let isDead = false
  const mortal: EventLog = {
    ...bind(log),
    append: (batch) => (isDead ? new Promise(() => undefined) : log.append(batch)),
  }
  const options = { limit: 1, atLimit: 'reject' } as const
  const a = await openNode(log, { clock, node: 'a', ...options })
  const b = await openNode(mortal, { clock, node: 'b', ...options })
  b.sessions.opened('b.1', 'ada')
  await untilCount(a, 1)
  isDead = true
  for (let quarter = 0; quarter < 4; quarter++) {
    clock.advance(15_000)
    await settle(clock)
  }
  await a.sessions.requireRoom('ada')
})

test('a node whose first word did not get through says it again at once, and all agree', async () => {
  const { clock, log } = setUp()
  let refusals = 1
  const weak: EventLog = {
    ...bind(log),
    append: (batch) =>
      refusals-- > 0 ? Promise.reject(new Error('the disk is full')) : log.append(batch),
  }
  const a = await openNode(weak, { clock, node: 'a' })
  const b = await openNode(log, { clock, node: 'b' })
  a.sessions.opened('a.1', 'ada')
  b.sessions.opened('b.1', 'ada')
  for (let second = 0; second < 3; second++) {
    clock.advance(1_000)
    await settle(clock)
  }
  expect([a.sessions.count('ada'), b.sessions.count('ada')]).toEqual([2, 2])
})

test('on a node that is alone a new session stays, also when its clock was set back', async () => {
  const { clock, log } = setUp()
  let setBackMs = 0
  const moved: Clock = {
    now: () => clock.now() - setBackMs,
    elapsed: () => clock.elapsed(),
    after: (delayMs, callback, options) => clock.after(delayMs, callback, options),
  }
  const a = await openNode(log, { clock: moved as FakeClock })
  for (const id of ['a.1', 'a.2', 'a.3']) a.sessions.opened(id, 'ada')
  setBackMs = 600_000
  a.sessions.opened('a.4', 'ada')
  a.sessions.opened('a.5', 'ada')
  expect(a.ended).toEqual([
    ['a.1', 'replaced'],
    ['a.2', 'replaced'],
  ])
})

test.each([
  ['a', 'b', -20_000],
  ['a', 'b', 20_000],
  ['b', 'a', -20_000],
  ['b', 'a', 20_000],
])(
  'of a user on %s and %s, whose clocks differ by %i ms, one session makes room for the newest',
  async (first, second, wrongMs) => {
    const { clock, log } = setUp()
    const wrong = createFakeClock(clock.now() + wrongMs)
    const one = await openNode(log, { clock, node: first, limit: 2 })
    const other = await openNode(log, { clock: wrong, node: second, limit: 2 })
    const pass = async (): Promise<void> => {
      for (const own of [clock, wrong]) await settle(own)
      for (const own of [clock, wrong]) own.advance(10)
    }
    other.sessions.opened(`${second}.0`, 'grace')
    one.sessions.opened(`${first}.1`, 'ada')
    await pass()
    one.sessions.opened(`${first}.2`, 'ada')
    await pass()
    other.sessions.opened(`${second}.3`, 'ada')
    await pass()
    expect([one.ended, other.ended]).toEqual([[[`${first}.1`, 'replaced']], []])
    one.sessions.opened(`${first}.4`, 'ada')
    await pass()
    expect([one.ended.length, other.ended.length]).toEqual([2, 0])
    await pass()
  },
)

test('where the log takes nothing, the limit holds on the node, and its operator hears of it once', async () => {
  const { clock, log } = setUp()
  const closed: EventLog = {
    ...bind(log),
    append: () => Promise.reject(new Error('the disk is full')),
  }
  const a = await openNode(closed, { clock, node: 'a', limit: 2 })
  for (const id of ['a.1', 'a.2', 'a.3']) a.sessions.opened(id, 'ada')
  expect(a.ended).toEqual([['a.1', 'replaced']])
  await waitUntil('the operator hears of it', () => a.errors.length > 0)
  clock.advance(120_000)
  await settle(clock)
  expect(a.errors).toHaveLength(1)
})

function bind(log: EventLog): EventLog {
  return {
    append: (batch) => log.append(batch),
    read: (query) => log.read(query),
    tail: (after, handler) => log.tail(after, handler),
    bounds: () => log.bounds(),
    retention: log.retention,
    ruleFor: (topic) => log.ruleFor(topic),
    locate: (since) => log.locate(since),
    close: () => log.close(),
  }
}
