// Group commit: appends gather while the transaction before them is on its way to the disk.

import { LogError } from '@tidemark/log'
import type { NewBatch, Position } from '@tidemark/log'
import { sequenceOf } from '@tidemark/log/driver'
import { appendGroup } from './append-group.ts'
import type { GroupResult } from './append-group.ts'
import type { LogContext } from '../log-context.ts'
import { toUnavailable } from '../failures.ts'
import { groupDataMax, groupEventsMax } from '../limits.ts'

export interface AppendCounts {
  /** Write transactions that stored events. */
  commits: number
  /** Batches answered with positions, repeated ones included. */
  batches: number
  /** Events stored. */
  events: number
}

interface Waiting {
  readonly batch: NewBatch
  readonly dataLength: number
  /** By `clock.elapsed()`: until then it may wait for others. */
  readonly dueAt: number
  readonly resolve: (positions: readonly Position[]) => void
  readonly reject: (error: unknown) => void
}

export interface AppendQueueOptions {
  readonly context: LogContext
  /** Told of what a group has added once it is as durable as configured and its publishers have been answered. */
  readonly onCommit: (result: GroupResult) => void
}

/** One transaction at a time; it takes whatever has gathered when it gets the write lock. */
export class AppendQueue {
  readonly counts: AppendCounts = { commits: 0, batches: 0, events: 0 }
  readonly #context: LogContext
  readonly #onCommit: (result: GroupResult) => void
  #waiting: Waiting[] = []
  #running: Promise<void> | undefined
  /** When the least patient of those who wait is due. */
  #dueAt = Infinity
  /** Ends the waiting for others. */
  #hurry: () => void = () => undefined
  #inFlightFirst = Infinity

  constructor({ context, onCommit }: AppendQueueOptions) {
    this.#context = context
    this.#onCommit = onCommit
  }

  /**
   * The first sequence of the group that is being committed, Infinity for none. It may be visible already, but
   * without what it superseded of itself; `onCommit` has the whole.
   */
  get inFlightFirst(): number {
    return this.#inFlightFirst
  }

  append(batch: NewBatch): Promise<readonly Position[]> {
    return new Promise((resolve, reject) => {
      let dataLength = 0
      for (const { data } of batch.events) dataLength += data.length
      const dueAt = this.#context.clock.elapsed() + (batch.patienceMs ?? 0)
      this.#waiting.push({ batch, dataLength, dueAt, resolve, reject })
      if (dueAt < this.#dueAt) {
        this.#dueAt = dueAt
        this.#hurry()
      }
      this.#running ??= this.#run()
    })
  }

  /** Resolves when nothing waits any more. */
  async drain(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      if (this.#restMs >= 1) await this.#gather()
      await this.#commitGroup()
    }
    this.#running = undefined
  }

  /** How long the least patient of those who wait still may. Timers count whole milliseconds: less than one is not worth one. */
  get #restMs(): number {
    return this.#dueAt - this.#context.clock.elapsed()
  }

  /** Waits for others; whoever comes and is less patient ends it earlier. */
  async #gather(): Promise<void> {
    while (this.#restMs >= 1) {
      await new Promise<void>((resolve) => {
        const { clock } = this.#context
        const timer = clock.after(Math.ceil(this.#restMs), resolve, { isAwaited: true })
        this.#hurry = () => {
          timer.cancel()
          resolve()
        }
      })
      this.#hurry = () => undefined
    }
  }

  async #commitGroup(): Promise<void> {
    let group: readonly Waiting[] = []
    try {
      const result = await this.#context.writer.run(() => {
        group = this.#takeGroup()
        const appended = appendGroup(
          this.#context,
          group.map(({ batch }) => batch),
        )
        const [oldest] = appended.records
        if (oldest !== undefined) this.#inFlightFirst = sequenceOf(oldest.position)
        return appended
      })
      this.#inFlightFirst = Infinity
      this.#answer(group, result)
      if (result.records.length > 0) await afterAnswers(() => this.#onCommit(result))
    } catch (error) {
      this.#inFlightFirst = Infinity
      const failure = await toUnavailable(error, 'storing events')
      // An error before the transaction began concerns all who wait.
      const failed = group.length > 0 ? group : this.#takeAll()
      for (const { reject } of failed) reject(failure)
    }
  }

  #takeAll(): readonly Waiting[] {
    this.#dueAt = Infinity
    return this.#waiting.splice(0)
  }

  #takeGroup(): readonly Waiting[] {
    let events = 0
    let data = 0
    let count = 0
    for (const { batch, dataLength } of this.#waiting) {
      events += batch.events.length
      data += dataLength
      if (count > 0 && (events > groupEventsMax || data > groupDataMax)) break
      count += 1
    }
    const group = this.#waiting.splice(0, count)
    this.#dueAt = Math.min(...this.#waiting.map(({ dueAt }) => dueAt))
    return group
  }

  #answer(group: readonly Waiting[], result: GroupResult): void {
    const { runs, records } = result
    const { lineage } = this.#context
    if (records.length > 0) this.counts.commits += 1
    this.counts.events += records.length
    for (const [i, { resolve, reject }] of group.entries()) {
      const run = runs[i]
      if (run === undefined || run instanceof LogError) {
        reject(run)
        continue
      }
      this.counts.batches += 1
      resolve(Array.from({ length: run.count }, (_, j) => lineage.positionAt(run.first + j)))
    }
  }
}

/**
 * Handing over to tails may write to thousands of sessions at once. Publishers need not wait for that: what follows from their
 * answers in microtasks, over HTTP/1.1 down to the write on their socket, is done before the next tick.
 */
function afterAnswers(task: () => void): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(() => {
      try {
        task()
      } finally {
        resolve()
      }
    })
  })
}
