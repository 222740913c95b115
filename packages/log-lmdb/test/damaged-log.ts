// A small log with everything in it, states of it from before, and ways to damage it.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseTopic, parseTopicSet } from '@tidemark/log'
import type { EventLog, Position, Retention } from '@tidemark/log'
import { sequenceOf } from '@tidemark/log/driver'
import type { SeededRandom } from '@tidemark/testkit'

/** Rules of every kind, so that every table has entries. */
export const sampleRetention: Partial<Retention> = {
  maxBytes: 1_000_000,
  // A hundred years: the sample's clock stands still in the past.
  maxAgeMs: 3_153_600_000_000,
  rules: [
    { pattern: 'few/**', maxEvents: 5 },
    { pattern: 'latest/**', latestBy: 'key' },
  ],
}

/** The contents of a log as a text. Two logs share the text only if they hold the same. */
export async function digestLog(log: EventLog): Promise<string> {
  const { first, head } = await log.bounds()
  const topics = parseTopicSet(['**'])
  const hash = createHash('sha256')
  hash.update(`${sequenceOf(first)} ${sequenceOf(head)}\n`)
  let after: Position = first
  for (;;) {
    const page = await log.read({ topics, after, upTo: head, limit: 500 })
    if (page.records.length === 0) return hash.digest('hex')
    for (const { position, time, topic, type, key, data } of page.records)
      hash.update(`${JSON.stringify([sequenceOf(position), time, topic, type, key, data])}\n`)
    after = page.next
  }
}

/** Appends one batch: short and long values, new and old topics, keys of both kinds. */
export async function appendSample(log: EventLog, random: SeededRandom, i: number): Promise<void> {
  const event = (topic: string) => ({
    topic: parseTopic(topic),
    key: `key-${random.int(9)}`,
    data: 'x'.repeat(random.pick([3, 100, 700, 5_000])),
  })
  await log.append({
    idempotencyKey: `batch-${i}`,
    events: ['all', 'few/one', `few/${random.int(20)}`, 'latest/one', `topic/${i % 40}`].map(event),
  })
}

export function readData(directory: string): Buffer {
  return readFileSync(join(directory, 'data.mdb'))
}

const pageBytes = 4_096

/** Changes `data` in place, or gives other bytes; `before` is the same file earlier. */
type Damage = (data: Buffer, before: Buffer, random: SeededRandom) => Buffer

const anyPage = (data: Buffer, random: SeededRandom): number =>
  pageBytes * random.int(Math.floor(data.length / pageBytes) - 1)

/** Ways in which files come to harm: disks, copies, operators. */
export const damages: Readonly<Record<string, Damage>> = {
  'a flipped bit': (data, _, random) => {
    const at = random.int(data.length - 1)
    data.writeUInt8(data.readUInt8(at) ^ (1 << random.int(7)), at)
    return data
  },
  'a flipped bit in a page head': (data, _, random) => {
    const at = anyPage(data, random) + random.int(47)
    data.writeUInt8(data.readUInt8(at) ^ (1 << random.int(7)), at)
    return data
  },
  'a flipped bit in the first pages': (data, _, random) => {
    const at = pageBytes * random.int(1) + random.int(167)
    data.writeUInt8(data.readUInt8(at) ^ (1 << random.int(7)), at)
    return data
  },
  'a cut end': (data, _, random) => data.subarray(0, random.int(data.length)),
  'a page of zeros': (data, _, random) => {
    const at = anyPage(data, random)
    return data.fill(0, at, at + pageBytes)
  },
  'a page of noise': (data, _, random) => {
    const at = anyPage(data, random)
    for (let i = 0; i < pageBytes; i++) data.writeUInt8(random.int(255), at + i)
    return data
  },
  'some bytes of noise': (data, _, random) => {
    const at = random.int(data.length - 20)
    for (let i = 0; i < 16; i++) data.writeUInt8(random.int(255), at + i)
    return data
  },
  'a page from before': (data, before, random) => {
    const at = anyPage(before, random)
    before.copy(data, at, at, at + pageBytes)
    return data
  },
  'a page in the place of another': (data, _, random) => {
    const from = anyPage(data, random)
    data.copy(data, anyPage(data, random), from, from + pageBytes)
    return data
  },
  'a copy torn once': (data, before, random) => {
    before.copy(data, 0, 0, anyPage(before, random))
    return data
  },
  'a copy torn everywhere': (data, before, random) => {
    for (let at = 0; at < before.length; at += pageBytes)
      if (random.int(1) === 0) before.copy(data, at, at, at + pageBytes)
    return data
  },
}
