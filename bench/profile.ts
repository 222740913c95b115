// Where the time of a delivery goes: V8's profile of the hub while it sends 20 events per second to
// 2,000 sessions.
//
// Run: npm run build && npm run bench -- profile [--sessions=2000] [--rate=20] [--seconds=10]
//
// The hub is a process of its own under `node --cpu-prof`, which samples its main thread every
// millisecond. The load is that of bench/peers. Printed is the share of the time that was not idle, by
// the function it was spent in. Time in the kernel (a write, a flush to the disk) is counted to the
// native function that called it.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildGenerator } from './peers/load-generator.ts'
import { planOneAudience } from './peers/one-audience.ts'
import { resultsFolder } from './peers/results.ts'
import { startHub } from './peers/servers/hub.ts'
import { runLoad } from './peers/workload.ts'
import { withDirectory } from './support/directory.ts'
import { readFlag } from './support/flags.ts'
import { tableRow } from './support/statistics.ts'

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string }
}

interface Profile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const sessions = Number(readFlag('sessions') ?? 2_000)
const eventsPerSecond = Number(readFlag('rate') ?? 20)
const seconds = Number(readFlag('seconds') ?? 10)
const widths = [72, 10]
const rowsMax = 25

const generator = await buildGenerator(resultsFolder)
const profile = await withDirectory(async (directory) => {
  process.env['NODE_OPTIONS'] = `--cpu-prof --cpu-prof-dir=${directory}`
  const hub = await startHub({ directory }, [])
  await runLoad(
    hub,
    { generator, seconds, isQuick: false },
    planOneAudience(hub, { sessions, eventsPerSecond, warmupMs: 3_000, windowMs: seconds * 1_000 }),
  )
  await hub.stop()
  const file = readdirSync(directory).find((name) => name.endsWith('.cpuprofile'))
  if (file === undefined) throw new Error('The hub has left no profile.')
  return JSON.parse(readFileSync(join(directory, file), 'utf8')) as Profile
})

console.log(tableRow(['function', 'share'], widths))
for (const [name, share] of listShares(profile).slice(0, rowsMax)) {
  console.log(tableRow([name, `${(100 * share).toFixed(1)} %`], widths))
}

/** Functions with their share of the time that was not idle, largest first. */
function listShares({ nodes, samples, timeDeltas }: Profile): [name: string, share: number][] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, describe(callFrame)]))
  const times = new Map<string, number>()
  let busy = 0
  for (const [i, id] of samples.entries()) {
    const name = names.get(id) ?? '(unknown)'
    if (name.startsWith('(idle)')) continue
    const time = timeDeltas[i] ?? 0
    busy += time
    times.set(name, (times.get(name) ?? 0) + time)
  }
  return [...times]
    .map(([name, time]): [string, number] => [name, time / busy])
    .toSorted(([, a], [, b]) => b - a)
}

function describe({ functionName, url }: ProfileNode['callFrame']): string {
  const file = url.replace(/^.*\/(?=packages\/|node_modules\/)/, '').replace(/^file:\/\//, '')
  return `${functionName === '' ? '(anonymous)' : functionName}${file === '' ? '' : ` ${file}`}`
}
