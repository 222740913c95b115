// Group commit: appends gather while the transaction before them is being flushed.

import { LogError } from '@tidemark/log'
import type { Position } from '@tidemark/log'
import { sequenceOf } from '@tidemark/log/driver'
import { appendGroup } from './append-group.ts'
import type { GroupResult, Task } from './append-group.ts'
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
  readonly task: Task
  readonly dataLength: number
  /** The latest time to begin, by `clock.elapsed()`; until then the batch may wait for others. */
  readonly dueAt: number
  readonly resolve: (positions: readonly Position[]) => void
  readonly reject: (error: unknown) => void
}

export interface AppendQueueOptions {
  readonly context: LogContext
  /**
   * Called with a group's records once they are as durable as configured and their publishers have
   * been answered.
   */
  readonly onCommit: (result: GroupResult) => void
}

/**
 * Runs one transaction at a time. Each takes all batches that have gathered when it gets the write
 * lock.
 */
export class AppendQueue {
  readonly counts: AppendCounts = { commits: 0, batches: 0, events: 0 }
  readonly #context: LogContext
  readonly #onCommit: (result: GroupResult) => void
  #waiting: Waiting[] = []
  #running: Promise<void> | undefined
  /** The earliest due time of all waiting batches. */
  #dueAt = Infinity
  /** Ends the wait for other batches. */
  #endWait: () => void = () => undefined
  #inFlightFirst = Infinity

  constructor({ context, onCommit }: AppendQueueOptions) {
    this.#context = context
    this.#onCommit = onCommit
  }

  /**
   * The first sequence of the group that is being committed, Infinity for none. The group may be
   * visible already, but without records that it superseded itself. `onCommit` has all of them.
   */
  get inFlightFirst(): number {
    return this.#inFlightFirst
  }

  /** Removes records whose own end has come, and adds the tombstones that they call for. */
  async end(sequences: readonly number[]): Promise<void> {
    await this.append({ events: [], ended: sequences })
  }

  append(task: Task): Promise<readonly Position[]> {
    return new Promise((resolve, reject) => {
      let dataLength = 0
      for (const { data } of task.events) dataLength += data.length
      const dueAt = this.#context.clock.elapsed() + (task.patienceMs ?? 0)
      this.#waiting.push({ task, dataLength, dueAt, resolve, reject })
      if (dueAt < this.#dueAt) {
        this.#dueAt = dueAt
        this.#endWait()
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

  /**
   * The time until the earliest due time. Timers count whole milliseconds, so less than one is not
   * waited for.
   */
  get #restMs(): number {
    return this.#dueAt - this.#context.clock.elapsed()
  }

  /** Waits for other batches. A batch with an earlier due time shortens the wait. */
  async #gather(): Promise<void> {
    while (this.#restMs >= 1) {
      await new Promise<void>((resolve) => {
        const { clock } = this.#context
        const timer = clock.after(Math.ceil(this.#restMs), resolve, { isAwaited: true })
        this.#endWait = () => {
          timer.cancel()
          resolve()
        }
      })
      this.#endWait = () => undefined
    }
  }

  async #commitGroup(): Promise<void> {
    let group: readonly Waiting[] = []
    try {
      const result = await this.#context.writer.run(() => {
        group = this.#takeGroup()
        const appended = appendGroup(
          this.#context,
          group.map(({ task }) => task),
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
      // An error before the transaction began concerns all waiting batches.
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
    for (const { task, dataLength } of this.#waiting) {
      events += task.events.length + (task.ended?.length ?? 0)
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
    for (const [i, { task, resolve, reject }] of group.entries()) {
      const run = runs[i]
      if (run === undefined || run instanceof LogError) {
        reject(run)
        continue
      }
      if (task.ended === undefined) this.counts.batches += 1
      resolve(Array.from({ length: run.count }, (_, j) => lineage.positionAt(run.first + j)))
    }
  }
}

/**
 * Calls tails after the publishers' answers. Tails may write to thousands of sessions at once, and
 * publishers need not wait for that. Answers are sent in microtasks, over HTTP/1.1 down to the
 * write on their socket. So they are done before the next tick.
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
