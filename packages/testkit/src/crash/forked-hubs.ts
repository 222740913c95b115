// Hubs whose data directories are copied, put back, and used twice.

import { join } from 'node:path'
import type { SeededRandom } from '../seeded-random.ts'
import { findFreePort } from '../hub-process.ts'
import { backUpRunning, copyStopped, placeCopy, replaceLog } from './copies.ts'
import type { Copy } from './copies.ts'
import { HubSlot } from './crash-hubs.ts'
import { backupsMax, cloneShare } from './limits.ts'

export interface ForkedHubsOptions {
  /** Made when missing, best empty: each history has a directory of its own in it. */
  readonly directory: string
  /** Of each hub. */
  readonly workers: number
  /** Told when a hub ends by itself or cannot start. */
  readonly onFailure: (error: unknown) => void
}

/** A hub in its place, and where its data is. */
interface Site {
  readonly slot: HubSlot
  readonly data: string
}

/**
 * A hub, and now and then a second one on a copy. Every data directory that a hub has written to is
 * a branch of its own.
 */
export class ForkedHubs {
  readonly #options: ForkedHubsOptions
  /** Where each branch is in the end. */
  readonly #directories = new Map<number, string>()
  /** Newest last. */
  readonly #backups: Copy[] = []
  readonly #main: Site
  #clone: Site | undefined
  #copies = 0

  private constructor(options: ForkedHubsOptions, main: Site) {
    this.#options = options
    this.#main = main
    this.#directories.set(main.slot.branch, main.data)
  }

  /** Starts the first hub; resolves when it is ready. */
  static async start(options: ForkedHubsOptions): Promise<ForkedHubs> {
    const hubs = new ForkedHubs(options, await settle(options, 'main'))
    hubs.#main.slot.launch()
    await hubs.ready()
    return hubs
  }

  /** A hub to talk to, up or down. */
  pick(random: SeededRandom): HubSlot {
    const isClone = random.next() < cloneShare
    return (isClone && this.#clone !== undefined ? this.#clone : this.#main).slot
  }

  get slots(): readonly HubSlot[] {
    return this.#sites.map(({ slot }) => slot)
  }

  get directories(): ReadonlyMap<number, string> {
    return this.#directories
  }

  get output(): string {
    return this.slots.map(({ output }) => output).join('\n')
  }

  async ready(): Promise<void> {
    for (const { slot } of this.#sites) await slot.ready()
  }

  /**
   * Kills one of the hubs without notice and starts it again; or, where there are several, one of
   * its workers.
   */
  async kill(random: SeededRandom): Promise<void> {
    const { slot } = random.pick(this.#sites)
    if (this.#options.workers > 1 && random.next() < 0.3) {
      // A hub whose workers cannot start when it starts gives up.
      await slot.ready()
      await slot.kill(random.int(this.#options.workers - 1))
    } else {
      await slot.halt(true)
      slot.launch()
    }
  }

  /** Copies one of the directories, its hub being stopped or killed for it. */
  async backUp(random: SeededRandom): Promise<void> {
    const { slot, data } = random.pick(this.#sites)
    await slot.ready()
    await slot.halt(isKilled(random))
    this.#keep(copyStopped(data, this.#nameCopy()))
    slot.launch()
  }

  /** Backs up one of the directories while its hub runs, or is killed just then. */
  async backUpRunning(random: SeededRandom): Promise<void> {
    const { slot, data } = random.pick(this.#sites)
    const backup = backUpRunning(data, `${this.#nameCopy()}.mdb`)
    const killed = random.next() < 0.3 ? slot.halt(true).then(() => slot.launch()) : undefined
    const [copy] = await Promise.all([backup, killed])
    this.#keep(copy)
  }

  /** Puts a copy in the place of one of the directories, which becomes a branch of the past. */
  async restore(random: SeededRandom): Promise<void> {
    const backup = random.pick(this.#backups)
    const { slot, data } = random.pick(this.#sites)
    await slot.ready()
    await slot.halt(isKilled(random))
    const grave = join(this.#options.directory, `past-${slot.branch}`)
    await replaceLog(backup, { data, grave }, random)
    this.#directories.set(slot.branch, grave)
    this.#begin({ slot, data })
    slot.launch()
  }

  /** Starts a second hub on a copy; or ends it, and its branch with it. */
  async clone(random: SeededRandom): Promise<void> {
    const clone = this.#clone
    if (clone === undefined) {
      const site = await settle(this.#options, `clone-${this.#copies++}`)
      await placeCopy(random.pick(this.#backups), site.data, random)
      this.#begin(site)
      site.slot.launch()
      await site.slot.ready()
      this.#clone = site
      return
    }
    await clone.slot.ready()
    this.#clone = undefined
    await clone.slot.halt(isKilled(random))
  }

  async stop(): Promise<void> {
    for (const slot of this.slots) await slot.stop()
  }

  get #sites(): readonly Site[] {
    return this.#clone === undefined ? [this.#main] : [this.#main, this.#clone]
  }

  #nameCopy(): string {
    return join(this.#options.directory, `backup-${this.#copies++}`)
  }

  #keep(copy: Copy): void {
    this.#backups.push(copy)
    if (this.#backups.length > backupsMax) this.#backups.shift()
  }

  /** Events written on a copy are another branch. */
  #begin({ slot, data }: Site): void {
    slot.branch = this.#directories.size
    this.#directories.set(slot.branch, data)
  }
}

/** A place for a hub that has not been started yet. */
async function settle(options: ForkedHubsOptions, name: string): Promise<Site> {
  const { directory, workers, onFailure } = options
  const data = join(directory, name)
  const port = await findFreePort()
  return { slot: new HubSlot({ port, workers, dataDirectory: data, onFailure }), data }
}

function isKilled(random: SeededRandom): boolean {
  return random.next() < 0.5
}
