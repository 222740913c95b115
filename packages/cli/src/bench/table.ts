// The result as a table for people.

import { escapeControls } from '../escape-controls.ts'
import type { ReasonCount } from './reason-counts.ts'
import { renderBytes, renderCores, renderCount, renderMs } from './render-number.ts'
import type { BenchResult, Percentiles } from './result.ts'

/** One line: what, and how much. */
type Row = readonly [label: string, value: string]

/** Lines that belong together. */
export interface Section {
  readonly title: string
  readonly rows: readonly Row[]
}

/** The table as text, with the warnings below it. */
export function renderTable(result: BenchResult): string {
  const sections = describeResult(result)
  const width = Math.max(...sections.flatMap(({ rows }) => rows.map(([label]) => label.length)))
  const blocks = sections.map(({ title, rows }) => {
    const lines = rows.map(([label, value]) => `  ${label.padEnd(width)}  ${escapeControls(value)}`)
    return `${title}\n${lines.join('\n')}\n`
  })
  const warnings = result.warnings.map((sentence) => `! ${sentence}\n`)
  return [...blocks, ...(warnings.length === 0 ? [] : [warnings.join('')])].join('\n')
}

/** The result in words: also what the report's tables show. */
export function describeResult(result: BenchResult): Section[] {
  return [
    { title: 'Connections', rows: describeConnections(result) },
    ...(result.publishes === null
      ? []
      : [{ title: 'Publishes', rows: describePublishes(result.publishes) }]),
    { title: 'Deliveries', rows: describeDeliveries(result) },
    { title: 'Machine', rows: describeMachine(result) },
  ]
}

function describeConnections({ connections }: BenchResult): Row[] {
  const { asked, opened, failed, reconnects, connectMs } = connections
  return [
    ['opened', `${renderCount(opened)} of ${renderCount(asked)}`],
    ['failed', renderCount(failed)],
    ...renderReasons(connections.failures),
    ['time to connect', `p50 ${renderMs(connectMs.p50)}, p99 ${renderMs(connectMs.p99)}`],
    ['reconnects', renderCount(reconnects)],
    ...renderReasons(connections.interruptions),
  ]
}

function describePublishes(publishes: NonNullable<BenchResult['publishes']>): Row[] {
  const { due, sent, late, acknowledged, failed, failures, acknowledgeMs } = publishes
  const delays = late === 0 ? '' : `, ${renderCount(late)} of them late`
  return [
    ['sent', `${renderCount(sent)} of ${renderCount(due)} due${delays}`],
    ['acknowledged', renderCount(acknowledged)],
    ['failed', renderCount(failed)],
    ...renderReasons(failures),
    [
      'time to acknowledge',
      `p50 ${renderMs(acknowledgeMs.p50)}, p99 ${renderMs(acknowledgeMs.p99)}`,
    ],
  ]
}

function describeDeliveries({ deliveries, latencyMs, betweenMs }: BenchResult): Row[] {
  const { received, perSecond, bytes, otherEvents } = deliveries
  const rows: Row[] = [
    ['received', `${renderCount(received)}, ${renderCount(perSecond)} per second`],
    ['bytes', renderBytes(bytes)],
  ]
  if (deliveries.expected !== null) {
    rows.push(
      ['missing', `${renderCount(deliveries.missing ?? 0)} of ${renderCount(deliveries.expected)}`],
      ['duplicated', renderCount(deliveries.duplicated ?? 0)],
      ['out of order', renderCount(deliveries.outOfOrder ?? 0)],
    )
  }
  if (otherEvents > 0) rows.push(['events of others', renderCount(otherEvents)])
  if (latencyMs !== null) {
    rows.push(
      ['latency from schedule', renderPercentiles(latencyMs.fromSchedule)],
      ['latency from send', renderPercentiles(latencyMs.fromSend)],
    )
  }
  if (betweenMs !== null) rows.push(['time between events', renderPercentiles(betweenMs)])
  return rows
}

function describeMachine({ generator, server }: BenchResult): Row[] {
  const rows: Row[] = generator.processes.map(({ role, cpuMean, cpuMax, loopDelayMs }, index) => [
    role === 'publish' ? 'generator, first process' : `generator, reader ${index}`,
    `${renderCores(cpuMean)}, at most ${cpuMax.toFixed(2)}; event loop late by ${renderMs(loopDelayMs)} (p99)`,
  ])
  if (server === null) return [...rows, ['server', 'not on this machine, or not found; see --pid']]
  const { cpuMean, cpuMax, cpuMicrosPerDelivery, pids } = server
  const cost =
    cpuMicrosPerDelivery === null ? '' : `; ${cpuMicrosPerDelivery.toFixed(2)} µs per delivery`
  const memory = [server.memoryBeforeBytes, server.memoryLastBytes, server.memoryMaxBytes]
  const [before = '', last = '', most = ''] = memory.map(renderBytes)
  return [
    ...rows,
    ['server CPU', `${renderCores(cpuMean)}, at most ${cpuMax.toFixed(2)}${cost}`],
    ['server memory', `${before} before, ${last} at the end, ${most} at most`],
    [pids.length === 1 ? 'server process' : 'server processes', pids.join(', ')],
  ]
}

function renderReasons(reasons: readonly ReasonCount[]): Row[] {
  return reasons.map(({ reason, count }) => ['', `${renderCount(count)} × ${reason}`])
}

function renderPercentiles({ count, p50, p90, p99, p999, max }: Percentiles): string {
  if (count === 0) return 'none measured'
  return `p50 ${renderMs(p50)}, p90 ${renderMs(p90)}, p99 ${renderMs(p99)}, p99.9 ${renderMs(p999)}, max ${renderMs(max)}`
}
