// Where a session begins, and what it is told: cursors, `since`, gaps.

import { LogError, formatCursor, memoryLog, parseTopic } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import { parseSubscriptionQuery } from '../src/hub/index.ts'
import type { Tidemark } from '../src/index.ts'
import { holdTail } from './support/held-log.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'
import { wrapLog } from './support/wrap-log.ts'

async function fill(log: EventLog, topic: string, count: number): Promise<string[]> {
  const cursors: string[] = []
  for (let i = 1; i <= count; i++) {
    const positions = await log.append({
      events: [{ topic: parseTopic(topic), data: `${topic} ${i}` }],
    })
    cursors.push(...positions.map((position) => formatCursor(position)))
  }
  return cursors
}

async function visit(tide: Tidemark, query: string, lastEventId = ''): Promise<TestClient> {
  const client = new TestClient()
  client.lastEventId = lastEventId
  await tide.open(client.connect(), parseSubscriptionQuery(new URLSearchParams(query), lastEventId))
  await settle()
  return client
}

const dataOf = (client: TestClient): string[] => client.published.map((event) => event.data)

test('since=earliest, the last n, and now', async () => {
  const log = memoryLog()
  await fill(log, 'a', 5)
  const tide = createTidemark({ log })
  expect(dataOf(await visit(tide, 'topic=a&since=earliest'))).toHaveLength(5)
  expect(dataOf(await visit(tide, 'topic=a&since=-2'))).toEqual(['a 4', 'a 5'])
  expect(dataOf(await visit(tide, 'topic=a&since=-99'))).toHaveLength(5)
  const now = await visit(tide, 'topic=a')
  expect(dataOf(now)).toEqual([])
  await fill(log, 'a', 1)
  await settle()
  expect(dataOf(now)).toEqual(['a 1'])
})

test('since=5m counts by the log, also after the clock has stepped back', async () => {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  await fill(log, 'old', 1)
  clock.advance(10 * 60_000)
  await fill(log, 'a', 1)
  clock.advance(60_000)
  await fill(log, 'a', 1)
  const tide = createTidemark({ log, clock })
  expect(dataOf(await visit(tide, 'topic=**&since=5m'))).toHaveLength(2)
  clock.set(clock.now() - 3_600_000)
  await fill(log, 'a', 1)
  expect(dataOf(await visit(tide, 'topic=**&since=5m'))).toHaveLength(3)
})

test('the header wins over the query, because a browser repeats its URL', async () => {
  const log = memoryLog()
  const cursors = await fill(log, 'a', 4)
  const tide = createTidemark({ log })
  const client = await visit(tide, `topic=a&lastEventId=${cursors[0]}&since=earliest`, cursors[2])
  expect(dataOf(client)).toEqual(['a 4'])
  expect(dataOf(await visit(tide, `topic=a&lastEventId=${cursors[0]}`))).toHaveLength(3)
})

test('a cursor of another history is a gap, and everything of this one follows', async () => {
  const before = memoryLog()
  const [, cursor = ''] = await fill(before, 'a', 3)
  const log = memoryLog()
  await fill(log, 'a', 2)
  const client = await visit(createTidemark({ log }), 'topic=a', cursor)
  expect(client.control('gap')).toMatchObject([{ from: cursor, reason: 'epoch' }])
  expect(client.control('ready')).toMatchObject([{ resumed: 'gap' }])
  expect(dataOf(client)).toEqual(['a 1', 'a 2'])
})

test('a cursor ahead of the head is a gap, and what comes later follows', async () => {
  const log = memoryLog()
  const [cursor = ''] = await fill(log, 'a', 1)
  const tide = createTidemark({ log })
  const client = await visit(tide, 'topic=a', cursor.replace(/-1$/, '-zz'))
  expect(client.control('gap')).toMatchObject([{ reason: 'ahead', to: cursor }])
  await fill(log, 'a', 1)
  await settle()
  expect(dataOf(client)).toEqual(['a 1'])
})

test('a cursor ahead of this node’s tail, but not of the log, waits for the tail and doubles nothing', async () => {
  const shared = memoryLog()
  const held = holdTail(shared)
  const tide = createTidemark({ log: held.log })
  await tide.ready
  const cursors = await fill(shared, 'a', 3)
  const client = await visit(tide, 'topic=a', cursors[1])
  await settle()
  held.release()
  await settle()
  expect(dataOf(client)).toEqual(['a 3'])
  expect(client.control('gap')).toEqual([])
})

