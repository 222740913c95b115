// Whether the figures are the server's: what else may have shaped them, in sentences that say what to do.

import {
  busyShareMax,
  lateMs,
  lateShareMax,
  loopDelayMsMax,
  machineShareMax,
  publishesInFlightMax,
} from './limits.ts'
import type { BenchResult } from './result.ts'

/** The part of a result that the judgement needs. */
export type Judged = Pick<
  BenchResult,
  'settings' | 'connections' | 'publishes' | 'generator' | 'server' | 'load'
> & {
  readonly seconds: readonly { readonly second: number; readonly machineCpu: number | null }[]
}

/** Sentences, the weightiest first; empty when the generator had time to spare. */
export function findBottlenecks(result: Judged): string[] {
  return [
    ...judgeConnections(result),
    ...judgeReaders(result),
    ...judgePublishes(result),
    ...judgeMachine(result),
  ]
}

function judgeConnections({ connections }: Judged): string[] {
  const count = (code: string): number =>
    connections.failures.find(({ reason }) => reason === code)?.count ?? 0
  const portless = count('EADDRNOTAVAIL')
  const descriptorless = count('EMFILE') + count('ENFILE')
  return [
    ...(portless === 0
      ? []
      : [
          `${portless} connections found no free port on this machine (EADDRNOTAVAIL): towards one address Linux has 28,000. Widen net.ipv4.ip_local_port_range, or run the load generator on several machines.`,
        ]),
    ...(descriptorless === 0
      ? []
      : [
          `${descriptorless} connections found no free file descriptor on this machine. Raise the limit with ulimit -n, or raise --processes.`,
        ]),
  ]
}

function judgeReaders({ generator, settings }: Judged): string[] {
  const readers = generator.processes.filter(({ role }) => role === 'read')
  const busiest = [...readers].sort((a, b) => b.loopMean - a.loopMean)[0]
  if (busiest === undefined) return []
  const more =
    settings.processes < generator.cores
      ? `Raise --processes (now ${settings.processes}, this machine has ${generator.cores} cores)`
      : 'Run it on another machine than the server'
  if (busiest.cpuMean >= busyShareMax) {
    return [
      `The load generator used ${percent(busiest.cpuMean)} of a core: the figures are its limit, not the server's. ${more}, or lower --rate or --connections.`,
    ]
  }
  if (busiest.loopMean >= busyShareMax) {
    return [
      `The load generator had work ${percent(busiest.loopMean)} of the time but got ${percent(busiest.cpuMean)} of a core: latencies include its waiting for one. Run it on another machine than the server, or lower --rate or --connections.`,
    ]
  }
  const slowest = Math.max(...readers.map(({ loopDelayMs }) => loopDelayMs))
  if (slowest < loopDelayMsMax) return []
  return [
    `The load generator stood still for ${Math.round(slowest)} ms at times, so single latencies up to that may be its own. Leave the machine to the test, or run it on another one than the server.`,
  ]
}

function judgePublishes({ publishes, settings, generator }: Judged): string[] {
  if (publishes === null || publishes.due === 0) return []
  const sentences: string[] = []
  const unsent = 1 - publishes.sent / publishes.due
  if (unsent > lateShareMax) {
    const busy = generator.processes.find(({ role }) => role === 'publish')?.loopMean ?? 0
    const why =
      publishes.heldUp > 0
        ? `the server left ${publishesInFlightMax} earlier ones unanswered`
        : `the publisher did not get to them, with work ${percent(busy)} of the time`
    sentences.push(
      `Of ${settings.rate} publishes per second asked for, ${percent(unsent)} were never sent: ${why}. Lower --rate.`,
    )
  }
  const late = publishes.late / Math.max(1, publishes.sent)
  if (late > lateShareMax) {
    sentences.push(
      `${percent(late)} of the publishes left more than ${lateMs} ms after they were due. The latency from the schedule includes that delay, the latency from the send does not.`,
    )
  }
  return sentences
}

function judgeMachine({ server, load, seconds }: Judged): string[] {
  if (server === null) return []
  const shares = seconds
    .filter(({ second }) => second >= load.from && second < load.to)
    .flatMap(({ machineCpu }) => machineCpu ?? [])
  const mean = shares.reduce((sum, share) => sum + share, 0) / Math.max(1, shares.length)
  if (mean < machineShareMax) return []
  return [
    `All cores of this machine were busy (${percent(mean)}): server, load generator and whatever else runs here were in each other's way. Run the load generator on another machine for the server's own figures.`,
  ]
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
