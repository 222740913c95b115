// Keeps the workers of a hub alive: starts them, replaces those that end, and stops all of them
// together.

import type { CountRules } from '@tidemark/access/hub'
import type { Clock, Timer } from '@tidemark/log'
import { failedStartsMax } from '../limits.ts'
import type { WatchLimits } from '../limits.ts'
import type { HeldCertificate } from '../tls/held-certificate.ts'
import type { ListeningSocket } from './listening-socket.ts'
import { toError } from './messages.ts'
import type { CountCall, Failure, FromWorker, ToWorker } from './messages.ts'
import type { Dispatcher } from './dispatcher.ts'
import { HubTotals } from './hub-totals.ts'
import { KnownLog } from './known-log.ts'
import { RestartBackoff } from './restart-backoff.ts'
import { StorageHealth } from './storage-health.ts'
import { SupervisedCounts } from './supervised-counts.ts'
import type { ClearingWorker } from './supervised-counts.ts'
import { Watchdog } from './watchdog.ts'
import type { ForkWorker, WorkerProcess } from './worker-process.ts'

export interface SupervisorOptions {
  readonly workers: number
  /** The first message to each worker. */
  readonly start: ToWorker & { readonly kind: 'start' }
  /** Time for workers to drain before they are killed. Milliseconds. */
  readonly drainMsMax: number
  readonly watch: WatchLimits
  readonly fork: ForkWorker
  readonly dispatcher: Dispatcher
  readonly listeningSocket: Pick<ListeningSocket, 'add' | 'remove' | 'receive'>
  readonly counts: CountRules
  /** All workers have the same certificate, also those that start while its files are being changed. */
  readonly held?: HeldCertificate | undefined
  readonly clock: Clock
  /** Called with lines for the operator, one at a time. */
  readonly say: (text: string) => void
  /** Called when no worker takes connections any more, and none will. */
  readonly onClosed: () => void
}

/** One place among the workers. Processes come and go in it. */
interface Slot {
  /** Counts from 1, for people. */
  readonly number: number
  readonly backoff: RestartBackoff
  process: WorkerProcess | undefined
  /** When its process began to serve, by the clock's `elapsed`. Undefined before that. */
  servingSince: number | undefined
  /** Why its process could not start. */
  failure: Failure | undefined
  restart: Timer | undefined
  readonly storage: StorageHealth
  /** The process has closed its sessions. How it ends does not matter any more. */
  isDrained: boolean
  /** Watches the process while it serves. */
  watchdog: Watchdog | undefined
}

/** The workers of one hub. */
export class Supervisor {
  /** Rejects when no worker serves and none can be started any more. */
  readonly failed: Promise<never>
  readonly #options: SupervisorOptions
  readonly #slots: readonly Slot[]
  /** No worker is replaced before all have served once, nor while they are being stopped. */
  #phase: 'starting' | 'serving' | 'stopping' = 'starting'
  #onReady: () => void = () => undefined
  #onFailed: (error: Error) => void = () => undefined
  /** Resolves when the last worker has ended after all were told to. */
  readonly #gone: Promise<void>
  #onGone: () => void = () => undefined
  readonly #log = new KnownLog()
  readonly #totals = new HubTotals<Slot>()
  readonly #counts: SupervisedCounts<WorkerProcess>
  /** From now on, deaths of workers are caused by this process. */
  #isKilling = false
  /** The error of the first worker that ended without draining. */
  #lost: Error | undefined

