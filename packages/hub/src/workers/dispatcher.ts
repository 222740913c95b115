// Accepted connections on their way to the workers: each goes to the one that has the fewest streams.

import type { Socket } from 'node:net'
import type { Clock, Timer } from '@tidemark/log'
import { handoverMs, handoversResume } from '../limits.ts'
import { SocketQueue } from './socket-queue.ts'
import type { WorkerProcess } from './worker-process.ts'

/** One worker's share of the connections. */
interface WorkerLoad {
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
  inHandover: Socket | undefined
  /** What it had not yet taken when it was asked last. The question goes the same way and stays behind it. */
  handoverBeforePing: Socket | undefined
  /** Runs while that is fresh. When it has run out, the worker stands still, and must not hold up the others. */
  handoverTimer: Timer | undefined
  /** Whether the worker has left its watchdog without an answer. */
  isSilent: boolean
  /** Whether it has said that it has no descriptors left, or has lost a connection and not been heard since. */
  isShort: boolean
}

/** What a worker says of itself. */
interface WorkerState {
  readonly sessions: number
  readonly isShort: boolean
}

export interface DispatcherOptions {
  /** Streams of one worker. One that has as many gets a connection only when no other can take it. */
  readonly sessionsMax: number
  /** Connections of one worker; beyond it none is handed over. */
  readonly connectionsMax: number
  /** Connections accepted and not confirmed by a worker. */
  readonly onTheWayMax: number
  readonly clock: Clock
  /** Told, each time it changes, whether more connections can be accepted. */
  readonly onRoom: (hasRoom: boolean) => void
}

/**
 * Hands connections to workers. This process holds each until the worker has confirmed it, so that none is left
 * open without an owner when the worker dies in between.
 */
export class Dispatcher {
  readonly #loads = new Map<WorkerProcess, WorkerLoad>()
  readonly #waiting = new SocketQueue()
  readonly #options: DispatcherOptions
  #hasRoom = true
  #isShort = false

  constructor(options: DispatcherOptions) {
    this.#options = options
  }

  /** Whether there is a worker to hand connections to. */
  get hasWorkers(): boolean {
    return this.#loads.size > 0
  }

  /** Takes a connection that nothing was read from. It waits while no worker can take it. */
  accept(socket: Socket): void {
    socket.on('error', () => undefined)
    // Else Node keeps a list of each server's connections in each worker, and asks the workers for it whenever the door is shut.
    Reflect.set(socket, 'server', undefined)
    this.#waiting.add(socket)
    this.#handOver()
  }

  /** Whether this process has no descriptors left: it accepts nothing meanwhile. */
  setShort(isShort: boolean): void {
    this.#isShort = isShort
    this.#tellRoom()
  }

