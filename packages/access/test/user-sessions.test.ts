// How many streams a user may have open, on all nodes of a log together.

import { memoryLog } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { createFakeClock, waitUntil } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { UserSessions } from '../src/hub/index.ts'
import type { UserSessionOptions } from '../src/hub/index.ts'

interface TestNode {
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
  return { sessions, ended, cleared, errors }
}

async function untilCount(node: TestNode, count: number, user = 'ada'): Promise<void> {
  await waitUntil(`${count} sessions count`, () => node.sessions.count(user) === count)
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
  await untilCount(b, 1)
  b.sessions.opened('b.1', 'ada')
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

test('sessions of a node that died stop to count, and are cleared up', async () => {
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
  const ledgerKeys = async () => {
    const later = await openNode(log, { clock, node: 'later' })
    return later.sessions.count('ada')
  }
  expect(await ledgerKeys()).toBe(1)
})

test('a node that is there stays counted for days, by one small record a minute', async () => {
  const { clock, log } = setUp()
  const a = await openNode(log, { clock, node: 'a' })
  const b = await openNode(log, { clock, node: 'b' })
  a.sessions.opened('a.1', 'ada')
  await untilCount(b, 1)
  const before = (await log.bounds()).head
  for (let minute = 0; minute < 60; minute++) {
    clock.advance(60_000)
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
  }
  expect(b.sessions.count('ada')).toBe(1)
  expect((await log.bounds()).head).not.toEqual(before)
  expect(b.errors).toEqual([])
})

test('where the log takes nothing, the limit holds on the node, and its operator hears of it once', async () => {
  const { clock, log } = setUp()
  const closed: EventLog = {
    ...bind(log),
    append: () => Promise.reject(new Error('the disk is full')),
  }
  const a = await openNode(closed, { clock, node: 'a', limit: 2 })
  for (const id of ['a.1', 'a.2', 'a.3']) a.sessions.opened(id, 'ada')
  await waitUntil('the oldest is ended', () => a.ended.length > 0)
  expect(a.ended[0]).toEqual(['a.1', 'replaced'])
  expect(a.errors).toHaveLength(1)
})

function bind(log: EventLog): EventLog {
  return {
    append: (batch) => log.append(batch),
    read: (query) => log.read(query),
    tail: (after, handler) => log.tail(after, handler),
    bounds: () => log.bounds(),
    locate: (since) => log.locate(since),
    close: () => log.close(),
  }
}
