// Builds the load generator, runs a plan with it, and measures the server during its window.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { readCpu, readMachineCpuMs } from '@tidemark/testkit'
import type { Cpu } from '@tidemark/testkit'
import { buildC } from './build-c.ts'
import { renderPlan } from './load-plan.ts'
import type { LoadPlan } from './load-plan.ts'

/** Milliseconds. */
interface Latencies {
  readonly count: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/** The counts of one group of connections. */
interface GroupReport {
  readonly name: string
  /**
   * Connections answered with 200, not connected or cut before an answer, and answered with anything
   * else.
   */
  readonly opened: number
  readonly failed: number
  readonly refused: number
  /** Ended by the server. */
  readonly closed: number
  readonly gzip: number
  /** Events and bytes that arrived within the window, and bytes in all. */
  readonly deliveries: number
  readonly bytes: number
  readonly bytesAll: number
  /**
   * Over all connections that read: acknowledged events that did not arrive, and events that arrived
   * twice or after a later one.
   */
  readonly missing: number
  readonly duplicated: number
  readonly disordered: number
  readonly latency: Latencies | null
}

/** The report of the generator. */
interface LoadReport {
  readonly windowMs: number
  readonly cpuUserMs: number
  readonly cpuSystemMs: number
  readonly cycles: number
  readonly published: number
  readonly publishedInWindow: number
  readonly acknowledged: number
  /** Publishes answered with anything but 2xx. */
  readonly refused: number
  /** Publishes sent more than 10 ms after they were due, and never sent. */
  readonly late: number
  readonly latestMs: number
  readonly unsent: number
  readonly brokenPublishers: number
  readonly answers: Latencies | null
  /** From publish to the first, and to the last delivery of each event. */
  readonly first: Latencies | null
  readonly last: Latencies | null
  readonly groups: readonly GroupReport[]
}

/** One run: what the generator saw, and what the server took within the window. */
export interface LoadOutcome extends LoadReport {
  readonly cpu: Cpu
  /** The load of the rest of the machine meanwhile, in cores: how noisy this run was. */
  readonly othersCores: number
  /** Deliveries of all groups. */
  readonly deliveries: number
}

/** Acts of a measurement meanwhile. */
export interface LoadWatch {
  /** Called when the window begins; its promise is waited for, though not by the generator. */
  readonly onWindow?: () => Promise<void>
}

type Happening =
  | { readonly at: 'connected' | 'begin' | 'end' }
  | ({ readonly at: 'done' } & LoadReport)

const sources = fileURLToPath(new URL('load/', import.meta.url))

/**
 * Builds the generator below `directory`.
 * @throws Error with the compiler's words
 */
export function buildGenerator(directory: string): Promise<string> {
  return buildC({ name: 'load', sources, directory })
}

/** Runs a plan with the generator at `program`. Rejects when it ends in any other way than with a report. */
export async function runPlan(
  program: string,
  plan: LoadPlan,
  watch: LoadWatch = {},
): Promise<LoadOutcome> {
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] })
  const killNow = (): boolean => child.kill('SIGKILL')
  process.once('exit', killNow)
  child.stdin.end(renderPlan(plan), 'latin1')
  const pids = plan.peer.pids()
  let before: Snapshot | undefined
  let after: Snapshot | undefined
  let watched: Promise<void> | undefined
  let report: LoadReport | undefined
  const ended = once(child, 'close')
  for await (const line of createInterface({ input: child.stdout })) {
    const happening = JSON.parse(line) as Happening
    if (happening.at === 'begin') {
      before = takeSnapshot(pids)
      watched = watch.onWindow?.()
    } else if (happening.at === 'end') after = takeSnapshot(pids)
    else if (happening.at === 'done') report = happening
  }
  await Promise.all([ended, watched])
  process.off('exit', killNow)
  if (report === undefined || before === undefined || after === undefined) {
    throw new Error(
      `The load generator ended without a report, with ${child.signalCode ?? child.exitCode}.`,
    )
  }
  const userMs = after.userMs - before.userMs
  const systemMs = after.systemMs - before.systemMs
  const oursMs = userMs + systemMs + report.cpuUserMs + report.cpuSystemMs
  return {
    ...report,
    cpu: { userMs, systemMs },
    othersCores: Math.max(0, after.busyMs - before.busyMs - oursMs) / report.windowMs,
    deliveries: report.groups.reduce((sum, group) => sum + group.deliveries, 0),
  }
}

interface Snapshot extends Cpu {
  readonly busyMs: number
}

function takeSnapshot(pids: readonly number[]): Snapshot {
  return { ...readCpu(pids), busyMs: readMachineCpuMs() }
}
