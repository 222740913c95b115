// The counters of a hub of several processes: the supervising process keeps them and answers its workers.

import { LocalCounts, clearWaitMs } from '@tidemark/access/hub'
import type { CountRules, HubCounts } from '@tidemark/access/hub'
import type { Clock } from '@tidemark/log'
import type { CountAnswer, CountCall } from './messages.ts'

/** A worker that is asked to end its dead sessions of an address. */
export interface ClearingWorker {
  clear(id: number, key: string): void
}

/** `Worker` is what the supervising process knows a worker by. */
export class SupervisedCounts<Worker> {
  readonly #counts: LocalCounts<Worker>
  readonly #clock: Clock
  readonly #listWorkers: () => readonly ClearingWorker[]
  /** Workers that have not answered yet, by question. */
  readonly #clearing = new Map<number, { left: number; readonly end: () => void }>()
  #lastId = 0

  constructor(
    rules: CountRules,
    host: { readonly clock: Clock; readonly listWorkers: () => readonly ClearingWorker[] },
  ) {
    this.#clock = host.clock
    this.#listWorkers = host.listWorkers
    this.#counts = new LocalCounts(rules, {
      clock: host.clock,
      clearDead: (key) => this.#clearDead(key),
    })
  }

  /** Answers a worker; undefined where it wants no answer. */
  async answer(worker: Worker, question: CountCall): Promise<CountAnswer | undefined> {
    const counts: HubCounts = this.#counts.of(worker)
    switch (question.call) {
      case 'take':
        return { state: await counts.take(question.rate, question.key) }
      case 'enter':
        return { isIn: await counts.enter(question.key) }
      case 'leave':
        counts.leave(question.key)
        return undefined
      case 'report':
        return { keys: await counts.report(question.seen) }
      case 'suspects':
        return { suspects: await counts.suspects() }
    }
    return question satisfies never
  }

  /** A worker has ended its dead sessions. */
  cleared(id: number): void {
    const clearing = this.#clearing.get(id)
    if (clearing === undefined) return
    clearing.left -= 1
    if (clearing.left === 0) clearing.end()
  }

  /** A worker has ended, and its sessions with it. */
  ended(worker: Worker): void {
    this.#counts.ended(worker)
  }

  /** Waits for all workers, but not for one that hangs. */
  #clearDead(key: string): Promise<void> {
    const workers = this.#listWorkers()
    if (workers.length === 0) return Promise.resolve()
    const id = (this.#lastId += 1)
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel()
        this.#clearing.delete(id)
        resolve()
      }
      const timer = this.#clock.after(clearWaitMs, end)
      this.#clearing.set(id, { left: workers.length, end })
      for (const worker of workers) worker.clear(id, key)
    })
  }
}
