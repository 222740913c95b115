// Durable publishes per second over HTTP, and how many of them share a commit.
//
// Run: npm run build && npm run bench -- publish
//
// A hub of its own process (`tidemark serve`, durability fsync) on an empty directory; this process sends requests of
// 128-byte payloads on raw keep-alive connections, one under way on each, to a topic per connection. Commits are counted by
// LMDB's transaction numbers, CPU by /proc. The ratio is measured in the same run: events per second by
// how often per second this disk overwrites 4 KiB and flushes it (before and after each row), all that
// a hub with a commit per publish could ever reach. `--seconds=5` is the length of each measurement.

import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { startHubProcess } from '../packages/testkit/dist/hub-process.js'
import type { HubProcess } from '../packages/testkit/dist/hub-process.js'
import { readCommitCount } from './support/commits.ts'
import { withDirectory } from './support/directory.ts'
import { postRequest, runLoad } from './support/load.ts'
import { quantile, tableRow, whole } from './support/statistics.ts'

const seconds = Number(
  process.argv.find((argument) => argument.startsWith('--seconds='))?.slice(10) ?? 5,
)
const warmUpSeconds = 1
const payload = 'x'.repeat(128)

interface Case {
  readonly name: string
  readonly connections: number
  readonly eventsPerRequest: number
}

const cases: readonly Case[] = [
  { name: '1 connection', connections: 1, eventsPerRequest: 1 },
  { name: '64 connections', connections: 64, eventsPerRequest: 1 },
  { name: '256 connections', connections: 256, eventsPerRequest: 1 },
  { name: '1 connection, 100 events per request', connections: 1, eventsPerRequest: 100 },
  { name: '16 connections, 100 events per request', connections: 16, eventsPerRequest: 100 },
]

interface Result {
  readonly events: number
  readonly commits: number
  readonly seconds: number
  readonly latencies: readonly number[]
  /** CPU seconds. */
  readonly hubCpu: number
  readonly ownCpu: number
}

function makeRequest(connection: number, events: number): Buffer {
  const topic = `orders/${connection}`
  if (events === 1) return postRequest(`/topics/${topic}`, payload)
  const line = JSON.stringify({ topic, data: payload })
  return postRequest('/publish', `${line}\n`.repeat(events), {
    'Content-Type': 'application/x-ndjson',
  })
}

async function measure(hub: HubProcess, directory: string, each: Case): Promise<Result> {
  const requests = Array.from({ length: each.connections }, (_, connection) =>
    makeRequest(connection, each.eventsPerRequest),
  )
  const from = performance.now() + warmUpSeconds * 1000
  const to = from + seconds * 1000
  const latencies: number[] = []
  const begin = { commits: 0, hubCpu: 0, ownCpu: 0 }
  let end: typeof begin | undefined
  const read = (): typeof begin => ({
    commits: readCommitCount(directory),
    hubCpu: readCpuSeconds(hub.pid),
    ownCpu: readOwnCpuSeconds(),
  })
  let hasBegun = false
  await runLoad(
    {
      port: hub.port,
      connections: each.connections,
      nextRequest: (connection) => (performance.now() < to ? requests[connection] : undefined),
    },
    ({ tookMs }) => {
      const now = performance.now()
      if (!hasBegun && now >= from) {
        hasBegun = true
        Object.assign(begin, read())
      } else if (now >= to) end ??= read()
      else if (hasBegun) latencies.push(tookMs)
    },
  )
  if (end === undefined) throw new Error('No request was answered after the end.')
  return {
    events: latencies.length * each.eventsPerRequest,
    commits: end.commits - begin.commits,
    seconds,
    latencies,
    hubCpu: end.hubCpu - begin.hubCpu,
    ownCpu: end.ownCpu - begin.ownCpu,
  }
}

/** Field 14 and 15 of proc_pid_stat(5), in ticks of 1/100 s; NaN where there is no /proc. */
function readCpuSeconds(pid: number | undefined): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return Number.NaN
  }
}

function readOwnCpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/** How often per second this disk stores 4 KiB durably. */
function measureFlushes(directory: string): number {
  const file = openSync(join(directory, 'flushes'), 'w')
  const page = Buffer.alloc(4096)
  const start = performance.now()
  let count = 0
  try {
    while (performance.now() - start < 1000) {
      // In place: a file that grows would have to flush its length too.
      writeSync(file, page, 0, page.length, 0)
      fdatasyncSync(file)
      count += 1
    }
  } finally {
    closeSync(file)
  }
  return (1000 * count) / (performance.now() - start)
}

const widths = [40, 11, 11, 11, 9, 9, 9, 9, 11, 8]
const heads = [
  'events/s',
  'commits/s',
  'per commit',
  'p50 ms',
  'p99 ms',
  'hub CPU',
  'own CPU',
  'flushes/s',
  'ratio',
]

function render(each: Case, result: Result, flushes: number): string {
  const perSecond = result.events / result.seconds
  const share = (cpu: number): string => `${((100 * cpu) / result.seconds).toFixed(0)} %`
  return tableRow(
    [
      each.name,
      whole(perSecond),
      whole(result.commits / result.seconds),
      (result.events / result.commits).toFixed(1),
      quantile(result.latencies, 0.5).toFixed(2),
      quantile(result.latencies, 0.99).toFixed(2),
      share(result.hubCpu),
      share(result.ownCpu),
      whole(flushes),
      (perSecond / flushes).toFixed(1),
    ],
    widths,
  )
}

console.log(tableRow(['', ...heads], widths))
await withDirectory(async (flushDirectory) => {
  for (const each of cases) {
    await withDirectory(async (directory) => {
      const hub = await startHubProcess({ dataDirectory: directory })
      try {
        const before = measureFlushes(flushDirectory)
        const result = await measure(hub, directory, each)
        const flushes = (before + measureFlushes(flushDirectory)) / 2
        console.log(render(each, result, flushes))
      } finally {
        await hub.kill('SIGTERM')
      }
    })
  }
})
