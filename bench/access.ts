// The cost of access: what a stream with a token costs to open, and whether its deliveries cost more.
//
// Run: npm run build && npm run bench -- access [--rounds=7] [--streams=10000] [--seconds=6]
//
// Hubs take turns, each in a process of its own. One is without authentication; two have a secret (HS256),
// one of these no limit of streams per user; one has a public key (ES256). Two more have two workers, which
// tell each other of the streams of users, or need not. A generator in C opens streams, 300 at a time, and
// leaves each within 150 ms after its answer. First they bring tokens of 20,000 users, of which
// most come for the first time. Then they bring tokens of 1,000 users, which have come before, as those of
// clients that reconnect. The rate is that of the server: streams opened per second of its CPU time. Then
// 2,000 sessions get 20 events per second, as in bench/peers. Ratios are against the hub without
// authentication of the same round, and for two workers against those without the limit.

import { readCpu } from '@tidemark/testkit'
import { buildGenerator } from './peers/load-generator.ts'
import { textPayload } from './peers/payload.ts'
import { resultsFolder } from './peers/results.ts'
import type { RunningPeer, StartOptions } from './peers/server.ts'
import { startHub } from './peers/servers/hub.ts'
import { postRequest } from './peers/servers/requests.ts'
import { cpuPerDelivery, runLoad, withServer } from './peers/workload.ts'
import { readFlag } from './support/flags.ts'
import { median, tableRow } from './support/statistics.ts'
import { flagsFor, headersFor, listRequests } from './support/token-requests.ts'
import type { Algorithm } from './support/token-requests.ts'

const rounds = Number(readFlag('rounds') ?? 7)
const streams = Number(readFlag('streams') ?? 10_000)
const seconds = Number(readFlag('seconds') ?? 6)
const sessions = 2_000
const topic = 'bench/1'
const widths = [28, 12, 8, 12, 8, 18, 8]

interface Contender {
  readonly name: string
  readonly algorithm: Algorithm
  /** Without the limit of streams per user. */
  readonly isUnlimited?: true
  readonly workers?: number
  /** The name of the contender to compare with. Default: the first. */
  readonly against?: string
}

interface Measured {
  /** Streams opened per second of the server's CPU time, with tokens that mostly come for the first time. */
  readonly first: number
  /** The same with tokens that have come before. */
  readonly again: number
  /** Microseconds of the server's CPU time. */
  readonly delivery: number
}

const unlimitedWorkers = 'two workers, any number'
const contenders: readonly Contender[] = [
  { name: 'without authentication', algorithm: undefined },
  { name: 'tokens by a secret (HS256)', algorithm: 'HS256' },
  { name: 'the same, any number a user', algorithm: 'HS256', isUnlimited: true },
  { name: 'tokens by a key (ES256)', algorithm: 'ES256' },
  { name: unlimitedWorkers, algorithm: 'HS256', workers: 2, isUnlimited: true },
  { name: 'two workers, three a user', algorithm: 'HS256', workers: 2, against: unlimitedWorkers },
]

const settings = { generator: await buildGenerator(resultsFolder), seconds, isQuick: false }
const results = new Map<string, Measured[]>(contenders.map(({ name }) => [name, []]))
for (let round = 0; round < rounds; round++) {
  for (const contender of contenders) results.get(contender.name)?.push(await measure(contender))
}
print()

function measure({ algorithm, isUnlimited, workers = 1 }: Contender): Promise<Measured> {
  const start = (options: StartOptions): Promise<RunningPeer> =>
    startHub(options, [
      ...flagsFor(algorithm, options.directory),
      `--workers=${workers}`,
      ...(isUnlimited === true ? ['--limits-sessions-per-user=none'] : []),
    ])
  return withServer(start, async (peer) => {
    const requests = listRequests(algorithm, { topic, users: 1_000, prefix: 'user' })
    await open(peer, requests, 5_000)
    const strangers = listRequests(algorithm, { topic, users: 2 * streams, prefix: 'stranger' })
    const first = await open(peer, strangers, streams)
    const again = await open(peer, requests, streams)
    const outcome = await runLoad(peer, settings, {
      groups: [{ name: 'all', connections: sessions, requests }],
      publishing: {
        requests: [postRequest(`/topics/${topic}`, textPayload(128), headersFor(algorithm, 'app'))],
        eventsPerSecond: 20,
      },
      warmupMs: 3_000,
      windowMs: seconds * 1_000,
    })
    return { first, again, delivery: cpuPerDelivery(outcome).cpu }
  })
}

/** Opens streams and leaves each when its answer has begun; resolves to how many per CPU second. */
async function open(
  peer: RunningPeer,
  requests: readonly string[],
  count: number,
): Promise<number> {
  const before = cpuMs(peer)
  await runLoad(peer, settings, {
    groups: [{ name: 'opening', connections: 300, requests, isChecked: false }],
    warmupMs: 0,
    windowMs: 0,
    cycles: { count, lifeMs: 150, isFromAnswer: true },
  })
  return (count * 1_000) / (cpuMs(peer) - before)
}

function cpuMs(peer: RunningPeer): number {
  const { userMs, systemMs } = readCpu(peer.pids())
  return userMs + systemMs
}

function print(): void {
  const [first] = contenders
  const titles = ['', 'first time', 'ratio', 'again', 'ratio', 'µs per delivery', 'ratio']
  console.log(`streams opened per CPU second, then deliveries; medians of ${rounds} rounds`)
  console.log(tableRow(titles, widths))
  for (const { name, against = first?.name ?? '' } of contenders) {
    const measured = results.get(name) ?? []
    const base = results.get(against) ?? []
    const cells = (['first', 'again', 'delivery'] as const).flatMap((figure) => [
      median(measured.map((one) => one[figure])).toFixed(figure === 'delivery' ? 2 : 0),
      median(measured.map((one, i) => one[figure] / (base[i]?.[figure] ?? Number.NaN))).toFixed(3),
    ])
    console.log(tableRow([name, ...cells], widths))
  }
}
