// Nodes of a log tell each other of their sessions, and a silent one counts as gone.

import { memoryLog } from '@tidemark/log'
import type { Clock, EventLog } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { SharedSessions, openNodes, tellPauseMs } from '../src/hub/index.ts'
import type { SharedSessionsOptions } from '../src/presence/shared-sessions.ts'
import type { FakeClock } from '@tidemark/testkit'

interface Told {
  readonly id: string
  readonly word: string
}

interface TestKind {
  readonly shared: SharedSessions<Told>
  readonly own: Map<string, Told>
  /** Of other nodes, as this one has heard. */
  readonly heard: Map<string, Told>
  readonly lost: string[]
  open(id: string, word?: string): void
}

async function openKind(
  log: EventLog,
  options: {
    readonly clock: Clock
    readonly node: string
    readonly kind?: string
    readonly isFast?: boolean
  },
): Promise<TestKind> {
  const { clock, node, kind = 'present', isFast = true } = options
  const own = new Map<string, Told>()
  const heard = new Map<string, Told>()
  const lost: string[] = []
  const dropNode = (name: string): void => {
    for (const id of heard.keys()) if (id.startsWith(`${name}.`)) heard.delete(id)
  }
  const heardOther: SharedSessionsOptions<Told>['heardOther'] = (name, change) => {
    if (change.isAnew) dropNode(name)
    for (const session of change.opened) heard.set(session.id, session)
    for (const id of change.closed) heard.delete(id)
  }
  const held = await openNodes(log, { clock, node, onError: () => undefined })
  const shared = new SharedSessions<Told>(held, {
    clock,
    kind,
    isFast,
    codec: {
      encode: ({ id, word }) => [id, word],
      decode: (row) => {
        const [id, word] = row as readonly [string, string]
        return { id, word }
      },
    },
    list: () => own.values(),
    heardOther,
    lostNode: (name) => {
      lost.push(name)
      dropNode(name)
    },
    onError: () => undefined,
  })
  onTestFinished(() => shared.close())
  return {
    shared,
    own,
    heard,
    lost,
    open(id, word = '') {
      own.set(id, { id, word })
      shared.opened({ id, word })
    },
  }
}

