// The hubs of a crash test: one or more processes on one data directory, killed and started again on their ports.

import { systemClock } from '@tidemark/log'
import type { SeededRandom } from '../seeded-random.ts'
import { findFreePort, startHubProcess } from '../hub-process.ts'
import type { HubProcess } from '../hub-process.ts'

export interface CrashHubsOptions {
  readonly count: number
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
    const { count, dataDirectory, onFailure } = options
    const slots: HubSlot[] = []
    for (let i = 0; i < count; i++) {
      const slot = new HubSlot(await findFreePort(), dataDirectory, onFailure)
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

  /** From the start of a process to the first event it delivered, for every restart that came so far. Milliseconds. */
  get recoveries(): readonly number[] {
    return this.#slots.flatMap((slot) => slot.recoveries)
  }

  /** What the hubs have written. */
  get output(): string {
    return this.#slots.map((slot) => slot.output).join('\n')
  }

  async stop(): Promise<void> {
    for (const slot of this.#slots) await slot.stop()
  }
}

/** One hub: a port that processes come and go on. */
export class HubSlot {
  readonly url: string
  readonly recoveries: number[] = []
  readonly #port: number
  readonly #dataDirectory: string
  readonly #onFailure: (error: unknown) => void
  readonly #killed = new WeakSet<HubProcess>()
  #process: HubProcess | undefined
  #ready: Promise<void> = Promise.resolve()
  #launchedAt = 0
  #isWaitedFor = false
  #sendWaiters: (() => void)[] = []

  constructor(port: number, dataDirectory: string, onFailure: (error: unknown) => void) {
    this.#port = port
    this.#dataDirectory = dataDirectory
    this.#onFailure = onFailure
    this.url = `http://127.0.0.1:${port}`
  }

  get output(): string {
    return this.#process?.output ?? ''
  }

  /** Starts a process; `ready` follows it. */
  launch(): void {
    this.#launchedAt = systemClock.now()
    this.#isWaitedFor = true
    let spawned: HubProcess | undefined
    this.#ready = startHubProcess({
      port: this.#port,
      dataDirectory: this.#dataDirectory,
      // A beat carries an id, so frequent ones move cursors between events.
      args: ['--heartbeat=200ms'],
      onSpawn: (hub) => {
        spawned = hub
        this.#process = hub
      },
    }).then(
      () => undefined,
      (error: unknown) => {
        // A process that was killed while it started is nobody's fault; the next one is on its way.
        if (spawned === undefined || !this.#killed.has(spawned)) this.#onFailure(error)
      },
    )
  }

  ready(): Promise<void> {
    return this.#ready
  }

  /** Kills the process without notice and starts the next one. */
  async kill(): Promise<void> {
    const hub = this.#process
    if (hub === undefined || hub.isEnded) {
      this.#onFailure(new Error(`A hub ended by itself; it wrote: ${this.output}`))
      return
    }
    this.#killed.add(hub)
    await hub.kill('SIGKILL')
    this.launch()
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
