// What an observer costs the fan-out, and that no observer costs nothing: the same publishes to the same sessions, side by side.
//
// Run: npm run build && npm run bench -- observer [--rounds=15] [--sessions=1000] [--base=<packages/server/dist/index.js of a build before>]
//
// Sinks take their blocks and do nothing, so what is measured is the engine alone: writing to sockets would hide it. Rounds take turns
// through the rows, in an order that turns too; the ratio is against no observer in the same round. One event per flush is the
// worst case: each flush is told. With `--base` an older build runs beside them.

import { memoryLog } from '@tidemark/log'
import { createTidemark } from '@tidemark/server'
import type { NodeObserver, Tidemark } from '@tidemark/server'
import { parseSubscriptionBody } from '@tidemark/server/hub'
import type { Sink } from '@tidemark/server/hub'
import { readFlag } from './support/flags.ts'
import { median, tableRow, whole } from './support/statistics.ts'

const rounds = Number(readFlag('rounds') ?? 15)
const sessions = Number(readFlag('sessions') ?? 1_000)
const base = readFlag('base')
const publishes = Math.ceil(4_000_000 / sessions)
const widths = [30, 18, 10, 20]
const data = 'x'.repeat(128)

const sink = (): Sink => ({
  write: () => true,
  end: () => undefined,
  abort: () => undefined,
  listen: () => undefined,
})

type Create = typeof createTidemark

interface Row {
  readonly name: string
  readonly tide: Tidemark
  readonly times: number[]
}

async function prepare(name: string, create: Create, observer?: NodeObserver): Promise<Row> {
  const log = memoryLog({ retention: { maxBytes: 1024 * 1024 } })
  const tide = create({ log, observer, flushWindowMs: 0, heartbeatMs: 3_600_000 })
  const subscription = parseSubscriptionBody({ topics: ['bench'] })
  for (let i = 0; i < sessions; i++) await tide.open(sink(), subscription)
  return { name, tide, times: [] }
}

/** Nanoseconds of CPU for each delivery. */
async function measure({ tide }: Row): Promise<number> {
  const start = process.cpuUsage()
  for (let i = 0; i < publishes; i++) {
    await tide.publish('bench', { data })
    // The turn in which the log hands it over.
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  const { user, system } = process.cpuUsage(start)
  return ((user + system) * 1_000) / (publishes * sessions)
}

let heard = 0
const count = (): void => void (heard += 1)
const counting: NodeObserver = {
  opened: count,
  closed: count,
  refused: count,
  published: count,
  flushed: count,
  lagged: count,
  caughtUp: count,
  failed: count,
}

const rows = [
  await prepare('no observer', createTidemark),
  await prepare('no observer, once more', createTidemark),
  await prepare('an empty observer', createTidemark, {}),
  await prepare('an observer that counts', createTidemark, counting),
]
if (base !== undefined) {
  const older = (await import(base)) as { readonly createTidemark: Create }
  rows.push(await prepare('the build before', older.createTidemark))
}
for (const row of rows) for (let i = 0; i < 3; i++) await measure(row)
for (let round = 0; round < rounds; round++) {
  for (let i = 0; i < rows.length; i++) {
    const row = rows[(i + round) % rows.length]
    row?.times.push(await measure(row))
  }
}
const [none] = rows
console.log(`${whole(sessions)} sessions, one event per flush, ${rounds} rounds`)
console.log(tableRow(['', 'CPU ns/delivery', 'ratio', 'quarters'], widths))
for (const { name, times } of rows) {
  const ratios = times.map((time, i) => time / (none?.times[i] ?? time)).toSorted((a, b) => a - b)
  const quarter = (share: number): string =>
    (ratios[Math.floor(ratios.length * share)] ?? 0).toFixed(3)
  const cells = [
    median(times).toFixed(1),
    median(ratios).toFixed(3),
    `${quarter(0.25)}–${quarter(0.75)}`,
  ]
  console.log(tableRow([name, ...cells], widths))
}
console.log(`The counting observer heard ${whole(heard)} things.`)
for (const { tide } of rows) await tide.close()
