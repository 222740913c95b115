// When what is pending leaves: the window follows what flushing costs.

import { createFakeClock } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { memoryLog, parseTopic } from '@tidemark/log'
import type { EventRecord, TailHandler } from '@tidemark/log'
import { pageDataMax } from '@tidemark/log/driver'
import { expect, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import { parseSubscriptionQuery } from '../src/hub/index.ts'
import type { TidemarkOptions } from '../src/index.ts'
import { FlushWindow } from '../src/fan-out/flush-window.ts'
import { eventBytesMax, flushBytesMax } from '../src/limits.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'
import { wrapLog } from './support/wrap-log.ts'

/** A window whose flushes take `costMs` of a clock that the test turns. */
function openWindow(clock: FakeClock, settings: { fixedMs?: number; maxMs?: number } = {}) {
  const flushes: number[] = []
  const work = { costMs: 0 }
  const window = new FlushWindow(
    clock,
    { fixedMs: settings.fixedMs, maxMs: settings.maxMs ?? 20 },
    () => {
      flushes.push(clock.elapsed())
      clock.advance(work.costMs)
    },
  )
  return { window, flushes, work }
}

test('an idle node flushes in the turn it is asked', () => {
  const clock = createFakeClock()
  const { window, flushes } = openWindow(clock)
  window.request()
  clock.advance(1_000)
  window.request()
  expect(flushes).toEqual([0, 1_000])
})

test('flushes that cost little never wait, however many there are', () => {
  const clock = createFakeClock()
  const { window, flushes, work } = openWindow(clock)
  work.costMs = 0.2
  for (let i = 0; i < 10; i++) window.request()
  expect(flushes).toHaveLength(10)
})

test('under load the rest after a flush is four times its cost, and what arrives meanwhile leaves together', () => {
  const clock = createFakeClock()
  const { window, flushes, work } = openWindow(clock)
  work.costMs = 4
  window.request()
  clock.advance(1_000)
  window.request()
  expect(flushes).toEqual([0, 1_004])
  for (let i = 0; i < 7; i++) {
    window.request()
    clock.advance(2)
  }
  expect(flushes).toHaveLength(2)
  clock.advance(2)
  expect(flushes).toEqual([0, 1_004, 1_024])
})

test('the window never grows beyond its limit', () => {
  const clock = createFakeClock()
  const { window, flushes, work } = openWindow(clock, { maxMs: 20 })
  work.costMs = 500
  window.request()
  clock.advance(1_000)
  window.request()
  window.request()
  clock.advance(20)
  expect(flushes).toEqual([0, 1_500, 2_020])
})

test('one flush that was interrupted does not slow the next ones down', () => {
  const clock = createFakeClock()
  const { window, flushes, work } = openWindow(clock)
  window.request()
  work.costMs = 50
  window.request()
  work.costMs = 0
  window.request()
  expect(flushes).toEqual([0, 0, 50])
})

test('a fixed window is counted from the first that waits', () => {
  const clock = createFakeClock()
  const { window, flushes } = openWindow(clock, { fixedMs: 10 })
  window.request()
  clock.advance(9)
  window.request()
  expect(flushes).toEqual([])
  clock.advance(1)
  expect(flushes).toEqual([10])
})

async function openNode(options: Omit<TidemarkOptions, 'log'>) {
  const clock = createFakeClock()
  const tide = createTidemark({ log: memoryLog({ clock }), clock, ...options })
  const client = new TestClient()
  const sink = client.connect()
  await tide.open(sink, parseSubscriptionQuery(new URLSearchParams('topic=a')))
  const greetings = sink.writes
  return { clock, tide, client, countWrites: () => sink.writes - greetings }
}

test('a window of 50 ms turns ten publishes into one write, in order', async () => {
  const { clock, tide, client, countWrites } = await openNode({ flushWindowMs: 50 })
  for (let i = 0; i < 10; i++) await tide.publish('a', { data: String(i) })
  await settle()
  expect(countWrites()).toBe(0)
  clock.advance(50)
  expect(countWrites()).toBe(1)
  expect(client.published.map(({ data }) => data).join('')).toBe('0123456789')
})

test('events leave early once as many wait as may', async () => {
  const { tide, countWrites } = await openNode({ flushWindowMs: 50, flushEventsMax: 5 })
  for (let i = 0; i < 5; i++) await tide.publish('a', { data: 'x' })
  await settle()
  expect(countWrites()).toBe(1)
})

test('events leave early once they are as large as may be, in portions of that size', async () => {
  const { tide, countWrites } = await openNode({ flushWindowMs: 50, flushBytesMax: 1_000 })
  await tide.publishAll(Array.from({ length: 12 }, () => ({ topic: 'a', data: 'x'.repeat(160) })))
  await settle()
  expect(countWrites()).toBe(2)
})

test.each(['x', 'é', '語', '🌊'])(
  'the size at which events leave early is one in bytes, of text in "%s" too',
  async (character) => {
    const { tide, countWrites } = await openNode({ flushWindowMs: 50, flushBytesMax: 1_200 })
    const data = character.repeat(120 / Buffer.byteLength(character))
    for (let i = 0; i < 9; i++) await tide.publish('a', { data })
    await settle()
    expect(countWrites()).toBe(0)
    await tide.publish('a', { data })
    await settle()
    expect(countWrites()).toBeGreaterThan(0)
  },
)

/** A node whose log hands its records over when the test says so, while its clock stands still. */
async function openHandedNode() {
  const clock = createFakeClock()
  const inner = memoryLog({ clock })
  let handler: TailHandler | undefined
  const log = wrapLog(inner, {
    tail: (after, given) => {
      handler = given
      return inner.tail(after, { records: () => undefined })
    },
  })
  const tide = createTidemark({ log, clock, flushWindowMs: 100 })
  const client = new TestClient()
  await tide.open(client.connect(), parseSubscriptionQuery(new URLSearchParams('topic=a')))
  const records: EventRecord[] = []
  const { head } = await inner.bounds()
  const tail = inner.tail(head, { records: (some) => records.push(...some) })
  return {
    clock,
    client,
    /** Hands over one batch of events with so many characters each. */
    hand: async (lengths: readonly number[]): Promise<void> => {
      for (const length of lengths) {
        const events = [{ topic: parseTopic('a'), data: 'x'.repeat(length) }]
        await inner.append({ events })
      }
      await settle()
      handler?.records(records.splice(0))
    },
    close: () => tail.close(),
  }
}

test('what waits for a flush is less than a portion between two batches, and a batch of any size is written before the next', async () => {
  const { clock, client, hand, close } = await openHandedNode()
  const written = (): number => client.published.reduce((sum, { data }) => sum + data.length, 0)
  await hand([flushBytesMax - 2, 1])
  expect(written()).toBe(0)
  await hand([1])
  expect(written()).toBe(flushBytesMax)
  // A page of the log, the longest batch there is but for a publish.
  const page = [...Array.from({ length: 256 }, () => pageDataMax / 256), eventBytesMax]
  await hand([flushBytesMax - 1])
  await hand(page)
  expect(written()).toBe(2 * flushBytesMax - 1 + pageDataMax + eventBytesMax)
  expect(client.published).toHaveLength(3 + 1 + page.length)
  const events = client.published.length
  clock.advance(1_000)
  expect(client.published).toHaveLength(events)
  close()
})

test('who joins while events wait gets them once', async () => {
  const { clock, tide, client } = await openNode({ flushWindowMs: 50 })
  await tide.publish('a', { data: 'waiting' })
  const late = new TestClient()
  const query = new URLSearchParams('topic=a&since=earliest')
  await tide.open(late.connect(), parseSubscriptionQuery(query))
  await settle()
  clock.advance(50)
  await settle()
  expect(late.published.map(({ data }) => data)).toEqual(['waiting'])
  expect(client.published.map(({ data }) => data)).toEqual(['waiting'])
})

test.each([
  [{ flushWindowMs: 101 }, 'flushWindowMs must be from 0 to 100; got 101.'],
  [{ flushWindowMaxMs: -1 }, 'flushWindowMaxMs must be from 0 to 100; got -1.'],
  [{ flushEventsMax: 0 }, 'flushEventsMax must be 1 or more; got 0.'],
  [{ flushBytesMax: Number.NaN }, 'flushBytesMax must be 1 or more; got NaN.'],
])('an option out of range says its range: %o', (options, message) => {
  expect(() => createTidemark({ log: memoryLog(), ...options })).toThrow(message)
})

test('an event may wait on its way to the log only while it would wait for its flush anyway', async () => {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  const patience: (number | undefined)[] = []
  const watched = wrapLog(log, {
    append: (batch) => {
      patience.push(batch.patienceMs)
      return log.append(batch)
    },
  })
  const tide = createTidemark({ log: watched, clock })
  const slow = { costMs: 0 }
  const sink = {
    write: () => {
      clock.advance(slow.costMs)
      return true
    },
    end: () => undefined,
    abort: () => undefined,
    listen: () => undefined,
  }
  await tide.open(sink, parseSubscriptionQuery(new URLSearchParams('topic=a')))
  slow.costMs = 5
  for (let i = 0; i < 3; i++) {
    await tide.publish('a', { data: 'x' })
    await settle()
    clock.advance(1_000)
  }
  expect(patience).toEqual([0, 0, 0])
  await tide.publish('a', { data: 'x' })
  await settle()
  await tide.publish('a', { data: 'x' })
  expect(patience.at(-1)).toBe(4)
})
