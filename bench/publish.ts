// Durable publishes per second over HTTP, and how many of them share a commit.
//
// Run: npm run build && npm run bench -- publish
//
// A hub of its own process (`tidemark serve`, durability fsync) on an empty directory. This process
// sends requests of 128-byte payloads on raw keep-alive connections, one under way on each, to a topic
// per connection. Commits are counted by LMDB's transaction numbers, CPU by /proc. Rounds take turns
// through all rows, so that a noisy moment falls on all alike; figures are medians over the rounds. The
// ratio is the median of events per second by the flushes per second of this disk, just before, each of
// 4 KiB. A hub with a commit per publish could never reach more, and it needs two flushes for one
// commit. `--rounds=9` of `--seconds=1` each.

import { readCpu, startHubProcess } from '@tidemark/testkit'
import type { HubProcess } from '@tidemark/testkit'
import { readFlag } from './support/flags.ts'
import { readCommitCount } from './support/commits.ts'
import { withDirectory } from './support/directory.ts'
import { measureFlushMs } from './support/flushes.ts'
import { postRequest, runLoad } from './support/load.ts'
import { median, quantile, tableRow, whole } from './support/statistics.ts'

const seconds = Number(readFlag('seconds') ?? 1)
const rounds = Number(readFlag('rounds') ?? 9)
const warmUpSeconds = 0.2
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

/** The figures of one row in one round, per second where they are rates. */
interface Round {
  readonly events: number
  readonly commits: number
  readonly perCommit: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** CPU seconds per second. */
  readonly hubCpu: number
  readonly ownCpu: number
  readonly flushes: number
  readonly ratio: number
}

function makeRequest(connection: number, events: number): Buffer {
  const topic = `orders/${connection}`
  if (events === 1) return postRequest(`/topics/${topic}`, payload)
  const line = JSON.stringify({ topic, data: payload })
  return postRequest('/publish', `${line}\n`.repeat(events), {
    'Content-Type': 'application/x-ndjson',
  })
}

interface Place {
  readonly hub: HubProcess
  readonly directory: string
  /** Where flushes are measured. */
  readonly flushDirectory: string
}

async function measure({ hub, directory, flushDirectory }: Place, each: Case): Promise<Round> {
  const flushes = 1_000 / measureFlushMs(flushDirectory, 200)
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
    hubCpu: readHubCpuSeconds(hub),
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
  const events = (latencies.length * each.eventsPerRequest) / seconds
  const commits = (end.commits - begin.commits) / seconds
  return {
    events,
    commits,
    perCommit: events / commits,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    hubCpu: (end.hubCpu - begin.hubCpu) / seconds,
    ownCpu: (end.ownCpu - begin.ownCpu) / seconds,
    flushes,
    ratio: events / flushes,
  }
}

function readHubCpuSeconds({ pid }: HubProcess): number {
  const { userMs, systemMs } = readCpu(pid === undefined ? [] : [pid])
  return (userMs + systemMs) / 1e3
}

function readOwnCpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
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

function render(each: Case, results: readonly Round[]): string {
  const middle = (figure: (round: Round) => number): number => median(results.map(figure))
  const share = (cpu: number): string => `${(100 * cpu).toFixed(0)} %`
  return tableRow(
    [
      each.name,
      whole(middle(({ events }) => events)),
      whole(middle(({ commits }) => commits)),
      middle(({ perCommit }) => perCommit).toFixed(1),
      middle(({ p50Ms }) => p50Ms).toFixed(2),
      middle(({ p99Ms }) => p99Ms).toFixed(2),
      share(middle(({ hubCpu }) => hubCpu)),
      share(middle(({ ownCpu }) => ownCpu)),
      whole(middle(({ flushes }) => flushes)),
      middle(({ ratio }) => ratio).toFixed(1),
    ],
    widths,
  )
}

await withDirectory((directory) =>
  withDirectory(async (flushDirectory) => {
    const hub = await startHubProcess({ dataDirectory: directory })
    try {
      const results = cases.map((): Round[] => [])
      for (let round = 0; round < rounds; round++) {
        for (const [i, each] of cases.entries()) {
          results[i]?.push(await measure({ hub, directory, flushDirectory }, each))
        }
      }
      console.log(tableRow(['', ...heads], widths))
      for (const [i, each] of cases.entries()) console.log(render(each, results[i] ?? []))
    } finally {
      await hub.kill('SIGTERM')
    }
  }),
)
