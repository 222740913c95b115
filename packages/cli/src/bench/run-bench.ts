// A run from its first connection to its result: open, load, wait for the last events.

import { assembleResult } from './assemble-result.ts'
import { onSeconds, pause, readDate, readMicros, secondOf } from './clock.ts'
import { checkDescriptors } from './descriptors.ts'
import { Histogram } from './histogram.ts'
import { settleBeforeMs } from './limits.ts'
import { MachineWatch } from './machine-watch.ts'
import type { Published } from './messages.ts'
import type { Output, Plan } from './plan.ts'
import { tryPublish, tryStream } from './probe.ts'
import { Progress } from './progress.ts'
import { Publisher } from './publisher.ts'
import { Readers } from './readers.ts'
import type { BenchResult } from './result.ts'
import { SelfWatch } from './self-watch.ts'
import { Series } from './series.ts'
import { watchServer } from './server-watch.ts'
import type { ServerWatch } from './server-watch.ts'

/**
 * Runs a plan; when the signal aborts, what was measured so far is the result.
 * @throws CliError `BENCH_UNREACHABLE`, `BENCH_NOT_SSE`, `BENCH_REFUSED`, `BENCH_DESCRIPTORS`, `BENCH_FAILED`
 */
export async function runBench(
  plan: Plan,
  output: Output,
  signal: AbortSignal,
): Promise<BenchResult> {
  checkDescriptors(plan)
  const startedAt = readDate()
  const originMicros = readMicros()
  const answerer = await tryStream(plan, signal)
  const located = { ...plan, target: { ...plan.target, address: answerer?.address } }
  const publisher =
    plan.target.publish === undefined
      ? undefined
      : new Publisher(plan, plan.target.publish, originMicros)
  if (publisher !== undefined && !signal.aborted) await tryPublish(publisher, signal)
  const url = new URL(plan.target.url)
  const server = watchServer({
    pid: output.pid,
    address: answerer?.address,
    port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
  })
  const run = new Run(located, {
    publisher,
    server,
    originMicros,
    reportEveryMs: output.reportEveryMs,
    signal,
  })
  try {
    const measured = await run.go()
    return assembleResult({ ...measured, answerer, startedAt, isInterrupted: signal.aborted })
  } finally {
    await run.close()
  }
}

interface RunParts {
  readonly originMicros: number
  readonly publisher: Publisher | undefined
  readonly server: ServerWatch | undefined
  readonly reportEveryMs: number
  readonly signal: AbortSignal
}

type RunMeasured = Omit<
  Parameters<typeof assembleResult>[0],
  'answerer' | 'startedAt' | 'isInterrupted'
>

class Run {
  readonly #plan: Plan
  readonly #parts: RunParts
  readonly #originMicros: number
  readonly #series: Series
  readonly #readers: Readers
  readonly #progress: Progress
  readonly #self = new SelfWatch()
  readonly #machine = new MachineWatch()
  readonly #latency = new Histogram()
  readonly #latencyFromSend = new Histogram()
  readonly #between = new Histogram()
  #publishedBefore = 0
  #hasTicked = false
  #hasBegun = false

  constructor(plan: Plan, parts: RunParts) {
    this.#plan = plan
    this.#parts = parts
    this.#originMicros = parts.originMicros
    this.#series = new Series(plan.processes)
    this.#progress = new Progress(this.#series, {
      connections: plan.connections,
      reportEveryMs: parts.reportEveryMs,
    })
    // Ended before its first connection, a run needs nobody to open any.
    const processes = parts.signal.aborted ? 0 : plan.processes
    this.#readers = new Readers({ ...plan, processes }, this.#originMicros, (process, second) => {
      const isComplete = this.#series.addReader(process, second)
      this.#latency.merge(second.latency)
      this.#latencyFromSend.merge(second.latencyFromSend)
      this.#between.merge(second.between)
      if (isComplete) this.#progress.tell()
    })
  }

  async go(): Promise<RunMeasured> {
    const { signal } = this.#parts
    const ticks = onSeconds(this.#originMicros, (second) => this.#tick(second))
    try {
      const aborted = whenAborted(signal).then(() => this.#readers.hurry())
      // A process that dies ends the run at once.
      const results = this.#readers.results
      await Promise.race([this.#readers.settled, aborted, results])
      await pause(settleBeforeMs, signal)
      const cpuBefore = this.#parts.server?.readCpuSeconds() ?? 0
      const from = this.#elapsed()
      // Ended before the load, a run has none.
      if (!signal.aborted) this.#begin()
      await Promise.race([pause(this.#plan.durationMs, signal), results])
      const to = signal.aborted && !this.#hasBegun ? from : this.#elapsed()
      this.#progress.enter('waiting for the last events')
      this.#readers.finish(await this.#endPublishing())
      const readers = await results
      const serverCpuSeconds = (this.#parts.server?.readCpuSeconds() ?? 0) - cpuBefore
      return {
        plan: this.#plan,
        load: { from, to },
        publisher: this.#parts.publisher,
        readers,
        latency: this.#latency,
        latencyFromSend: this.#latencyFromSend,
        between: this.#between,
        series: this.#series,
        serverPids: this.#parts.server?.pids,
        serverMemoryBeforeBytes: this.#parts.server?.memoryBeforeBytes ?? 0,
        serverCpuSeconds: Math.max(0, serverCpuSeconds),
      }
    } finally {
      ticks.cancel()
      this.#progress.end()
    }
  }

  close(): Promise<void> {
    return this.#readers.close()
  }

  #begin(): void {
    this.#hasBegun = true
    this.#progress.enter('under load')
    this.#series.beginLoad()
    this.#readers.beginLoad()
    this.#parts.publisher?.begin()
  }

  async #endPublishing(): Promise<Published> {
    const { publisher, signal } = this.#parts
    const published = (await publisher?.end(signal)) ?? { lastByTopic: [], failed: [] }
    // A run under a second has had no full one.
    if (!this.#hasTicked) this.#tick(secondOf(this.#originMicros))
    return published
  }

  #tick(second: number): void {
    this.#hasTicked = true
    const { publisher, server } = this.#parts
    const sent = publisher?.sent ?? 0
    this.#series.addOwn({
      second,
      published: sent - this.#publishedBefore,
      busy: this.#self.look(),
      machineCpu: this.#machine.look(),
      server: server?.look(),
    })
    this.#publishedBefore = sent
  }

  /** Seconds since the run's origin. */
  #elapsed(): number {
    return (readMicros() - this.#originMicros) / 1e6
  }
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
