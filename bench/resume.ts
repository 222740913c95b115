// The cost of a resume when much is stored: 100 events from a log with 1,000,000 events and from one
// with 10,000.
//
// Run: npm run build && npm run bench -- resume
//
// Both logs have the same 21,001 topics and hold, in this order:
//   1. one event in each topic, and 100 in `alerts/1`;
//   2. 10,000 or 1,000,000 events in 1,000 topics `logs/<k>`, between them 100 of `alerts/1` and 100 of
//      `orders/<n>`, evenly spread;
//   3. 100 events in 100 topics `carts/<n>`, all at the end.
// Cursors "before" lie between 1 and 2, so that all the history follows; cursors "near the end" between
// 2 and 3. Each case is read at the log: pages of 256 until the query is exhausted. A whole session
// reads it too: from `open` to the last of the 100 events in the sink. Rounds go back and forth between
// the two logs; times are medians, the ratio is the median over rounds of large / small. Everything is
// in the page cache: this measures work, not the disk. `--quick` stores 100,000 events instead of
// 1,000,000 and runs fewer rounds.

import { formatCursor, parseTopic, parseTopicSet } from '@tidemark/log'
import type { NewEvent, Position } from '@tidemark/log'
import { openLmdbLog } from '@tidemark/log-lmdb'
import type { LmdbEventLog } from '@tidemark/log-lmdb'
import { createTidemark } from '@tidemark/server'
import { parseSubscriptionQuery } from '@tidemark/server/hub'
import type { Tidemark } from '@tidemark/server'
import type { Block, Sink, SinkListener } from '@tidemark/server/hub'
import { withDirectory } from './support/directory.ts'
import { median, tableRow, whole } from './support/statistics.ts'

const isQuick = process.argv.includes('--quick')
const sizes = { small: 10_000, large: isQuick ? 100_000 : 1_000_000 }
const rounds = isQuick ? 7 : 25
const wanted = 100
const topicsPerFamily = 10_000
const batchMax = 10_000
const pageMax = 256
const data = JSON.stringify({ order: 4711, state: 'paid', note: 'x'.repeat(90) }).padEnd(128)

interface Stored {
  readonly log: LmdbEventLog
  readonly tide: Tidemark
  /** Behind the first event of every topic, before the history. */
  readonly before: Position
  /** Behind the history, before the last events. */
  readonly nearEnd: Position
}

interface Case {
  readonly name: string
  readonly topic: string
  readonly from: 'before' | 'nearEnd'
}

const cases: readonly Case[] = [
  { name: 'one topic, 100 over the whole history', topic: 'alerts/1', from: 'before' },
  { name: 'orders/*, 100 over the whole history', topic: 'orders/*', from: 'before' },
  { name: 'carts/*, the last 100', topic: 'carts/*', from: 'nearEnd' },
  { name: '**, the last 100', topic: '**', from: 'nearEnd' },
]

function event(topic: string): NewEvent {
  return { topic: parseTopic(topic), data }
}

function family(name: string, count: number): readonly NewEvent[] {
  return Array.from({ length: count }, (_, n) => event(`${name}/${n + 1}`))
}

/** The 100 `orders` topics lie far from each other in the index. */
function* history(count: number): Generator<NewEvent, void, undefined> {
  const every = Math.floor(count / wanted)
  const logs = family('logs', 1_000)
  for (let i = 0; i < count; i++) {
    if (i % every === 0) yield event('alerts/1')
    if (i % every === every >> 1) {
      yield event(`orders/${((Math.floor(i / every) * 97) % topicsPerFamily) + 1}`)
    }
    const next = logs[(i * 7) % logs.length]
    if (next !== undefined) yield next
  }
}

async function fill(log: LmdbEventLog, events: Iterable<NewEvent>): Promise<Position> {
  const appends: Promise<unknown>[] = []
  let batch: NewEvent[] = []
  const send = async (): Promise<void> => {
    const next = batch
    batch = []
    if (next.length > 0) appends.push(log.append({ events: next }))
    // A few on the way at a time, so that memory does not hold them all.
    if (appends.length > 4) await appends.shift()
  }
  for (const each of events) {
    batch.push(each)
    if (batch.length === batchMax) await send()
  }
  await send()
  await Promise.all(appends)
  return (await log.bounds()).head
}

async function store(directory: string, count: number): Promise<Stored> {
  const log = await openLmdbLog({
    directory,
    durability: 'commit',
    retention: { maxBytes: 8 * 1024 ** 3 },
  })
  const before = await fill(log, [
    ...family('orders', topicsPerFamily),
    ...family('carts', topicsPerFamily),
    ...family('logs', 1_000),
    ...Array.from({ length: wanted }, () => event('alerts/1')),
  ])
  const nearEnd = await fill(log, history(count))
  await fill(log, family('carts', wanted))
  const tide = createTidemark({ log })
  await tide.ready
  return { log, tide, before, nearEnd }
}

