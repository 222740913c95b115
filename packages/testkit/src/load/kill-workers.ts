// Workers of a hub that die without notice, at random moments or in the middle of a flush.

import type { SeededRandom } from '../seeded-random.ts'
import { waitUntil } from '../wait-until.ts'
import { listChildren } from '../proc/processes.ts'
import { killEvents } from './limits.ts'
import type { LoadHost } from './load-host.ts'
import type { Scenario } from './scenario.ts'
import type { LoadScene } from './scene.ts'

export interface WorkerKilling {
  /** Killed so far. */
  readonly kills: number
  /** Rejects when a worker is not replaced. Never resolves. */
  readonly failure: Promise<never>
  /** Kills no more; resolves, when all workers are there again, to how many were killed. */
  stop(): Promise<number>
}

export interface KillOptions {
  readonly host: LoadHost
  readonly scenario: Scenario
  readonly random: SeededRandom
}

/** Kills workers as the scenario asks, each time when all are there. */
export function startKilling(options: KillOptions, scene: LoadScene): WorkerKilling {
  const killer = new WorkerKiller(options, scene)
  const running = killer.run()
  return {
    get kills() {
      return killer.kills
    },
    failure: running.then(() => new Promise<never>(() => undefined)),
    async stop() {
      killer.isOver = true
      scene.endSights()
      await running
      return killer.kills
    },
  }
}

class WorkerKiller {
  kills = 0
  isOver = false
  readonly #options: KillOptions
  readonly #scene: LoadScene

  constructor(options: KillOptions, scene: LoadScene) {
    this.#options = options
    this.#scene = scene
  }

  async run(): Promise<void> {
    const { host, scenario, random } = this.#options
    const { pid } = host
    if (scenario.kills === undefined || pid === undefined) return
    const count = listChildren(pid).length
    const areAllThere = (): boolean => listChildren(pid).length === count
    while (!this.isOver) {
      await this.#moment()
      if (this.isOver) return
      for (const worker of drawWorkers(listChildren(pid), random)) {
        process.kill(worker, 'SIGKILL')
        this.kills += 1
      }
      await waitUntil('dead workers are replaced', areAllThere)
    }
  }

  async #moment(): Promise<void> {
    const { scenario, random } = this.#options
    const { from, to } = killEvents
    await this.#scene.acks.further(from + random.int(to - from))
    if (scenario.kills === 'mid-flush' && !this.isOver) await this.#scene.firstSight()
  }
}

/** One of them, or all at once. */
function drawWorkers(workers: readonly number[], random: SeededRandom): readonly number[] {
  return random.int(3) === 0 || workers.length === 0 ? workers : [random.pick(workers)]
}
