// The cost of opening a stream: without authentication, with tokens, and in another build. Nothing is
// delivered.
//
// Run: npm run build && npm run bench -- openings [--rounds=9] [--streams=2000] [--base=<tree>]
//
// The tree is another checkout of this repository that was built. Its hub is measured as well, without
// authentication. `--only=<part of a name>` measures some of the rows, beside the first.
//
// Each hub is a process of its own. All run from the beginning to the end, and take turns in small portions.
// So a noisy machine is noisy for all. A generator in C opens streams, 80 at a time, and leaves each within
// 150 ms after its answer has begun. In each portion it first brings tokens that come for the first time.
// Then it brings those of 1,000 users that have come before, as clients do that reconnect. The rate is that
// of the server: streams opened per second of its CPU time, its helper threads included. Ratios are against
// the first row, in the same round.

import { mkdirSync } from 'node:fs'
import { readCpu, readMachineCpuMs } from '@tidemark/testkit'
import { buildGenerator } from './peers/load-generator.ts'
import { resultsFolder } from './peers/results.ts'
import type { RunningPeer } from './peers/server.ts'
import { startHub } from './peers/servers/hub.ts'
import { runLoad } from './peers/workload.ts'
import { withDirectory } from './support/directory.ts'
import { readFlag } from './support/flags.ts'
import { median, quantile, tableRow, whole } from './support/statistics.ts'
import { flagsFor, listRequests } from './support/token-requests.ts'
import type { Algorithm } from './support/token-requests.ts'

const rounds = Number(readFlag('rounds') ?? 9)
const streams = Number(readFlag('streams') ?? 2_000)
const warmUpStreams = 6_000
const base = readFlag('base')
const only = readFlag('only')
const connectionsAtOnce = 80
const topic = 'bench/1'
const knownUsers = 1_000
const figures = ['first', 'again'] as const

interface Row {
  readonly name: string
  readonly algorithm?: Algorithm
  readonly flags?: readonly string[]
  readonly tree?: string | undefined
}

const rows: readonly Row[] = [
  { name: 'without authentication' },
  ...(base === undefined ? [] : [{ name: 'the other build', tree: base }]),
  { name: 'a secret (HS256)', algorithm: 'HS256' },
  {
    name: 'the same, any number a user',
    algorithm: 'HS256',
    flags: ['--limits-sessions-per-user=none'],
  },
  { name: 'a key (ES256)', algorithm: 'ES256' },
].filter(({ name }, i) => i === 0 || only === undefined || name.includes(only))

interface Contender extends Row {
  readonly peer: RunningPeer
  readonly known: readonly string[]
  /** Streams opened per second of CPU time, in each round. */
  readonly rates: Readonly<Record<(typeof figures)[number], number[]>>
}

const settings = { generator: await buildGenerator(resultsFolder), seconds: 0, isQuick: false }
const contenders: Contender[] = []
let portions = 0

await withDirectory(async (directory) => {
  try {
    for (const row of rows) contenders.push(await start(row, `${directory}/${contenders.length}`))
    for (const contender of contenders) {
      await open(contender, strangers(contender, warmUpStreams), warmUpStreams)
      await open(contender, contender.known, warmUpStreams)
    }
    const busyBefore = readMachineCpuMs()
    const startedAt = performance.now()
    for (let round = 0; round < rounds; round++) {
      for (const i of contenders.keys()) {
        const contender = contenders[(i + round) % contenders.length]
        if (contender !== undefined) await measure(contender)
      }
    }
    print((readMachineCpuMs() - busyBefore) / (performance.now() - startedAt))
  } finally {
    for (const { peer } of contenders) await peer.stop()
  }
})

async function start(row: Row, directory: string): Promise<Contender> {
  const { algorithm, flags = [], tree } = row
  mkdirSync(directory)
  const peer = await startHub({ directory, tree }, [...flagsFor(algorithm, directory), ...flags])
  const known = listRequests(algorithm, { topic, users: knownUsers, prefix: 'user' })
  return { ...row, peer, known, rates: { first: [], again: [] } }
}

/** Tokens of which most come for the first time: one of twice as many is taken for each stream. */
function strangers({ algorithm }: Row, count: number): readonly string[] {
  portions += 1
  return listRequests(algorithm, { topic, users: 2 * count, prefix: `stranger-${portions}` })
}

async function measure(contender: Contender): Promise<void> {
  const { known, rates } = contender
  rates.first.push(await open(contender, strangers(contender, streams), streams))
  rates.again.push(await open(contender, known, streams))
}

/** Opens streams and leaves each when its answer has begun; resolves to how many per CPU second. */
async function open(
  { peer }: Contender,
  requests: readonly string[],
  count: number,
): Promise<number> {
  const before = cpuMs(peer)
  const { groups } = await runLoad(peer, settings, {
    groups: [{ name: 'opening', connections: connectionsAtOnce, requests, isChecked: false }],
    warmupMs: 0,
    windowMs: 0,
    cycles: { count, lifeMs: 150, isFromAnswer: true },
  })
  const opened = groups.reduce((sum, group) => sum + group.opened, 0)
  if (opened < count) throw new Error(`Of ${count} streams ${opened} were answered.`)
  return (count * 1_000) / (cpuMs(peer) - before)
}

function cpuMs(peer: RunningPeer): number {
  const { userMs, systemMs } = readCpu(peer.pids())
  return userMs + systemMs
}

function print(busyCores: number): void {
  const [first] = contenders
  if (first === undefined) return
  const widths = [30, 12, 8, 14, 12, 8, 14]
  console.log(
    `streams opened per CPU second; medians of ${rounds} rounds of ${whole(streams)}; the machine had ${busyCores.toFixed(1)} cores busy`,
  )
  const titles = figures.flatMap((figure) => [
    figure === 'first' ? 'first time' : 'again',
    'ratio',
    'quartiles',
  ])
  console.log(tableRow(['', ...titles], widths))
  for (const { name, rates } of contenders) {
    const cells = figures.flatMap((figure) => {
      const ratios = rates[figure].map((rate, i) => rate / (first.rates[figure][i] ?? Number.NaN))
      const quartiles = [0.25, 0.75].map((share) => quantile(ratios, share).toFixed(2)).join('–')
      return [whole(median(rates[figure])), median(ratios).toFixed(3), quartiles]
    })
    console.log(tableRow([name, ...cells], widths))
  }
}