async function readAtLog(stored: Stored, { topic, from }: Case): Promise<number> {
  const topics = parseTopicSet([topic])
  const { head } = await stored.log.bounds()
  const start = performance.now()
  let after = stored[from]
  let found = 0
  for (;;) {
    const page = await stored.log.read({ topics, after, upTo: head, limit: pageMax })
    found += page.records.length
    if (formatCursor(page.next) === formatCursor(head)) break
    after = page.next
  }
  const took = performance.now() - start
  requireAll(topic, found)
  return took
}

/** Resolves when it has been given all events; `tidemark.ready` has a data line too. */
class CountingSink implements Sink {
  readonly done: Promise<void>
  readonly #finish: () => void
  #missing = wanted + 1
  #listener: SinkListener | undefined

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.done = promise
    this.#finish = resolve
  }

  write({ bytes }: Block): boolean {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    for (let at = text.indexOf('\ndata:'); at !== -1; at = text.indexOf('\ndata:', at + 1)) {
      this.#missing -= 1
    }
    if (this.#missing <= 0) this.#finish()
    return true
  }

  end(): void {
    this.#listener?.closed()
  }

  abort(): void {
    this.end()
  }

  listen(listener: SinkListener): void {
    this.#listener = listener
  }
}

async function readBySession(stored: Stored, { topic, from }: Case): Promise<number> {
  const query = new URLSearchParams({ topic, lastEventId: formatCursor(stored[from]) })
  const sink = new CountingSink()
  const start = performance.now()
  await stored.tide.open(sink, parseSubscriptionQuery(query))
  await sink.done
  const took = performance.now() - start
  sink.end()
  return took
}

function requireAll(topic: string, found: number): void {
  if (found !== wanted) throw new Error(`${topic}: found ${found} events instead of ${wanted}.`)
}

type Way = (stored: Stored, each: Case) => Promise<number>

async function compare(way: Way, each: Case, logs: readonly [Stored, Stored]): Promise<string[]> {
  const pairs: { small: number; large: number }[] = []
  for (let round = -3; round < rounds; round++) {
    // The second one may pay for the first one's garbage: take turns.
    const [first, second] = round % 2 === 0 ? logs : logs.toReversed()
    if (first === undefined || second === undefined) break
    const one = await way(first, each)
    const two = await way(second, each)
    if (round < 0) continue
    pairs.push(round % 2 === 0 ? { small: one, large: two } : { small: two, large: one })
  }
  return [
    median(pairs.map((pair) => pair.small)).toFixed(2),
    median(pairs.map((pair) => pair.large)).toFixed(2),
    median(pairs.map((pair) => pair.large / pair.small)).toFixed(2),
  ]
}

/** The cost of a record that is only looked at, and of one that is returned. */
async function measureScan({ log, before, nearEnd }: Stored): Promise<void> {
  const run = async (topic: string): Promise<{ ms: number; found: number }> => {
    const topics = parseTopicSet([topic])
    const start = performance.now()
    let found = 0
    let after = before
    while (formatCursor(after) !== formatCursor(nearEnd)) {
      const page = await log.read({ topics, after, upTo: nearEnd, limit: pageMax })
      found += page.records.length
      after = page.next
    }
    return { ms: performance.now() - start, found }
  }
  const { ms, found } = await run('**')
  console.log(
    `\nthe whole history, ** in pages of ${pageMax}: ${whole(found)} events in ${ms.toFixed(0)} ms, ${((1000 * ms) / found).toFixed(2)} µs each`,
  )
}

await withDirectory((smallDirectory) =>
  withDirectory(async (largeDirectory) => {
    const small = await store(smallDirectory, sizes.small)
    const large = await store(largeDirectory, sizes.large)
    const widths = [50, 12, 12, 8]
    console.log(
      tableRow(['100 events, ms', whole(sizes.small), whole(sizes.large), 'ratio'], widths),
    )
    for (const each of cases) {
      const logs = [small, large] as const
      console.log(
        tableRow([`${each.name}: log`, ...(await compare(readAtLog, each, logs))], widths),
      )
      console.log(
        tableRow(
          [
            `${' '.repeat(each.name.length)}  session`,
            ...(await compare(readBySession, each, logs)),
          ],
          widths,
        ),
      )
    }
    await measureScan(large)
    for (const { tide, log } of [small, large]) {
      await tide.close()
      await log.close()
    }
  }),
)
