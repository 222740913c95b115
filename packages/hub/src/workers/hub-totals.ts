// The counters of all workers of a hub added up, those that died included.

import { addStats, emptyStats } from '@tidemark/server'
import type { NodeStats } from '@tidemark/server'

/** Kept by the supervising process. `Worker` is what it knows a worker by. */
export class HubTotals<Worker> {
  readonly #latest = new Map<Worker, NodeStats>()
  #ended: NodeStats = emptyStats

  /** A worker has said what it has counted since it began. */
  hear(worker: Worker, stats: NodeStats): void {
    this.#latest.set(worker, stats)
  }

  /** A worker has ended. Its counters stay as they were last heard; what was open there is lost. */
  ended(worker: Worker): void {
    const latest = this.#latest.get(worker)
    if (latest === undefined) return
    this.#latest.delete(worker)
    this.#ended = addStats(this.#ended, endStats(latest))
  }

  /** Counters never go down, because only this process adds them up. */
  get sum(): NodeStats {
    return [...this.#latest.values()].reduce(addStats, this.#ended)
  }
}

/** Of a worker that is no more, nothing is open. */
function endStats(stats: NodeStats): NodeStats {
  const { now, closed } = stats
  const lost = closed.lost + now.sessions
  return { ...stats, now: emptyStats.now, closed: { ...closed, lost } }
}
