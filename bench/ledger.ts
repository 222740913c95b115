// The cost of ledgers: those at rest for each record of the log, one that is written, one that is
// opened full.
//
// Run: npm run build && npm run bench -- ledger [--rounds=9]
//
// At rest: a memory log hands batches of 100 events to the one tail that a hub has anyway. Beside it
// are no ledger, 16, and 1,000 handles on ledgers. Rounds take turns through the rows; the ratio is
// against no ledger in the same round. Then 64 callers set entries of 100 characters, and a ledger of
// 100,000 of them is opened anew. The figures are how long that takes, the longest turn in between, and
// the growth of the heap.

import { memoryLog, openLedger, parseTopic } from '@tidemark/log'
import type { EventLog, Ledger, NewEvent } from '@tidemark/log'
import { openLmdbLog } from '@tidemark/log-lmdb'
import { withDirectory } from './support/directory.ts'
import { readFlag } from './support/flags.ts'
import { median, tableRow, whole } from './support/statistics.ts'

const rounds = Number(readFlag('rounds') ?? 9)
const codec = { encode: (text: string) => text, decode: (text: string) => text }
const counts: readonly number[] = [0, 16, 1_000]
const batches = 2_000
const events: readonly NewEvent[] = Array.from({ length: 100 }, (_, i) => ({
  topic: parseTopic(`bench/${i % 10}`),
  data: 'x'.repeat(128),
}))
const widths = [34, 14, 10]

interface AtRest {
  readonly log: EventLog
  readonly count: number
  readonly times: number[]
}

async function prepare(count: number): Promise<AtRest> {
  const log = memoryLog({ retention: { maxBytes: 1024 * 1024 } })
  const { head } = await log.bounds()
  log.tail(head, { records: () => undefined })
  for (let i = 0; i < count; i++) await openLedger(log, `idle-${i % 16}`, { codec })
  return { log, count, times: [] }
}

/** Nanoseconds for each record, from append to the tail's end. */
async function measureAtRest(log: EventLog): Promise<number> {
  const start = process.cpuUsage()
  for (let i = 0; i < batches; i++) await log.append({ events })
  const { user, system } = process.cpuUsage(start)
  return ((user + system) * 1_000) / (batches * events.length)
}

async function showAtRest(): Promise<void> {
  const rows: AtRest[] = []
  for (const count of counts) rows.push(await prepare(count))
  for (const { log } of rows) await measureAtRest(log)
  for (let round = 0; round < rounds; round++)
    for (const { log, times } of rows) times.push(await measureAtRest(log))
  console.log(tableRow(['ledgers at rest, memory log', 'CPU ns/record', 'ratio'], widths))
  const [none] = rows
  for (const { count, times } of rows) {
    const ratios = times.map((time, i) => time / (none?.times[i] ?? time))
    const cells = [`${whole(count)} handles`, whole(median(times)), median(ratios).toFixed(3)]
    console.log(tableRow(cells, widths))
  }
}

async function fill(ledger: Ledger<string>, entries: number): Promise<number> {
  let next = 0
  const start = performance.now()
  const lane = async (): Promise<void> => {
    for (let i = next++; i < entries; i = next++) await ledger.set(`key ${i}`, 'x'.repeat(100))
  }
  await Promise.all(Array.from({ length: 64 }, lane))
  return (entries / (performance.now() - start)) * 1_000
}

/** The longest time in which nothing else had its turn, in milliseconds. */
async function measureTurns<T>(task: () => Promise<T>): Promise<[longestMs: number, result: T]> {
  let longestMs = 0
  let last = performance.now()
  let isDone = false
  const look = (): void => {
    longestMs = Math.max(longestMs, performance.now() - last)
    last = performance.now()
    if (!isDone) setImmediate(look)
  }
  setImmediate(look)
  const result = await task()
  isDone = true
  look()
  return [longestMs, result]
}

async function showFull(name: string, log: EventLog): Promise<void> {
  const entries = 100_000
  const first = await openLedger(log, 'full', { codec })
  const perSecond = await fill(first, entries)
  first.close()
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  const start = performance.now()
  const [longestMs, ledger] = await measureTurns(() => openLedger(log, 'full', { codec }))
  const openMs = performance.now() - start
  globalThis.gc?.()
  const heap = (process.memoryUsage().heapUsed - before) / entries
  console.log(`${name}: ${whole(perSecond)} sets per second by 64 callers`)
  const opened = `${whole(openMs)} ms, longest turn ${longestMs.toFixed(1)} ms`
  const memory = globalThis.gc === undefined ? '' : `, ${whole(heap)} bytes of heap per entry`
  console.log(`${name}: ${whole(ledger.entries().length)} entries opened in ${opened}${memory}`)
  await log.close()
}

await showAtRest()
await showFull('memory', memoryLog())
await withDirectory(async (directory) => {
  await showFull('LMDB, commit', await openLmdbLog({ directory, durability: 'commit' }))
})