  /** From now on this worker gets connections. */
  add(worker: WorkerProcess): void {
    this.#loads.set(worker, {
      open: 0,
      sessions: 0,
      recent: 0,
      newest: 0,
      inHandover: undefined,
      handoverBeforePing: undefined,
      handoverTimer: undefined,
      isSilent: false,
      isShort: false,
    })
    this.#handOver()
  }

  /** This worker gets no connections until it is heard again. */
  suspend(worker: WorkerProcess): void {
    const load = this.#loads.get(worker)
    if (load === undefined) return
    load.isSilent = true
    // Somebody may be waiting for it to confirm another.
    this.#handOver()
  }

  /** The worker is asked whether it stands still, and for its streams. It hears that after what was handed to it before. */
  pinged(worker: WorkerProcess): void {
    const load = this.#loads.get(worker)
    if (load === undefined) return
    load.newest = 0
    load.handoverBeforePing = load.inHandover
  }

  /** The worker has answered the last question. */
  answered(worker: WorkerProcess, { sessions, isShort }: WorkerState): void {
    const load = this.#loads.get(worker)
    if (load === undefined) return
    const isLost = load.inHandover !== undefined && load.inHandover === load.handoverBeforePing
    if (isLost) this.#takeBack(load)
    load.sessions = sessions
    load.recent = load.newest
    load.isShort = isShort || isLost
    load.isSilent = false
    this.#handOver()
  }

  /** This worker gets no more. What it has not confirmed is closed, and comes back like the others it had. */
  remove(worker: WorkerProcess): void {
    const load = this.#loads.get(worker)
    if (load === undefined) return
    this.#loads.delete(worker)
    release(load)
    this.#handOver()
  }

  /** The worker has confirmed what was handed to it. */
  confirmed(worker: WorkerProcess): void {
    const load = this.#loads.get(worker)
    if (load === undefined) return
    release(load)
    this.#handOver()
  }

  /** So many connections of the worker have ended. */
  closed(worker: WorkerProcess, connections: number): void {
    const load = this.#loads.get(worker)
    if (load === undefined) return
    load.open -= connections
    this.#handOver()
  }

  /** Closes what still waits. */
  close(): void {
    while (this.#waiting.size > 0) this.#waiting.take()?.destroy()
  }

  #handOver(): void {
    while (this.#waiting.size > 0) {
      const [worker, load] = this.#findLeastBusy() ?? []
      // A worker that is about to confirm is waited for, or a burst would go to whoever is quickest at that moment.
      if (worker === undefined || load === undefined || load.inHandover !== undefined) break
      const socket = this.#waiting.take()
      if (socket !== undefined) this.#hand(socket, worker, load)
    }
    this.#tellRoom()
  }

  /**
   * Node drops a handle that a process has no descriptor for, and with `keepOpen` does not send it again. Here it is still
   * open, so it waits again, as the first; another worker may take it.
   */
  #takeBack(load: WorkerLoad): void {
    const { inHandover } = load
    if (inHandover === undefined) return
    load.open -= 1
    clearHandover(load)
    this.#waiting.addFirst(inHandover)
  }

  #hand(socket: Socket, worker: WorkerProcess, load: WorkerLoad): void {
    load.open += 1
    load.recent += 1
    load.newest += 1
    load.inHandover = socket
    load.handoverTimer = this.#options.clock.after(handoverMs, () => {
      load.handoverTimer = undefined
      this.#handOver()
    })
    worker.hand(socket)
  }

  /** Between the bound and a little less nothing changes, or the door would swing with each connection. */
  #tellRoom(): void {
    const { onTheWayMax, onRoom } = this.#options
    let onTheWay = this.#waiting.size
    for (const { inHandover } of this.#loads.values()) if (inHandover !== undefined) onTheWay += 1
    const isBelow = this.#hasRoom
      ? onTheWay < onTheWayMax
      : onTheWay <= onTheWayMax * handoversResume
    const hasRoom = isBelow && !this.#isShort
    if (hasRoom === this.#hasRoom) return
    this.#hasRoom = hasRoom
    onRoom(hasRoom)
  }

  /**
   * Of those that can take one the one with the fewest streams, and of those the one with the fewest connections. A worker that
   * holds its share comes last: it sends further streams away with a time to come back, and still serves all other requests.
   * None while one with room stands still: its watchdog decides within seconds whether there is hope, and nobody is sent away
   * from a hub that is not full.
   */
  #findLeastBusy(): readonly [WorkerProcess, WorkerLoad] | undefined {
    let found: readonly [WorkerProcess, WorkerLoad] | undefined
    let mayRecover = false
    for (const entry of this.#loads) {
      const [, load] = entry
      if (!this.#canTake(load)) continue
      if (isStalled(load)) mayRecover ||= !this.#isFull(load)
      else if (found === undefined || this.#isBetter(load, found[1])) found = entry
    }
    return found !== undefined && mayRecover && this.#isFull(found[1]) ? undefined : found
  }

  #canTake({ isSilent, isShort, open }: WorkerLoad): boolean {
    return !isSilent && !isShort && open < this.#options.connectionsMax
  }

  #isBetter(one: WorkerLoad, other: WorkerLoad): boolean {
    const isFull = this.#isFull(one)
    if (isFull !== this.#isFull(other)) return !isFull
    const byStreams = countStreams(one) - countStreams(other)
    return byStreams === 0 ? one.open < other.open : byStreams < 0
  }

  /** By connections too: streams that are about to open are not among those that a worker has told of. */
  #isFull(load: WorkerLoad): boolean {
    const { sessionsMax } = this.#options
    return countStreams(load) >= sessionsMax || load.open >= sessionsMax
  }
}

function countStreams({ sessions, recent }: WorkerLoad): number {
  return sessions + recent
}

/** Whether it has left a connection unconfirmed for so long that others are preferred. */
function isStalled({ inHandover, handoverTimer }: WorkerLoad): boolean {
  return inHandover !== undefined && handoverTimer === undefined
}

/** Closes this process's hold on a connection; in a worker that has taken it, it goes on. */
function release(load: WorkerLoad): void {
  load.inHandover?.destroy()
  clearHandover(load)
}

function clearHandover(load: WorkerLoad): void {
  load.inHandover = undefined
  load.handoverBeforePing = undefined
  load.handoverTimer?.cancel()
  load.handoverTimer = undefined
}
