// Accepted connections on their way to the workers: each goes to the one that has the fewest streams.

import type { Socket } from 'node:net'
import type { Clock, Timer } from '@tidemark/log'
import { handoverMs } from '../limits.ts'
import type { WorkerProcess } from './worker-process.ts'

/** One worker's share of the connections. */
interface Desk {
  open: number
  /** Streams it had when it was asked last. A connection of HTTP/2 may carry hundreds; one kept alive for a next request, none. */
  sessions: number
  /** Connections handed over since the question that `sessions` answers: each counts as one stream to come. */
  recent: number
  /** Those of them handed over since the last question, which may not be answered yet. */
  newest: number
  /**
   * What was handed over and not yet taken. One at a time: Node passes no more anyway before a process has confirmed
   * the last, and so it is known what a worker that dies has not got.
   */
  handing: Socket | undefined
  /** Runs while that is fresh. When it has run out, the worker stands still, and must not hold up the others. */
  patience: Timer | undefined
  /** Whether the worker has left its watchdog without an answer. */
  isSilent: boolean
}

export interface PorterOptions {
  /** Of all workers together; one more is closed unanswered. */
  readonly connectionsMax: number
  readonly clock: Clock
}

/**
 * Hands connections to workers. This process holds each until the worker has confirmed it, so that none is left
 * open without an owner when the worker dies in between.
 */
export class Porter {
  readonly #desks = new Map<WorkerProcess, Desk>()
  readonly #waiting = new Set<Socket>()
  readonly #options: PorterOptions

  constructor(options: PorterOptions) {
    this.#options = options
  }

  /** Whether there is a worker to hand connections to. */
  get hasWorkers(): boolean {
    return this.#desks.size > 0
  }

  /** Takes a connection that nothing was read from. It waits while there is no worker. */
  accept(socket: Socket): void {
    socket.on('error', () => undefined)
    if (this.#count() >= this.#options.connectionsMax) {
      socket.destroy()
      return
    }
    this.#waiting.add(socket)
    this.#handOver()
  }

  /** From now on this worker gets connections. */
  add(worker: WorkerProcess): void {
    this.#desks.set(worker, {
      open: 0,
      sessions: 0,
      recent: 0,
      newest: 0,
      handing: undefined,
      patience: undefined,
      isSilent: false,
    })
    this.#handOver()
  }

  /** This worker gets no connections until it is heard again. */
  doubt(worker: WorkerProcess): void {
    const desk = this.#desks.get(worker)
    if (desk === undefined) return
    desk.isSilent = true
    // Somebody may be waiting for it to confirm another.
    this.#handOver()
  }

  /** The worker is asked whether it stands still, and for its streams. It hears that after what was handed to it before. */
  asked(worker: WorkerProcess): void {
    const desk = this.#desks.get(worker)
    if (desk !== undefined) desk.newest = 0
  }

  /** The worker has answered the last question. */
  heard(worker: WorkerProcess, sessions: number): void {
    const desk = this.#desks.get(worker)
    if (desk === undefined) return
    desk.sessions = sessions
    desk.recent = desk.newest
    if (!desk.isSilent) return
    desk.isSilent = false
    this.#handOver()
  }

  /** This worker gets no more. What it has not confirmed is closed, and comes back like the others it had. */
  remove(worker: WorkerProcess): void {
    const desk = this.#desks.get(worker)
    if (desk === undefined) return
    this.#desks.delete(worker)
    letGo(desk)
    this.#handOver()
  }

  /** The worker has confirmed what was handed to it. */
  taken(worker: WorkerProcess): void {
    const desk = this.#desks.get(worker)
    if (desk === undefined) return
    letGo(desk)
    this.#handOver()
  }

  /** So many connections of the worker have ended. */
  closed(worker: WorkerProcess, connections: number): void {
    const desk = this.#desks.get(worker)
    if (desk !== undefined) desk.open -= connections
  }

  /** Closes what still waits. */
  close(): void {
    for (const socket of this.#waiting) socket.destroy()
    this.#waiting.clear()
  }

  #count(): number {
    let count = this.#waiting.size
    for (const { open } of this.#desks.values()) count += open
    return count
  }

  #handOver(): void {
    for (const socket of this.#waiting) {
      const [worker, desk] = this.#findLeastBusy() ?? []
      // A worker that is about to confirm is waited for, or a burst would go to whoever is quickest at that moment.
      if (worker === undefined || desk === undefined || desk.handing !== undefined) return
      this.#waiting.delete(socket)
      desk.open += 1
      desk.recent += 1
      desk.newest += 1
      desk.handing = socket
      desk.patience = this.#options.clock.after(handoverMs, () => {
        desk.patience = undefined
        this.#handOver()
      })
      worker.hand(socket)
    }
  }

  /** Of those that do not stand still the one with the fewest streams, and of those the one with the fewest connections. */
  #findLeastBusy(): readonly [WorkerProcess, Desk] | undefined {
    let found: readonly [WorkerProcess, Desk] | undefined
    for (const entry of this.#desks) {
      const [, { handing, patience, isSilent }] = entry
      const isStill = isSilent || (handing !== undefined && patience === undefined)
      if (!isStill && (found === undefined || isLessBusy(entry[1], found[1]))) found = entry
    }
    return found
  }
}

function isLessBusy(one: Desk, other: Desk): boolean {
  const byStreams = one.sessions + one.recent - (other.sessions + other.recent)
  return byStreams === 0 ? one.open < other.open : byStreams < 0
}

/** Closes this process's hold on a connection; in a worker that has taken it, it goes on. */
function letGo(desk: Desk): void {
  desk.handing?.destroy()
  desk.handing = undefined
  desk.patience?.cancel()
  desk.patience = undefined
}
