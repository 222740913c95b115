// Accepted connections on their way to the workers: each goes to the one that has the fewest.

import type { Socket } from 'node:net'
import type { WorkerProcess } from './worker-process.ts'

/** One worker's share of the connections. */
interface Desk {
  open: number
  /**
   * What was handed over and not yet taken. One at a time: Node passes no more anyway before a process has confirmed
   * the last, and so it is known what a worker that dies has not got.
   */
  handing: Socket | undefined
}

/**
 * Hands connections to workers. This process holds each until the worker has confirmed it, so that none is left
 * open without an owner when the worker dies in between.
 */
export class Porter {
  readonly #desks = new Map<WorkerProcess, Desk>()
  readonly #waiting = new Set<Socket>()
  readonly #connectionsMax: number

  /** @param connectionsMax Of all workers together; one more is closed unanswered. */
  constructor(connectionsMax: number) {
    this.#connectionsMax = connectionsMax
  }

  /** Takes a connection that nothing was read from. It waits while there is no worker. */
  accept(socket: Socket): void {
    socket.on('error', () => undefined)
    if (this.#count() >= this.#connectionsMax) {
      socket.destroy()
      return
    }
    this.#waiting.add(socket)
    this.#handOver()
  }

  /** From now on this worker gets connections. */
  add(worker: WorkerProcess): void {
    this.#desks.set(worker, { open: 0, handing: undefined })
    this.#handOver()
  }

  /** This worker gets no more. What it has not confirmed is closed, and comes back like the others it had. */
  remove(worker: WorkerProcess): void {
    this.#desks.get(worker)?.handing?.destroy()
    this.#desks.delete(worker)
  }

  /** The worker has confirmed what was handed to it. */
  taken(worker: WorkerProcess): void {
    const desk = this.#desks.get(worker)
    // Closes this process's hold on the connection, which goes on in the worker.
    desk?.handing?.destroy()
    if (desk !== undefined) desk.handing = undefined
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
      if (worker === undefined || desk === undefined) return
      this.#waiting.delete(socket)
      desk.open += 1
      desk.handing = socket
      worker.hand(socket)
    }
  }

  /** Of those that can take one now: a worker that stands still must not hold up the others. */
  #findLeastBusy(): readonly [WorkerProcess, Desk] | undefined {
    let found: readonly [WorkerProcess, Desk] | undefined
    for (const entry of this.#desks) {
      const [, desk] = entry
      if (desk.handing === undefined && (found === undefined || desk.open < found[1].open))
        found = entry
    }
    return found
  }
}
