// Hands accepted connections to the workers. Each goes to the worker that has the fewest streams.

import type { Socket } from 'node:net'
import type { Clock, Timer } from '@tidemark/log'
import { handoverMs, handoversResume } from '../limits.ts'
import { SocketQueue } from './socket-queue.ts'
import type { WorkerProcess } from './worker-process.ts'

/** The load of one worker, and the handover to it that is under way. */
interface WorkerLoad {
  open: number
  /**
   * Its streams at its last answer. An HTTP/2 connection may carry hundreds of streams; an idle
   * kept-alive connection carries none.
   */
  sessions: number
  /**
   * Connections handed over since the ping that `sessions` answers. Each counts as one stream to
   * come.
   */
  recent: number
  /** Connections handed over since the last ping, which may not be answered yet. */
  newest: number
  /**
   * The connection that was handed over and is not yet confirmed. One at a time, because Node
   * passes no more before the process has confirmed the last. So the supervising process knows
   * which connection a dying worker has not got.
   */
  inHandover: Socket | undefined
  /**
   * The unconfirmed connection at the time of the last ping. The ping goes the same way, behind the
   * connection.
   */
  handoverBeforePing: Socket | undefined
  /**
   * Runs while the handover is recent. When it has run out, the worker stalls, and must not delay
   * the others.
   */
  handoverTimer: Timer | undefined
  /** The worker has left its watchdog without an answer. */
  isSilent: boolean
  /** The worker has no descriptors left, or has lost a connection and not answered since. */
  isOutOfDescriptors: boolean
}

/** The part of a worker's answer that matters here. */
interface WorkerState {
  readonly sessions: number
  readonly isOutOfDescriptors: boolean
}

export interface DispatcherOptions {
  /** Streams of one worker. A worker with as many gets a connection only when no other can take it. */
  readonly sessionsMax: number
  /** Connections of one worker; with as many it gets no more. */
  readonly connectionsMax: number
  /** Accepted connections that no worker has confirmed. */
  readonly onTheWayMax: number
  readonly clock: Clock
  /** Called each time it changes whether more connections can be accepted. */
  readonly onRoom: (hasRoom: boolean) => void
}

/**
 * Hands connections to workers. This process keeps each connection open until the worker has
 * confirmed it. So none is left without an owner when the worker dies in between.
 */
export class Dispatcher {
  readonly #loads = new Map<WorkerProcess, WorkerLoad>()
  readonly #waiting = new SocketQueue()
  readonly #options: DispatcherOptions
  #hasRoom = true
  #isOutOfDescriptors = false

  constructor(options: DispatcherOptions) {
    this.#options = options
  }

  /** Whether there is a worker to hand connections to. */
  get hasWorkers(): boolean {
    return this.#loads.size > 0
  }

  /** Takes a connection of which nothing was read. It waits while no worker can take it. */
  accept(socket: Socket): void {
    socket.on('error', () => undefined)
    // Without this, Node keeps a list of each server's connections in each worker. It would ask the
    // workers for that list each time the server stops listening.
    Reflect.set(socket, 'server', undefined)
    this.#waiting.add(socket)
    this.#handOver()
  }

