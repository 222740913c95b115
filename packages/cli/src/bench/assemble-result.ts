// Everything the parts of a run have measured, as one result.

import { availableParallelism } from 'node:os'
import { findBottlenecks } from './bottleneck.ts'
import type { Histogram } from './histogram.ts'
import type { ReaderResult } from './messages.ts'
import type { Plan } from './plan.ts'
import type { Answerer } from './probe.ts'
import type { Publisher } from './publisher.ts'
import { ReasonCounts } from './reason-counts.ts'
import { readPercentiles } from './result.ts'
import type { BenchResult, GeneratorProcess } from './result.ts'
import type { BusyShare } from './self-watch.ts'
import { mergeAll } from './series.ts'
import type { Second, Series } from './series.ts'

/** The figures that the parts of a run have measured. */
export interface Measured {
  readonly plan: Plan
  /** Undefined when the run was ended before anybody answered. */
  readonly answerer: Answerer | undefined
  readonly startedAt: Date
  readonly isInterrupted: boolean
  readonly load: { readonly from: number; readonly to: number }
  readonly publisher: Publisher | undefined
  readonly readers: readonly ReaderResult[]
  readonly latency: Histogram
  readonly latencyFromSend: Histogram
  readonly between: Histogram
  readonly series: Series
  readonly serverPids: readonly number[] | undefined
  /** From before the first connection. */
  readonly serverMemoryBeforeBytes: number
  /** From the load's beginning until the last event was there or given up. */
  readonly serverCpuSeconds: number
}

/** Makes the result. */
export function assembleResult(measured: Measured): BenchResult {
  const { plan, answerer, load, publisher, series, latency, latencyFromSend, between } = measured
  const { target, runId: _, ...settings } = plan
  const seconds = series.toList()
  const result = {
    format: 'tidemark-bench/1' as const,
    startedAt: measured.startedAt.toISOString(),
    isInterrupted: measured.isInterrupted,
    target: {
      url: target.url,
      publishUrl: target.publish?.url ?? null,
      isHub: target.isHub,
      server: answerer?.server ?? null,
    },
    settings,
    connections: sumConnections(plan, measured.readers),
    publishes: publisher === undefined ? null : describePublishes(publisher),
    deliveries: sumDeliveries(measured),
    latencyMs:
      publisher === undefined
        ? null
        : { fromSchedule: readPercentiles(latency), fromSend: readPercentiles(latencyFromSend) },
    betweenMs: publisher === undefined ? readPercentiles(between) : null,
    generator: { cores: availableParallelism(), processes: series.busy.map(describeProcess) },
    server: describeServer(measured, seconds),
    load,
    seconds,
  }
  return { ...result, warnings: findBottlenecks(result) }
}

function sumConnections(
  { connections }: Plan,
  readers: readonly ReaderResult[],
): BenchResult['connections'] {
  const failures = new ReasonCounts()
  const interruptions = new ReasonCounts()
  for (const reader of readers) {
    failures.merge(reader.failures)
    interruptions.merge(reader.interruptions)
  }
  return {
    asked: connections,
    opened: sum(readers.map(({ opened }) => opened)),
    failed: failures.total,
    failures: failures.toList(),
    reconnects: sum(readers.map(({ reconnects }) => reconnects)),
    interruptions: interruptions.toList(),
    connectMs: readPercentiles(mergeAll(readers.map(({ connect }) => connect))),
  }
}

function describePublishes(publisher: Publisher): NonNullable<BenchResult['publishes']> {
  const { due, sent, late, heldUp, acknowledged, failures, acknowledge } = publisher
  return {
    due: Math.max(due, sent),
    sent,
    late,
    heldUp,
    acknowledged,
    failed: failures.total,
    failures: failures.toList(),
    acknowledgeMs: readPercentiles(acknowledge),
  }
}

function sumDeliveries({ readers, publisher, load }: Measured): BenchResult['deliveries'] {
  const received = sum(readers.map(({ deliveries }) => deliveries))
  const known = (read: (reader: ReaderResult) => number): number | null =>
    publisher === undefined ? null : sum(readers.map(read))
  return {
    received,
    perSecond: load.to > load.from ? received / (load.to - load.from) : 0,
    bytes: sum(readers.map(({ bytes }) => bytes)),
    otherEvents: sum(readers.map(({ otherEvents }) => otherEvents)),
    expected: known(({ owed }) => owed),
    missing: known(({ missing }) => missing),
    duplicated: known(({ duplicated }) => duplicated),
    outOfOrder: known(({ outOfOrder }) => outOfOrder),
  }
}

function describeProcess(busy: readonly BusyShare[], index: number): GeneratorProcess {
  return {
    role: index === 0 ? 'publish' : 'read',
    cpuMean: meanOver(busy, ({ cpu }) => cpu),
    // A share of a moment says nothing: CPU time is counted in steps.
    cpuMax: Math.max(0, ...busy.filter(({ seconds }) => seconds >= 0.5).map(({ cpu }) => cpu)),
    loopMean: meanOver(busy, ({ loop }) => loop),
    loopDelayMs: Math.max(0, ...busy.map(({ loopDelayMs }) => loopDelayMs)),
  }
}

function describeServer(
  { serverPids, serverCpuSeconds, serverMemoryBeforeBytes, load, readers }: Measured,
  seconds: readonly Second[],
): BenchResult['server'] {
  const memory = seconds.flatMap(({ serverMemoryBytes }) => serverMemoryBytes ?? [])
  if (serverPids === undefined || memory.length === 0) return null
  const cpu = seconds
    .filter(({ second }) => second >= Math.floor(load.from) && second < Math.ceil(load.to))
    .flatMap(({ serverCpu }) => serverCpu ?? [])
  const received = sum(readers.map(({ deliveries }) => deliveries))
  return {
    pids: serverPids,
    cpuMean: sum(cpu) / Math.max(1, cpu.length),
    cpuMax: Math.max(0, ...cpu),
    cpuMicrosPerDelivery: received === 0 ? null : (serverCpuSeconds * 1e6) / received,
    memoryBeforeBytes: serverMemoryBeforeBytes,
    memoryMaxBytes: Math.max(serverMemoryBeforeBytes, ...memory),
    memoryLastBytes: memory.at(-1) ?? 0,
  }
}

/** Looks are not equally far apart when the process is short of time. */
function meanOver(busy: readonly BusyShare[], read: (each: BusyShare) => number): number {
  const seconds = sum(busy.map((each) => each.seconds))
  return seconds === 0 ? 0 : sum(busy.map((each) => read(each) * each.seconds)) / seconds
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
