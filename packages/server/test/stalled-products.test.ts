// Sessions whose sockets take nothing, however they came to stand still: what all of them hold together.

import { memoryLog } from '@tidemark/log'
import type { EventRecord, TailHandler } from '@tidemark/log'
import { collectGarbage, createFakeClock, createRandom } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { createTidemark, parseSubscriptionBody } from '../src/index.ts'
import type { Tidemark } from '../src/index.ts'
import {
  eventBytesMax,
  fetchChunkBytes,
  flushBytesMax,
  heldBlocksBytesMax,
  writeBytesMax,
} from '../src/limits.ts'
import { KeepingSink } from './support/keeping-sink.ts'
import { settle } from './support/settle.ts'

async function settleAll(turns: number): Promise<void> {
  for (let i = 0; i < turns; i++) await settle()
}

test.each(['plain', 'envelope', 'batch'])(
  'sessions that resume just before large recent events and read nothing hold a bounded number of them in %s framing',
  async (framing) => {
    const tide = createTidemark({ log: memoryLog({ retention: { maxBytes: 4 * eventBytesMax } }) })
    const places = heldBlocksBytesMax / eventBytesMax
    const sinks: KeepingSink[] = []
    for (let i = 0; i < places + 10; i++) {
      await tide.publish('a', { data: `${i} ${'x'.repeat(eventBytesMax - 10)}` })
      await settle()
      const sink = new KeepingSink(true)
      sinks.push(sink)
      await tide.open(sink, parseSubscriptionBody({ topics: ['a'], since: '-1', framing }))
      await settleAll(2)
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
  const tide = createTidemark({ log: memoryLog() })
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
  const tide = createTidemark({ log: memoryLog({ retention: { maxBytes: 4 * eventBytesMax } }) })
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
