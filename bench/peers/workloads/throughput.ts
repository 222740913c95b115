// 1,000 publishes a second to 1,000 sessions, a million deliveries a second; who cannot is measured
// where it does best.

import type { LoadOutcome } from '../load-generator.ts'
import { planOneAudience } from '../one-audience.ts'
import type { PeerServer } from '../server.ts'
import { coresOf, duplicatedOf, measureLoad, missingOf } from '../workload.ts'
import type { Contender, RunSettings, Workload } from '../workload.ts'

const sessions = 1_000
/** Publishes per second, tried from the first on until all of one are delivered. */
const rates = [1_000, 500, 200, 100, 50, 20]
/**
 * Keep-alive connections: a server may answer a publish only after some milliseconds and still take
 * 1,000 a second.
 */
const publishers = 16
/** The share of the deliveries that were due within the window; the rest are on the way when it ends. */
const sustainedShare = 0.98

export const throughput: Workload = {
  name: 'throughput',
  title: '1,000 publishes per second to 1,000 sessions',
  text: 'Events of 128 bytes, 1,000,000 deliveries per second asked for. Each server is first tried at 1,000, 500, 200, 100, 50 and 20 publishes per second until it keeps up. The rounds run at the rate with the most deliveries per CPU second without a loss, be the server overloaded there or not. Missing is what has not arrived 10 s after the window either.',
  figures: [
    { key: 'perCpuSecond', title: 'deliveries per CPU second', digits: 0 },
    { key: 'rate', title: 'at publishes/s', digits: 0 },
    { key: 'deliveries', title: 'deliveries/s', digits: 0 },
    { key: 'share', title: 'of those asked for', digits: 2 },
    { key: 'cores', title: 'cores', digits: 2 },
    { key: 'p50', title: 'p50 ms', digits: 1 },
    { key: 'p99', title: 'p99 ms', digits: 1 },
    { key: 'missing', title: 'missing', digits: 0 },
    { key: 'duplicated', title: 'twice', digits: 0 },
    { key: 'reached', title: 'deliveries/s reached at 1,000/s', digits: 0 },
    { key: 'others', title: 'cores of others', digits: 1 },
  ],
  contenders: (peers) => peers.map(contend),
  goals: [
    // 1,000,000 are asked for; a window that begins just behind a flush and ends just before one holds
    // a flush less.
    { figure: 'deliveries', of: 'hub', atLeast: 990_000 },
    { figure: 'cores', of: 'hub', atMost: 0.6 },
    { figure: 'p99', of: 'hub', atMost: 40 },
    { figure: 'missing', of: 'hub', atMost: 0 },
    { figure: 'perCpuSecond', of: 'hub', against: 'nchan', atLeast: 10 },
    { figure: 'perCpuSecond', of: 'hub', against: 'mercure', atLeast: 15 },
    { figure: 'perCpuSecond', of: 'hub', against: 'centrifuge', atLeast: 15 },
    { figure: 'perCpuSecond', of: 'hub', against: 'centrifuge-history', atLeast: 15 },
    { figure: 'perCpuSecond', of: 'hub', against: 'centrifuge-delay', atLeast: 15 },
  ],
}

/** One server at one rate. */
interface Attempt {
  readonly rate: number
  readonly perCpuSecond: number
  readonly deliveriesPerSecond: number
  readonly isSustained: boolean
  readonly missing: number
  readonly outcome: LoadOutcome
}

function contend(server: PeerServer): Contender {
  let found: { readonly best: number; readonly reached: number } | undefined
  return {
    name: server.name,
    measure: async (settings) => {
      found ??= await findRate(server, settings)
      const attempt = await tryRate(server, found.best, settings)
      const latency = attempt.outcome.groups[0]?.latency
      return {
        perCpuSecond: attempt.perCpuSecond,
        rate: found.best,
        deliveries: attempt.deliveriesPerSecond,
        share: attempt.deliveriesPerSecond / (found.best * sessions),
        cores: coresOf(attempt.outcome),
        p50: latency?.p50 ?? Number.NaN,
        p99: latency?.p99 ?? Number.NaN,
        missing: attempt.missing,
        duplicated: duplicatedOf(attempt.outcome),
        reached: found.reached,
        others: attempt.outcome.othersCores,
      }
    },
  }
}

async function findRate(
  server: PeerServer,
  settings: RunSettings,
): Promise<{ best: number; reached: number }> {
  const attempts: Attempt[] = []
  for (const rate of rates) {
    const attempt = await tryRate(server, rate, {
      ...settings,
      seconds: Math.min(5, settings.seconds),
    })
    attempts.push(attempt)
    if (attempt.isSustained) break
  }
  const whole = attempts.filter(({ missing }) => missing === 0)
  const best = whole.toSorted((a, b) => b.perCpuSecond - a.perCpuSecond)[0]
  const fallback = attempts.at(-1)?.rate ?? 0
  return { best: best?.rate ?? fallback, reached: attempts[0]?.deliveriesPerSecond ?? 0 }
}

async function tryRate(server: PeerServer, rate: number, settings: RunSettings): Promise<Attempt> {
  const outcome = await measureLoad(server.start, settings, (peer) =>
    planOneAudience(peer, {
      sessions,
      eventsPerSecond: rate,
      publishers,
      warmupMs: settings.isQuick ? 1_000 : 3_000,
      windowMs: settings.seconds * 1_000,
      // Overloaded servers may have seconds of events on the way.
      drainMs: 10_000,
    }),
  )
  const deliveriesPerSecond = outcome.deliveries / (outcome.windowMs / 1_000)
  const missing = missingOf(outcome)
  const cpuSeconds = (outcome.cpu.userMs + outcome.cpu.systemMs) / 1_000
  return {
    rate,
    perCpuSecond: outcome.deliveries / cpuSeconds,
    deliveriesPerSecond,
    isSustained: missing === 0 && deliveriesPerSecond >= rate * sessions * sustainedShare,
    missing,
    outcome,
  }
}