  constructor(options: SupervisorOptions) {
    this.#options = options
    const { clock } = options
    this.#counts = new SupervisedCounts(options.counts, {
      clock,
      listWorkers: () => this.#listClearing(),
    })
    this.#slots = Array.from({ length: options.workers }, (_, i) => ({
      number: i + 1,
      backoff: new RestartBackoff(),
      process: undefined,
      servingSince: undefined,
      failure: undefined,
      restart: undefined,
      storage: new StorageHealth(clock),
      isDrained: false,
      watchdog: undefined,
    }))
    this.failed = new Promise((_, reject) => (this.#onFailed = reject))
    this.#gone = new Promise((resolve) => (this.#onGone = resolve))
    // Nobody may be awaiting it when it rejects.
    this.failed.catch(() => undefined)
    options.held?.follow(() => this.#tellCertificate())
  }

  /** Resolves when all workers serve; rejects with what the first one says that cannot. */
  async start(): Promise<void> {
    const ready = new Promise<void>((resolve) => (this.#onReady = resolve))
    for (const slot of this.#slots) this.#launch(slot)
    await Promise.race([ready, this.failed])
  }

  /**
   * Drains all workers. Resolves when the last has ended, by `close` too.
   * @throws HubError `WORKER_ENDED`, or a worker's own error, when a worker died instead of
   *   draining
   */
  async drain(): Promise<void> {
    const { clock, drainMsMax } = this.#options
    const timer = clock.after(drainMsMax, () => this.#killRemaining())
    await this.#stopAll((worker) => worker.send({ kind: 'drain' }))
    timer.cancel()
    if (this.#lost !== undefined) throw this.#lost
  }

  /** Ends all workers now; resolves when the last has ended. */
  async close(): Promise<void> {
    this.#isKilling = true
    await this.#stopAll((worker) => worker.kill())
  }

  /** Ends all workers without waiting, for the end of this process. */
  kill(): void {
    this.#phase = 'stopping'
    this.#isKilling = true
    for (const { restart, watchdog, process } of this.#slots) {
      restart?.cancel()
      watchdog?.stop()
      process?.kill()
    }
  }

  /** A worker that hangs must not keep the hub from ending. */
  #killRemaining(): void {
    for (const slot of this.#slots) {
      if (slot.process === undefined) continue
      this.#options.say(
        `${describe(slot)} has not left after ${this.#options.drainMsMax} ms and is killed.`,
      )
      slot.process.kill()
    }
  }

  async #stopAll(tell: (worker: WorkerProcess) => void): Promise<void> {
    this.#phase = 'stopping'
    for (const { restart, watchdog, process } of this.#slots) {
      restart?.cancel()
      watchdog?.stop()
      if (process !== undefined) tell(process)
    }
    if (this.#countProcesses() > 0) await this.#gone
  }

  #tellCertificate(): void {
    const { held } = this.#options
    if (held === undefined) return
    for (const { process } of this.#slots) process?.send({ kind: 'certificate', ...held.state })
  }

  #launch(slot: Slot): void {
    const { fork, start, listeningSocket, held } = this.#options
    slot.servingSince = undefined
    slot.failure = undefined
    slot.storage.begin()
    slot.isDrained = false
    const worker = fork({
      heard: (message, handle) => this.#hear(slot, message, handle),
      ended: (how, isDone) => this.#onEnded(slot, how, isDone),
    })
    slot.process = worker
    worker.send({
      ...start,
      certificate: held?.state,
      place: this.#log.place,
      seen: this.#log.seen,
    })
    listeningSocket.add(worker)
  }

  #hear(slot: Slot, message: FromWorker, handle: unknown): void {
    const { dispatcher, listeningSocket, say, watch, onClosed } = this.#options
    const { number, process } = slot
    if (process === undefined) return
    switch (message.kind) {
      case 'ready':
        this.#log.opened(message)
        this.#startServing(slot, process)
        break
      case 'seen':
        this.#log.note(message.seen)
        break
      case 'failed':
        slot.failure = message.failure
        break
      case 'taken':
        dispatcher.confirmed(process)
        break
      case 'copy':
        listeningSocket.receive(handle)
        break
      case 'closed':
        dispatcher.closed(process, message.connections)
        break
      case 'pong':
        slot.watchdog?.answered()
        dispatcher.answered(process, message)
        slot.storage.hear(message)
        this.#log.note(message.seen)
        if (message.stats !== undefined) this.#totals.hear(slot, message.stats)
        if (slot.storage.stuckMs >= watch.hungLooks * watch.everyMs)
          this.#killIfStuck(slot, process)
        break
      case 'ask-stats':
        process.send({ kind: 'stats', stats: this.#totals.sum })
        break
      case 'count':
        void this.#count(process, message)
        break
      case 'cleared':
        this.#counts.cleared(message.id)
        break
      case 'drained':
        slot.isDrained = true
        dispatcher.remove(process)
        if (this.#phase === 'stopping' && !dispatcher.hasWorkers) onClosed()
        break
      case 'line':
        say(`worker ${number}: ${message.text}`)
        break
    }
  }

  async #count(
    process: WorkerProcess,
    { id, question }: { readonly id: number; readonly question: CountCall },
  ): Promise<void> {
    const answer = await this.#counts.answer(process, question)
    if (answer !== undefined) process.send({ kind: 'counted', id, answer })
  }

  /** The workers that serve, for the counters. */
  #listClearing(): readonly ClearingWorker[] {
    return this.#slots.flatMap(({ process, servingSince }) =>
      process === undefined || servingSince === undefined
        ? []
        : [{ clear: (id, key) => process.send({ kind: 'clear', id, key }) }],
    )
  }

  #startServing(slot: Slot, worker: WorkerProcess): void {
    const { clock, dispatcher, say } = this.#options
    slot.servingSince = clock.elapsed()
    slot.watchdog = this.#createWatchdog(slot, worker)
    if (this.#phase !== 'stopping') slot.watchdog.start()
    if (this.#phase === 'serving') {
      dispatcher.add(worker)
      say(`${describe(slot)} serves.`)
    }
    if (this.#phase !== 'starting') return
    if (this.#slots.some(({ servingSince }) => servingSince === undefined)) return
    // Connections are handed over only now, because the hub might have been unable to start.
    for (const { process } of this.#slots) if (process !== undefined) dispatcher.add(process)
    this.#phase = 'serving'
    this.#onReady()
  }

  #createWatchdog(slot: Slot, worker: WorkerProcess): Watchdog {
    const { clock, dispatcher, watch, say } = this.#options
    return new Watchdog({
      limits: watch,
      clock,
      ask: () => {
        worker.send({ kind: 'ping' })
        dispatcher.pinged(worker)
      },
      onSilent: () => dispatcher.suspend(worker),
      onHung: () => {
        const silentMs = watch.hungLooks * watch.everyMs
        say(`${describe(slot)} hangs: it has not answered for ${silentMs} ms and is killed.`)
        dispatcher.remove(worker)
        worker.kill()
      },
    })
  }

  /**
   * Kills a worker that cannot store events, if another worker has stored some since. Then the
   * fault is not the disk's. The stuck worker has lost a lock within itself and will not get it
   * back. Without that proof killing may not help, and its readers would lose their connections.
   */
  #killIfStuck(slot: Slot, worker: WorkerProcess): void {
    const others = this.#slots.filter((other) => other !== slot)
    const canStore = others.some(({ storage }) => storage.hasStoredSince(slot.storage))
    if (this.#phase !== 'serving' || !canStore) return
    this.#options.say(`${describe(slot)} cannot store events, while others can, and is killed.`)
    this.#options.dispatcher.remove(worker)
    worker.kill()
  }

  #onEnded(slot: Slot, how: string, isDone: boolean): void {
    const { dispatcher, listeningSocket, say } = this.#options
    const { process, servingSince, failure } = slot
    const name = describe(slot)
    if (process !== undefined) {
      dispatcher.remove(process)
      listeningSocket.remove(process)
      this.#counts.ended(process)
    }
    this.#totals.ended(slot)
    slot.watchdog?.stop()
    slot.watchdog = undefined
    slot.process = undefined
    slot.servingSince = undefined
    const trouble = servingSince === undefined ? 'cannot start' : 'failed'
    const why = failure === undefined ? `${name} ${how}` : `${name} ${trouble}: ${failure.message}`
    if (this.#phase === 'starting') this.#onFailed(toError(failure ?? unexplained(why)))
    else if (this.#phase === 'serving') this.#replace(slot, { why, servingSince, failure })
    else if (!this.#isKilling && !slot.isDrained && (!isDone || failure !== undefined)) {
      say(`${why}, before it had sent its sessions away.`)
      this.#lost ??= toError(failure ?? unexplained(why))
    }
    if (this.#phase === 'stopping' && this.#countProcesses() === 0) this.#onGone()
  }

  #replace(
    slot: Slot,
    death: {
      readonly why: string
      readonly servingSince: number | undefined
      readonly failure: Failure | undefined
    },
  ): void {
    const { clock, say } = this.#options
    const { why, servingSince, failure } = death
    const servedMs = servingSince === undefined ? undefined : clock.elapsed() - servingSince
    const waitMs = slot.backoff.next(servedMs)
    const isServed = this.#slots.some((other) => other.servingSince !== undefined)
    if (!isServed && slot.backoff.failedStarts > failedStartsMax) {
      this.kill()
      this.#onFailed(toError(failure ?? unexplained(`${why}, again and again`)))
      return
    }
    say(`${why}; another starts ${waitMs === 0 ? 'now' : `in ${waitMs} ms`}.`)
    slot.restart = clock.after(waitMs, () => {
      slot.restart = undefined
      this.#launch(slot)
    })
  }

  #countProcesses(): number {
    return this.#slots.filter(({ process }) => process !== undefined).length
  }
}

function describe({ number, process }: Slot): string {
  return `worker ${number} (process ${process?.pid ?? 'unknown'})`
}

function unexplained(reason: string): Failure {
  return { message: `${reason}. Look for its own last words above.`, code: 'WORKER_ENDED' }
}
