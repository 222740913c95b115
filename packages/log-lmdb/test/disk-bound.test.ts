// The data directory stays within a multiple of what retention keeps, however fast events come.

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseTopic } from '@tidemark/log'
import type { NewEvent, Retention } from '@tidemark/log'
import { measureRecord } from '@tidemark/log/driver'
import type { LmdbEventLog } from '../src/index.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'

const mebibyte = 1024 * 1024

async function measureDirectory(directory: string): Promise<number> {
  const sizes = (await readdir(directory)).map(
    async (name) => (await stat(join(directory, name))).blocks * 512,
  )
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}

interface Load {
  readonly retention: Partial<Retention>
  readonly dataBytes: (i: number) => number
  /** Default: 97 topics in turn. */
  readonly topicOf?: (i: number) => string
  /** Default: no keys. */
  readonly keyOf?: (i: number) => string
  readonly total: number
  /** Called when all is published. */
  readonly look?: (log: LmdbEventLog) => void
}

/** Publishes at full speed, reading all the while, and returns the largest size seen. */
async function publish({
  retention,
  dataBytes,
  topicOf = (i) => `t/${i % 97}`,
  keyOf,
  total,
  look,
}: Load): Promise<number> {
  const directory = await makeDirectory()
  const log = await openAt(directory, { retention })
  log.tail((await log.bounds()).head, { records() {} })
  let published = 0
  let largest = 0
  let i = 0
  const publisher = async (): Promise<void> => {
    while (published < total) {
      const events: NewEvent[] = []
      for (let j = 0; j < 50; j++) {
        i += 1
        const bytes = dataBytes(i)
        published += bytes
        events.push({ topic: parseTopic(topicOf(i)), key: keyOf?.(i), data: 'x'.repeat(bytes) })
      }
      await log.append({ events })
      if (i % 2_000 === 0) largest = Math.max(largest, await measureDirectory(directory))
    }
  }
  await Promise.all(Array.from({ length: 8 }, publisher))
  largest = Math.max(largest, await measureDirectory(directory))
  look?.(log)
  await log.close()
  await removeDirectory(directory)
  return largest
}

test('ten times the limit of small events leaves at most three times the limit on disk', async () => {
  const maxBytes = 4 * mebibyte
  const largest = await publish({
    retention: { maxBytes },
    dataBytes: () => 300,
    total: 10 * maxBytes,
  })
  expect(largest).toBeLessThanOrEqual(3 * maxBytes)
})

test('a topic that keeps one event leaves at most three times the limit on disk, however fast it changes', async () => {
  const maxBytes = 4 * mebibyte
  const largest = await publish({
    retention: { maxBytes, rules: [{ pattern: 't/*', maxEvents: 1 }] },
    dataBytes: () => 1_000,
    total: 10 * maxBytes,
  })
  expect(largest).toBeLessThanOrEqual(3 * maxBytes)
})

test('keys that are overwritten fifteen times leave at most six times their newest values on disk, and all of these', async () => {
  const keys = 4_000
  const event = { topic: parseTopic('t'), key: 'key-0000', data: 'x'.repeat(400) }
  const valueBytes = keys * measureRecord(event)
  const largest = await publish({
    // Superseded values that are kept for tails are an eighth of `maxBytes` at most.
    retention: { maxBytes: 2 * valueBytes, rules: [{ pattern: 't', latestBy: 'key' }] },
    topicOf: () => 't',
    // Scattered, so that the values which stay are left alone on their pages, a few on each.
    keyOf: (i) => `key-${(i * 2_654_435_761) % keys}`,
    dataBytes: () => event.data.length,
    total: 15 * keys * event.data.length,
    look: (log) => expect(log.stats().records).toBe(keys),
  })
  expect(largest).toBeLessThanOrEqual(6 * valueBytes)
})

test('ten times the limit of events of all sizes leaves at most three times the limit on disk', async () => {
  const maxBytes = 12 * mebibyte
  const sizes = [100, 2_100, 4_200, 9_000, 30_000, 700]
  const dataBytes = (i: number): number => sizes[(i * 7) % sizes.length] ?? 100
  const largest = await publish({ retention: { maxBytes }, dataBytes, total: 10 * maxBytes })
  expect(largest).toBeLessThanOrEqual(3 * maxBytes)
})

test.each([
  [4, 5],
  [1, 7],
])(
  'a topic of its own for each event, with the longest of names, leaves of %i MiB at most %i times as much on disk',
  async (mebibytes, factor) => {
    const maxBytes = mebibytes * mebibyte
    const largest = await publish({
      retention: { maxBytes },
      // Scattered, so that every page of the topics is split, and written anew by each transaction:
      // LMDB keeps three copies then.
      topicOf: (i) =>
        `${((i * 2_654_435_761) % 2 ** 32).toString(16).padStart(8, '0')}/`.padEnd(250, 't'),
      dataBytes: () => 1,
      total: 40_000,
    })
    expect(largest).toBeLessThanOrEqual(factor * maxBytes)
  },
)