  /** Says whether this process has no descriptors left. It accepts nothing meanwhile. */
  setOutOfDescriptors(isOutOfDescriptors: boolean): void {
    this.#isOutOfDescriptors = isOutOfDescriptors
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
      isOutOfDescriptors: false,
    })
    this.#handOver()
  }

  /** Gives a worker no connections until it answers again. */
  suspend(worker: WorkerProcess): void {
    const load = this.#loads.get(worker)
    if (load === undefined) return
    load.isSilent = true
    // A connection may have waited for this worker to confirm another.
    this.#handOver()
  }

  /** The worker gets a ping. The ping arrives after the connections that were handed over before. */
  pinged(worker: WorkerProcess): void {
    const load = this.#loads.get(worker)
    if (load === undefined) return
    load.newest = 0
    load.handoverBeforePing = load.inHandover
  }

  /** The worker has answered the last question. */
  answered(worker: WorkerProcess, { sessions, isOutOfDescriptors }: WorkerState): void {
    const load = this.#loads.get(worker)
    if (load === undefined) return
    const isLost = load.inHandover !== undefined && load.inHandover === load.handoverBeforePing
    if (isLost) this.#takeBack(load)
    load.sessions = sessions
    load.recent = load.newest
    load.isOutOfDescriptors = isOutOfDescriptors || isLost
    load.isSilent = false
    this.#handOver()
  }

  /**
   * Gives a worker no more connections. The unconfirmed one is closed; its client comes back, like
   * those of the worker's other connections.
   */
  remove(worker: WorkerProcess): void {
    const load = this.#loads.get(worker)
    if (load === undefined) return
    this.#loads.delete(worker)
    release(load)
    this.#handOver()
  }

  /** The worker has confirmed its last handover. */
  confirmed(worker: WorkerProcess): void {
    const load = this.#loads.get(worker)
    if (load === undefined) return
    release(load)
    this.#handOver()
  }

  /** A number of the worker's connections have ended. */
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
      // Waits for a worker that is about to confirm. Otherwise a burst would go to the worker that
      // is quickest at that moment.
      if (worker === undefined || load === undefined || load.inHandover !== undefined) break
      const socket = this.#waiting.take()
      if (socket !== undefined) this.#hand(socket, worker, load)
    }
    this.#tellRoom()
  }

  /**
   * Puts a lost connection back, as the first in line. Node drops a handle for which the receiving
   * process has no descriptor, and with `keepOpen` does not send it again. The connection is still
   * open here, so another worker may take it.
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

  /** Between the two bounds nothing changes, or the port would open and close with each connection. */
  #tellRoom(): void {
    const { onTheWayMax, onRoom } = this.#options
    let onTheWay = this.#waiting.size
    for (const { inHandover } of this.#loads.values()) if (inHandover !== undefined) onTheWay += 1
    const isBelow = this.#hasRoom
      ? onTheWay < onTheWayMax
      : onTheWay <= onTheWayMax * handoversResume
    const hasRoom = isBelow && !this.#isOutOfDescriptors
    if (hasRoom === this.#hasRoom) return
    this.#hasRoom = hasRoom
    onRoom(hasRoom)
  }

  /**
   * Finds the worker with the fewest streams, and among equals the one with the fewest connections.
   * A worker that holds its share comes last. It tells further streams when to come back, and still
   * serves all other requests. No full worker is chosen while one with room stalls. The watchdog
   * decides about that one within seconds, and a hub that is not full must refuse nobody.
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

  #canTake({ isSilent, isOutOfDescriptors, open }: WorkerLoad): boolean {
    return !isSilent && !isOutOfDescriptors && open < this.#options.connectionsMax
  }

  #isBetter(one: WorkerLoad, other: WorkerLoad): boolean {
    const isFull = this.#isFull(one)
    if (isFull !== this.#isFull(other)) return !isFull
    const byStreams = countStreams(one) - countStreams(other)
    return byStreams === 0 ? one.open < other.open : byStreams < 0
  }

  /**
   * Connections count too, because streams that are about to open are missing from the worker's
   * answer.
   */
  #isFull(load: WorkerLoad): boolean {
    const { sessionsMax } = this.#options
    return countStreams(load) >= sessionsMax || load.open >= sessionsMax
  }
}

function countStreams({ sessions, recent }: WorkerLoad): number {
  return sessions + recent
}

/** Whether the worker has left a connection unconfirmed for so long that others are preferred. */
function isStalled({ inHandover, handoverTimer }: WorkerLoad): boolean {
  return inHandover !== undefined && handoverTimer === undefined
}

/**
 * Closes this process's copy of a connection. If a worker has taken the connection, it goes on
 * there.
 */
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
