// Measures what an observer costs the fan-out, and shows that no observer costs nothing. The same publishes
// go to the same sessions, side by side.
//
// Run: npm run build && npm run bench -- observer [--rounds=15] [--sessions=1000] [--base=<path>]
// The path is that of `packages/server/dist/index.js` in another build.
//
// Sinks take their blocks and do nothing, so the engine alone is measured: writing to sockets would hide its
// time. One event per flush is the worst case, because the observer is told of each flush. Each measurement
// is a process of its own, because rows that share a process share the code that V8 has compiled for them.
// Rounds take turns through the rows; the ratio is against no observer in the same round.

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { memoryLog } from '@tidemark/log'
import { createTidemark } from '@tidemark/server'
import type { NodeObserver } from '@tidemark/server'
import { parseSubscriptionBody } from '@tidemark/server/hub'
import type { Sink } from '@tidemark/server/hub'
import { readFlag } from './support/flags.ts'
import { median, quantile, tableRow, whole } from './support/statistics.ts'

const rounds = Number(readFlag('rounds') ?? 15)
const sessions = Number(readFlag('sessions') ?? 1_000)
const base = readFlag('base')
const publishes = Math.min(20_000, Math.ceil(4_000_000 / sessions))
const data = 'x'.repeat(128)

const sink = (): Sink => ({
  write: () => true,
  end: () => undefined,
  abort: () => undefined,
  listen: () => undefined,
})

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

interface Row {
  readonly observer?: NodeObserver
  /** Another build. */
  readonly module?: string | undefined
}

const rows: Readonly<Record<string, Row>> = {
  'no observer': {},
  'no observer, once more': {},
  'an empty observer': { observer: {} },
  'an observer that counts': { observer: counting },
  ...(base === undefined ? {} : { 'the other build': { module: base } }),
}

/** Nanoseconds of CPU for each delivery. */
async function measure({ observer, module }: Row): Promise<number> {
  const other = module === undefined ? {} : ((await import(module)) as object)
  const create = { createTidemark, ...other }.createTidemark
  const log = memoryLog({ retention: { maxBytes: 1024 * 1024 } })
  const tide = create({ log, observer, flushWindowMs: 0, heartbeatMs: 3_600_000 })
  const subscription = parseSubscriptionBody({ topics: ['bench'] })
  for (let i = 0; i < sessions; i++) await tide.open(sink(), subscription)
  await publishAll(tide, publishes / 4)
  const start = process.cpuUsage()
  await publishAll(tide, publishes)
  const { user, system } = process.cpuUsage(start)
  await tide.close()
  if (observer === counting && heard < publishes) throw new Error(`It heard ${heard} things only.`)
  return ((user + system) * 1_000) / (publishes * sessions)
}

async function publishAll(
  tide: ReturnType<typeof createTidemark>,
  publishCount: number,
): Promise<void> {
  for (let i = 0; i < publishCount; i++) {
    await tide.publish('bench', { data })
    // The turn in which the log hands it over.
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}

/** The same in a process of its own. */
function measureApart(name: string): number {
  const args = [fileURLToPath(import.meta.url), ...process.argv.slice(2), `--row=${name}`]
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  const time = Number(stdout)
  if (stdout === '' || Number.isNaN(time)) throw new Error(stderr)
  return time
}

function showAll(): void {
  const names = Object.keys(rows)
  const times = new Map<string, number[]>(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++)
    for (const i of names.keys()) {
      const name = names[(i + round) % names.length] ?? ''
      times.get(name)?.push(measureApart(name))
    }
  const widths = [28, 18, 10, 16]
  console.log(`${whole(sessions)} sessions, one event per flush, ${rounds} rounds`)
  console.log(tableRow(['', 'CPU ns/delivery', 'ratio', 'quartiles'], widths))
  const none = times.get('no observer') ?? []
  for (const [name, own] of times) {
    const ratios = own.map((time, i) => time / (none[i] ?? time))
    const quartiles = [0.25, 0.75].map((share) => quantile(ratios, share).toFixed(3))
    const cells = [median(own).toFixed(1), median(ratios).toFixed(3), quartiles.join('–')]
    console.log(tableRow([name, ...cells], widths))
  }
}

const only = readFlag('row')
if (only === undefined) showAll()
else console.log(await measure(rows[only] ?? {}))