/** Until everything that was written has come back: the log of these tests needs no more than turns. */
async function settle(clock: FakeClock): Promise<void> {
  for (let turn = 0; turn < 30; turn++) {
    clock.advance(turn % 10 === 0 ? tellPauseMs : 0)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    clock.advance(500)
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
}

function setUp() {
  const clock = createFakeClock()
  return { clock, log: memoryLog({ clock }) }
}

async function countEntries(log: EventLog, clock: FakeClock): Promise<number> {
  const held = await openNodes(log, { clock, node: 'looker', onError: () => undefined })
  const { nodes } = held
  const count = ['a', 'b'].filter((name) => nodes.has(name)).length
  held.release()
  return count
}

test('two kinds of sessions share the entry of their node, which goes with the last of them', async () => {
  const { clock, log } = setUp()
  const users = await openKind(log, { clock, node: 'a', kind: 'users', isFast: false })
  const present = await openKind(log, { clock, node: 'a' })
  expect(users.shared.nodes).toBe(present.shared.nodes)
  expect(await countEntries(log, clock)).toBe(0)
  users.shared.begin()
  present.shared.begin()
  await settle(clock)
  expect(await countEntries(log, clock)).toBe(1)
  await present.shared.close()
  expect(await countEntries(log, clock)).toBe(1)
  await users.shared.close()
  expect(await countEntries(log, clock)).toBe(0)
})

test('a kind that begins later is told all that others have, and tells all that it has', async () => {
  const { clock, log } = setUp()
  const a = await openKind(log, { clock, node: 'a' })
  const first = await openKind(log, { clock, node: 'b', kind: 'users' })
  a.shared.begin()
  first.shared.begin()
  a.open('a.1')
  await settle(clock)
  const late = await openKind(log, { clock, node: 'b' })
  late.own.set('b.1', { id: 'b.1', word: '' })
  late.shared.begin()
  await settle(clock)
  expect([...late.heard.keys()]).toEqual(['a.1'])
  expect([...a.heard.keys()]).toEqual(['b.1'])
  expect([a.shared.isWhole, late.shared.isWhole]).toEqual([true, true])
})

test('a node that speaks often and dies without a word is gone within 10 seconds, also for a node that comes later', async () => {
  const { clock, log } = setUp()
  let isDead = false
  const mortal = wrap(log, {
    append: (batch) => (isDead ? Promise.reject(new Error('It is dead.')) : log.append(batch)),
  })
  const a = await openKind(log, { clock, node: 'a' })
  const b = await openKind(mortal, { clock, node: 'b' })
  a.shared.begin()
  b.shared.begin()
  b.open('b.1')
  await settle(clock)
  await pass(clock, 3_000)
  isDead = true
  await pass(clock, 6_000)
  expect(a.lost).toEqual([])
  const late = await openKind(log, { clock, node: 'late' })
  late.shared.begin()
  await settle(clock)
  expect(late.shared.isWhole).toBe(false)
  await pass(clock, 4_000)
  expect([a.lost, a.heard.size]).toEqual([['b'], 0])
  await pass(clock, 6_000)
  expect([late.lost, late.shared.isWhole]).toEqual([['b'], true])
})

test('a node that stood still takes nobody for gone, and is asked for its sessions by those that lost it', async () => {
  const { clock, log } = setUp()
  const own = createFakeClock(clock.now())
  let stoodMs = 0
  const slow: Clock = {
    ...own,
    now: () => own.now() + stoodMs,
    elapsed: () => own.elapsed() + stoodMs,
  }
  const a = await openKind(log, { clock, node: 'a' })
  const b = await openKind(log, { clock: slow, node: 'b' })
  a.shared.begin()
  b.shared.begin()
  a.open('a.1')
  b.open('b.1')
  for (const one of [clock, own, clock, own]) await settle(one)
  expect([[...a.heard.keys()], [...b.heard.keys()]]).toEqual([['b.1'], ['a.1']])
  await pass(clock, 20_000)
  expect([a.lost, a.heard.size]).toEqual([['b'], 0])
  // Its timers are late by 20 seconds, as after a machine slept.
  stoodMs = 20_000
  for (let round = 0; round < 10; round++) for (const one of [own, clock]) await pass(one, 500)
  expect([b.lost, [...b.heard.keys()]]).toEqual([[], ['a.1']])
  expect([a.shared.isWhole, [...a.heard.keys()]]).toEqual([true, ['b.1']])
})

test('a long list takes several records, and is whole with the last of them', async () => {
  const { clock, log } = setUp()
  const a = await openKind(log, { clock, node: 'a' })
  a.shared.begin()
  for (let i = 0; i < 30; i++) a.open(`a.${i}`, 'x'.repeat(64 * 1024))
  const b = await openKind(log, { clock, node: 'b' })
  b.shared.begin()
  const seen: boolean[] = []
  for (let turn = 0; turn < 400 && b.heard.size < 30; turn++) {
    clock.advance(tellPauseMs / 4)
    await new Promise((resolve) => setImmediate(resolve))
    if (b.heard.size > 0 && b.heard.size < 30) seen.push(b.shared.isWhole)
  }
  expect(seen.length).toBeGreaterThan(3)
  expect(seen).not.toContain(true)
  expect([b.heard.size, b.shared.isWhole]).toEqual([30, true])
})

test('a session that is another way now is told so, and one that closes in the pause is told as closed', async () => {
  const { clock, log } = setUp()
  const a = await openKind(log, { clock, node: 'a' })
  const b = await openKind(log, { clock, node: 'b' })
  for (const { shared } of [a, b]) shared.begin()
  a.open('a.1', 'early')
  a.open('a.2', 'early')
  await settle(clock)
  a.open('a.3')
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  for (const id of ['a.1', 'a.2']) a.shared.changed({ id, word: 'late' })
  a.shared.closed('a.2')
  await settle(clock)
  expect([...b.heard].map(([id, { word }]) => `${id} ${word}`).toSorted()).toEqual([
    'a.1 late',
    'a.3 ',
  ])
})

function wrap(log: EventLog, changed: Partial<EventLog>): EventLog {
  return {
    append: (batch) => log.append(batch),
    read: (query) => log.read(query),
    tail: (after, handler) => log.tail(after, handler),
    bounds: () => log.bounds(),
    retention: log.retention,
    ruleFor: (topic) => log.ruleFor(topic),
    locate: (since) => log.locate(since),
    close: () => log.close(),
    ...changed,
  }
}
