// The hubs of a crash test: one or more processes on one data directory, killed and started again
// on their ports.

import { systemClock } from '@tidemark/log'
import { listChildren } from '../proc/processes.ts'
import type { SeededRandom } from '../seeded-random.ts'
import { waitUntil } from '../wait-until.ts'
import { findFreePort, startHubProcess } from '../hub-process.ts'
import type { HubProcess } from '../hub-process.ts'

export interface CrashHubsOptions {
  readonly count: number
  /** Of each hub. */
  readonly workers: number
  readonly dataDirectory: string
  /** Told when a hub ends by itself or cannot start. */
  readonly onFailure: (error: unknown) => void
}

/** All hubs of a crash test. */
export class CrashHubs {
  readonly #slots: readonly HubSlot[]

  private constructor(slots: readonly HubSlot[]) {
    this.#slots = slots
  }

  /** Starts them all at once; `ready` follows. */
  static async start(options: CrashHubsOptions): Promise<CrashHubs> {
    const { count, workers, dataDirectory, onFailure } = options
    const slots: HubSlot[] = []
    for (let i = 0; i < count; i++) {
      const slot = new HubSlot({ port: await findFreePort(), workers, dataDirectory, onFailure })
      slots.push(slot)
      slot.launch()
    }
    return new CrashHubs(slots)
  }

  /** One of them, up or down. */
  pick(random: SeededRandom): HubSlot {
    return random.pick(this.#slots)
  }

  at(index: number): HubSlot {
    const slot = this.#slots[index]
    if (slot === undefined) throw new Error(`There is no hub ${index} in this crash test.`)
    return slot
  }

  /** Resolves when all that are starting are ready. */
  async ready(): Promise<void> {
    for (const slot of this.#slots) await slot.ready()
  }

  /**
   * From the start of a process to the first event it delivered, for every restart that came so
   * far. Milliseconds.
   */
  get recoveries(): readonly number[] {
    return this.#slots.flatMap((slot) => slot.recoveries)
  }

  /** The lines that the hubs have written. */
  get output(): string {
    return this.#slots.map((slot) => slot.output).join('\n')
  }

  async stop(): Promise<void> {
    for (const slot of this.#slots) await slot.stop()
  }
}

export interface HubSlotOptions extends Omit<CrashHubsOptions, 'count'> {
  readonly port: number
}

/** One hub: a port that processes come and go on. */
export class HubSlot {
  readonly url: string
  /** The history it serves; a data directory that is put back or copied is another one. */
  branch = 0
  readonly recoveries: number[] = []
  readonly #options: HubSlotOptions
  readonly #killed = new WeakSet<HubProcess>()
  #process: HubProcess | undefined
  #ready: Promise<void> = Promise.resolve()
  #launchedAt = 0
  #isWaitedFor = false
  #sendWaiters: (() => void)[] = []

  constructor(options: HubSlotOptions) {
    this.#options = options
    this.url = `http://127.0.0.1:${options.port}`
  }

  get output(): string {
    return this.#process?.output ?? ''
  }

  /** Starts a process; `ready` follows it. */
  launch(): void {
    this.#launchedAt = systemClock.now()
    this.#isWaitedFor = true
    let spawned: HubProcess | undefined
    const { port, workers, dataDirectory, onFailure } = this.#options
    this.#ready = startHubProcess({
      port,
      dataDirectory,
      // A beat carries an id, so frequent ones move cursors between events.
      args: ['--heartbeat=200ms', `--workers=${workers}`],
      onSpawn: (hub) => {
        spawned = hub
        this.#process = hub
      },
    }).then(
      () => undefined,
      (error: unknown) => {
        // A process that was killed while it started is nobody's fault; the next one is on its way.
        if (spawned === undefined || !this.#killed.has(spawned)) onFailure(error)
      },
    )
  }

  ready(): Promise<void> {
    return this.#ready
  }

  /**
   * Kills the process without notice and starts the next one; or one of its workers, which the hub
   * replaces itself.
   */
  async kill(worker: number): Promise<void> {
    const { workers, onFailure } = this.#options
    const hub = this.#process
    if (hub?.pid === undefined || hub.isEnded) {
      onFailure(new Error(`A hub ended by itself; it wrote: ${this.output}`))
    } else if (workers > 1) {
      await this.#killWorker(hub, worker)
    } else {
      this.#killed.add(hub)
      await hub.kill('SIGKILL')
      this.launch()
    }
  }

  /**
   * Ends the process and its workers, without notice or as an operator would; `launch` starts the
   * next one.
   */
  async halt(isKilled: boolean): Promise<void> {
    const hub = this.#process
    if (hub?.pid === undefined || hub.isEnded) {
      this.#options.onFailure(new Error(`A hub ended by itself; it wrote: ${this.output}`))
      return
    }
    this.#killed.add(hub)
    // A worker that is started this very moment leaves by itself. The hub counts as ended when its
    // workers are gone too.
    if (isKilled) for (const pid of [hub.pid, ...listChildren(hub.pid)]) killNow(pid)
    await (isKilled ? hub.kill('SIGKILL') : hub.stop())
    await this.#ready
  }

  async #killWorker(hub: HubProcess, worker: number): Promise<void> {
    const { workers, onFailure } = this.#options
    const { pid = 0 } = hub
    let running: readonly number[] = []
    await waitUntil('a worker runs', () => (running = listChildren(pid)).length > 0)
    const victim = running[worker % running.length]
    if (victim !== undefined) killNow(victim)
    this.#launchedAt = systemClock.now()
    this.#isWaitedFor = true
    const areAllThere = (): boolean => {
      // Halted meanwhile.
      if (this.#killed.has(hub)) return true
      const children = listChildren(pid)
      // On a busy machine a killed process takes a while to die.
      return children.length === workers && !children.includes(victim ?? 0)
    }
    const count = (): number => listChildren(pid).length
    const told = waitUntil('dead workers are replaced', areAllThere, { watch: count })
    this.#ready = told.catch((error: unknown) => {
      onFailure(
        new Error(`A dead worker stays away; its hub wrote: ${this.output}`, { cause: error }),
      )
    })
  }

  async stop(): Promise<void> {
    await this.#process?.stop()
  }

  /** Resolves so long after the present process was started. */
  async sinceLaunch(ms: number): Promise<void> {
    const rest = this.#launchedAt + ms - systemClock.now()
    if (rest > 0) await new Promise<void>((resolve) => systemClock.after(rest, resolve))
  }

  /** Resolves when the next request has left for this hub. */
  nextSend(): Promise<void> {
    return new Promise((resolve) => this.#sendWaiters.push(resolve))
  }

  noteSend(): void {
    for (const resolve of this.#sendWaiters.splice(0)) resolve()
  }

  noteDelivery(): void {
    if (!this.#isWaitedFor) return
    this.#isWaitedFor = false
    this.recoveries.push(systemClock.now() - this.#launchedAt)
  }
}

/** It may have ended meanwhile of what it was killed by before. */
function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
