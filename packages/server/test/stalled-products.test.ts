// Sessions whose sockets take nothing, however they came to stand still: what all of them hold together.

import { memoryLog } from '@tidemark/log'
import { collectGarbage, createRandom } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import { parseSubscriptionBody } from '../src/hub/index.ts'
import type { Sink } from '../src/hub/index.ts'
import { StreamSink } from '../src/fetch/stream-sink.ts'
import {
  escapeGrowthMax,
  eventBytesMax,
  fetchChunkBytes,
  flushBytesMax,
  heldBlocksBytesMax,
  writeBytesMax,
} from '../src/limits.ts'
import { KeepingSink } from './support/keeping-sink.ts'
import { settle } from './support/settle.ts'

test.each(['plain', 'envelope', 'batch'])(
  'sessions that resume just before large recent events and read nothing hold a bounded number of them in %s framing',
  async (framing) => {
    const tide = createTidemark({
      authorize: 'everyone',
      log: memoryLog({ retention: { maxBytes: 4 * eventBytesMax } }),
    })
    const places = heldBlocksBytesMax / eventBytesMax
    const sinks: KeepingSink[] = []
    for (let i = 0; i < places + 10; i++) {
      await tide.publish('a', { data: `${i} ${'x'.repeat(eventBytesMax - 10)}` })
      await settle()
      const sink = new KeepingSink(true)
      sinks.push(sink)
      await tide.open(sink, parseSubscriptionBody({ topics: ['a'], since: '-1', framing }))
      await settle(2)
    }
    const held = new Set(
      sinks.filter(({ isAborted }) => !isAborted).flatMap(({ blocks }) => blocks),
    )
    const bytes = [...held].reduce((sum, block) => sum + block.bytes.length, 0)
    expect(bytes).toBeLessThanOrEqual(heldBlocksBytesMax + sinks.length * 1_000)
    expect(bytes).toBeGreaterThan(heldBlocksBytesMax - 2 * eventBytesMax)
    // Those that have stood still the longest went first.
    expect(sinks[0]?.isAborted).toBe(true)
    expect(sinks.at(-1)?.isAborted).toBe(false)
  },
)

test('one large recent event that all sessions resume at counts once, and nobody is cut for it', async () => {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
  await tide.publish('a', { data: 'x'.repeat(eventBytesMax) })
  await settle()
  const sinks = Array.from(
    { length: 2 * (heldBlocksBytesMax / eventBytesMax) },
    () => new KeepingSink(true),
  )
  for (const sink of sinks) {
    await tide.open(sink, parseSubscriptionBody({ topics: ['a'], since: '-1' }))
    await settle()
  }
  expect(sinks.some(({ isAborted }) => isAborted)).toBe(false)
  const large = sinks.flatMap(({ blocks }) => blocks.filter(({ bytes }) => bytes.length > 1_000))
  expect(large).toHaveLength(sinks.length)
  expect(new Set(large).size).toBe(1)
})

test('readers of the Fetch door that stop at a large event hold a slice of it each, not a copy', async () => {
  const tide = createTidemark({
    authorize: 'everyone',
    log: memoryLog({ retention: { maxBytes: 4 * eventBytesMax } }),
  })
  onTestFinished(() => tide.close())
  await tide.ready
  const asked: Promise<ReadableStreamReadResult<Uint8Array>>[] = []
  for (let i = 0; i < 60; i++) {
    const { body } = await tide.fetch(new Request('http://localhost/events?topic=a'))
    const reader = body?.getReader()
    if (reader === undefined) throw new Error('A stream has a body.')
    await reader.read()
    asked.push(reader.read())
  }
  await settle()
  const before = collectGarbage()
  await tide.publish('a', { data: 'x'.repeat(eventBytesMax) })
  // Kept until they have been weighed.
  const chunks = await Promise.all(asked)
  // The log's own, the frame, and a slice of each reader with what stands around it.
  const allowed = 4 * eventBytesMax + asked.length * (fetchChunkBytes + 4_096)
  expect(collectGarbage() - before).toBeLessThan(allowed)
  for (const { value } of chunks) expect(value?.length).toBe(fetchChunkBytes)
})

/** A reader that has never asked for a byte. */
const openUnread = (): Sink => new StreamSink(new Request('http://localhost/events'))

test.each<[string, () => Sink]>([
  ['a socket', () => new KeepingSink(true)],
  ['the Fetch door', openUnread],
])(
  'fifty stalled sessions of %s with topics of their own hold a portion and the block that passed it each, live and replaying',
  async (_, openSink) => {
    const random = createRandom(11)
    const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
    onTestFinished(() => tide.close())
    const sinks: Sink[] = []
    const open = async (since: string): Promise<void> => {
      for (let i = 0; i < 25; i++) {
        const sink = openSink()
        sinks.push(sink)
        const framing = ['plain', 'envelope', 'batch'][i % 3]
        const topics = ['all', `own/${sinks.length}`]
        await tide.open(sink, parseSubscriptionBody({ topics, since, framing }))
      }
    }
    // Six times as long in JSON: the longest that do not go alone, and many short ones.
    const longest = Math.floor(flushBytesMax / escapeGrowthMax) - 200
    const publish = async (): Promise<void> => {
      const events = Array.from({ length: 30 }, () => {
        const length = random.int(1) === 0 ? longest : random.int(300)
        return { topic: 'all', data: '\u0001'.repeat(length) }
      })
      const own = sinks.map((_sink, i) => ({ topic: `own/${i + 1}`, data: 'own' }))
      await tide.publishAll([...events, ...own])
      await settle(2)
    }
    await open('now')
    for (let round = 0; round < 12; round++) await publish()
    await open('earliest')
    await settle(100)
    for (let round = 0; round < 12; round++) await publish()
    const waiting = sinks.map(({ bytesWaiting }) => bytesWaiting ?? 0)
    expect(Math.min(...waiting)).toBeGreaterThan(writeBytesMax)
    expect(Math.max(...waiting)).toBeLessThanOrEqual(writeBytesMax + 2 * flushBytesMax)
    expect(tide.sessionCount).toBe(sinks.length)
  },
)
