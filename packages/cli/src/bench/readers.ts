// All processes that read streams, as the first process sees them.

import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { CliError } from '../errors.ts'
import type { Order, Published, ReaderResult, ReaderSecond, Report } from './messages.ts'
import type { Plan } from './plan.ts'

/** Beside this file, and built with it. */
const programPath = fileURLToPath(new URL('reader-process.js', import.meta.url))

/** The processes of one run. */
export class Readers {
  /** Resolves when every connection is open or has failed. */
  readonly settled: Promise<void>
  /** The counts of each process, when all are done. Rejects when one dies before. */
  readonly results: Promise<ReaderResult[]>
  readonly #children: ChildProcess[]

  constructor(
    plan: Plan,
    originMicros: number,
    onSecond: (index: number, second: ReaderSecond) => void,
  ) {
    this.#children = Array.from({ length: plan.processes }, () =>
      fork(programPath, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }),
    )
    const settlements: Promise<void>[] = []
    const results: Promise<ReaderResult>[] = []
    for (const [index, child] of this.#children.entries()) {
      const { promise: settled, resolve: settle } = newPromise<undefined>()
      const { promise: result, resolve, reject } = newPromise<ReaderResult>()
      child.on('message', (report: Report) => {
        if (report.kind === 'second') onSecond(index, report.second)
        else if (report.kind === 'settled') settle(undefined)
        else if (report.kind === 'done') resolve(report.result)
        else reject(died(report.reason))
      })
      child.once('error', reject)
      child.once('exit', (code, signal) => reject(died(`exit ${String(signal ?? code)}`)))
      // A process that dies must not leave the others waiting for its connections.
      void result.then(undefined, () => undefined).then(() => settle(undefined))
      settlements.push(settled)
      results.push(result)
      this.#send(child, { kind: 'open', plan, index, originMicros })
    }
    this.settled = Promise.all(settlements).then(() => undefined)
    this.results = Promise.all(results)
    // A caller that awaits it is told. Until then the rejection must not count as unhandled.
    this.results.catch(() => undefined)
  }

  get pids(): readonly number[] {
    return this.#children.flatMap(({ pid }) => (pid === undefined ? [] : [pid]))
  }

  beginLoad(): void {
    for (const child of this.#children) this.#send(child, { kind: 'load' })
  }

  finish(published: Published): void {
    for (const child of this.#children) this.#send(child, { kind: 'finish', published })
  }

  /** From now on nobody who is silent is waited for. */
  hurry(): void {
    for (const child of this.#children) this.#send(child, { kind: 'hurry' })
  }

  /** Ends all processes, done or not. */
  async close(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return
        const exited = once(child, 'exit')
        if (child.connected) child.disconnect()
        await exited
      }),
    )
  }

  #send(child: ChildProcess, order: Order): void {
    // A process that cannot be sent to has ended, which `results` tells.
    if (child.connected) child.send(order, () => undefined)
  }
}

function newPromise<Value>(): {
  readonly promise: Promise<Value>
  readonly resolve: (value: Value) => void
  readonly reject: (reason: Error) => void
} {
  let resolve: (value: Value) => void = () => undefined
  let reject: (reason: Error) => void = () => undefined
  const promise = new Promise<Value>((onValue, onReason) => {
    resolve = onValue
    reject = onReason
  })
  return { promise, resolve, reject }
}

function died(reason: string): CliError {
  return new CliError(
    'BENCH_FAILED',
    `A process of the load tester ended early (${reason}). Ask for fewer --connections per process, or look whether the machine has run out of memory.`,
  )
}