test('what retention took behind the cursor is told once, and what is left of other topics still comes', async () => {
  const log = memoryLog({ retention: { rules: [{ pattern: 'short', maxEvents: 1 }] } })
  const [cursor = ''] = await fill(log, 'short', 1)
  await fill(log, 'a', 300)
  await fill(log, 'short', 3)
  await fill(log, 'a', 300)
  const client = await visit(createTidemark({ log }), 'topics=a,short', cursor)
  await settle()
  expect(client.control('gap')).toHaveLength(1)
  expect(client.control('gap')).toMatchObject([{ from: cursor, reason: 'retention' }])
  await expect.poll(() => dataOf(client).length).toBe(601)
})

test('a client cut right after a gap of retention hears of it again', async () => {
  const log = memoryLog({ retention: { rules: [{ pattern: 'short', maxEvents: 1 }] } })
  const [cursor = ''] = await fill(log, 'short', 4)
  const client = await visit(createTidemark({ log }), 'topic=short', cursor)
  const gapAt = client.events.findIndex((event) => event.type === 'tidemark.gap')
  expect(client.events[gapAt]?.id).toBe(cursor)
})

test('a fresh client that asks for everything is told of no gap', async () => {
  const log = memoryLog({ retention: { rules: [{ pattern: 'short', maxEvents: 1 }] } })
  await fill(log, 'short', 600)
  await fill(log, 'a', 600)
  const client = await visit(createTidemark({ log }), 'topics=a,short&since=earliest')
  expect(client.control('gap')).toEqual([])
  await expect.poll(() => dataOf(client).length).toBe(601)
})

test('a node whose tail was overtaken sends its sessions by way of the log, which says what is lost', async () => {
  const shared = memoryLog({ retention: { rules: [{ pattern: 'short', maxEvents: 1 }] } })
  const held = holdTail(shared)
  const tide = createTidemark({ log: held.log })
  await fill(shared, 'short', 1)
  await settle()
  held.release()
  const client = await visit(tide, 'topic=short')
  await fill(shared, 'short', 3)
  await settle()
  held.overtake()
  await settle()
  expect(client.control('gap')).toMatchObject([{ reason: 'retention' }])
  expect(dataOf(client)).toEqual(['short 3'])
})

test('every beat carries the session’s own place, and a quiet client comes back exactly', async () => {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  const tide = createTidemark({ log, clock, heartbeatMs: 1_600 })
  const client = await visit(tide, 'topic=quiet')
  const cursors = await fill(log, 'loud', 5)
  await settle()
  clock.advance(1_600)
  expect(client.events.at(-1)).toMatchObject({
    type: 'tidemark.beat',
    id: cursors.at(-1),
    data: '{}',
  })
  clock.advance(16_000)
  expect(client.events.filter((event) => event.type === 'tidemark.beat')).toHaveLength(11)
})

test('a session whose socket takes no more gets no beat and no bytes', async () => {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  const tide = createTidemark({ log, clock, heartbeatMs: 1_600 })
  const client = await visit(tide, 'topic=a')
  client.connection?.block()
  await fill(log, 'a', 1)
  await settle()
  const { writes } = client.connection ?? { writes: -1 }
  await fill(log, 'a', 5)
  clock.advance(10_000)
  await settle()
  expect(client.connection?.writes).toBe(writes)
  client.connection?.unblock()
  await settle()
  expect(dataOf(client)).toHaveLength(6)
})

test('a client whose events are all in memory is not told "exact" by a log that cannot be read any more', async () => {
  const log = memoryLog()
  let unreadable: LogError | undefined
  const losing: EventLog = Object.defineProperty(wrapLog(log, {}), 'unreadable', {
    get: () => unreadable,
  })
  const tide = createTidemark({ log: losing })
  const [cursor = ''] = await fill(log, 'a', 3)
  expect((await visit(tide, 'topic=a', cursor)).control('ready')).toMatchObject([
    { resumed: 'exact' },
  ])
  unreadable = new LogError('LOG_DIRECTORY_LOST', 'A copy was put over it.')
  for (const query of ['topic=a', 'topic=a&since=now']) {
    const visiting = visit(tide, query, query === 'topic=a' ? cursor : '')
    await expect(visiting).rejects.toMatchObject({ code: 'LOG_DIRECTORY_LOST' })
  }
})

test('a log that fails in the middle of a replay sends the client away to come back', async () => {
  const log = memoryLog()
  const [cursor = ''] = await fill(log, 'a', 3)
  const errors: unknown[] = []
  let isOnFire = false
  const failing = wrapLog(log, {
    read: (query) => (isOnFire ? Promise.reject(new Error('disk on fire')) : log.read(query)),
  })
  const tide = createTidemark({ log: failing, onError: (error) => errors.push(error) })
  await tide.ready
  isOnFire = true
  const client = await visit(tide, 'topic=a', cursor)
  expect(client.control('bye')).toMatchObject([{ reason: 'log-unavailable' }])
  expect(client.connection?.isEnded).toBe(true)
  expect(errors).toHaveLength(1)
  expect(tide.sessionCount).toBe(0)
})
