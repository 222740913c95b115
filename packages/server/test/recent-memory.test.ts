// Recent records count for the memory that they take: frames, chunks of HTTP/1.1, batches of one, and all of
// that compressed.

import { memoryLog, parseTopic, systemClock } from '@tidemark/log'
import type { EventRecord } from '@tidemark/log'
import { collectGarbage, createRandom } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { FramedRecord } from '../src/framing/framed-record.ts'
import { createFraming } from '../src/framing/framing.ts'
import type { Framing } from '../src/framing/framing.ts'
import { recentFrameBytesMax } from '../src/limits.ts'
import { toGzipPiece } from '../src/node/gzip-piece.ts'
import { RecentRecords } from '../src/fan-out/recent.ts'
import { listFramings } from './support/list-framings.ts'
import { settle } from './support/settle.ts'

const base64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** Records of noise, which gzip makes little smaller. */
async function makeRecords(count: number, length: number): Promise<EventRecord[]> {
  const random = createRandom(7)
  const noise = (): string => {
    const letters = Array.from({ length }, () => base64.charCodeAt(random.int(63)))
    return String.fromCharCode(...letters)
  }
  const log = memoryLog()
  const records: EventRecord[] = []
  const tail = log.tail((await log.bounds()).head, { records: (some) => records.push(...some) })
  for (let i = 0; i < count; i++)
    await log.append({ events: [{ topic: parseTopic('a'), data: noise() }] })
  await settle()
  tail.close()
  return records
}

/** Everything that sessions have made of a record: HTTP/1.1, HTTP/2, each of them plain and compressed. */
function useEverything(framed: FramedRecord, framing: Framing): void {
  const block = framing.assemble([framed.frame(framing)], {
    position: framed.record.position,
    before: '',
    after: '',
  })
  const { block: piece } = toGzipPiece(block)
  for (const { chunk, bytes } of [block, piece]) expect(chunk.length).toBeGreaterThan(bytes.length)
}

const framings: readonly [string, Framing][] = (['plain', 'envelope', 'batch'] as const).map(
  (shape) => [shape, createFraming({ shape, fields: [], isNamedByTopic: false })],
)

test.each(
  framings.flatMap(([name, framing]) =>
    [1, 600, 16_000].map((length) => ({ name, framing, length })),
  ),
)(
  'recent events of $length characters in $name framing take no more memory than they count for',
  async ({ framing, length }) => {
    const records = await makeRecords(length > 10_000 ? 60 : 800, length)
    const [first, ...others] = records
    if (first === undefined) throw new Error('There are records.')
    const recent = new RecentRecords(first.position, systemClock)
    recent.push(others.map((record) => new FramedRecord(record)))
    const before = collectGarbage()
    for (const framed of recent.after(first.position) ?? []) useEverything(framed, framing)
    const taken = collectGarbage() - before
    expect(recent.frameBytes).toBeLessThanOrEqual(recentFrameBytesMax)
    expect(taken).toBeGreaterThan(recent.frameBytes / 3)
    expect(taken).toBeLessThanOrEqual(recent.frameBytes)
  },
)

test('recent events in all 129 framings, with all that every kind of client needs of them, never take more memory than they may', async () => {
  const records = await makeRecords(400, 600)
  const [first, ...others] = records
  if (first === undefined) throw new Error('There are records.')
  const framings = listFramings()
  const recent = new RecentRecords(first.position, systemClock)
  const before = collectGarbage()
  let most = 0
  for (const [i, record] of others.entries()) {
    const framed = new FramedRecord(record)
    recent.push([framed])
    for (const framing of framings) useEverything(framed, framing)
    if (i % 20 > 0) continue
    expect(recent.after(record.position)).toEqual([])
    most = Math.max(most, collectGarbage() - before)
  }
  expect(most).toBeLessThanOrEqual(recentFrameBytesMax)
  expect(most).toBeGreaterThan(recentFrameBytesMax / 2)
})
