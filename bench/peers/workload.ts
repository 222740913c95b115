// A piece of work: contenders that are measured in turn, figures, and goals. Contenders are the
// peers, or ways to run our hub.

import { withDirectory } from '../support/directory.ts'
import { runPlan } from './load-generator.ts'
import type { LoadOutcome, LoadWatch } from './load-generator.ts'
import type { LoadPlan } from './load-plan.ts'
import type { PeerServer, RunningPeer } from './server.ts'
import { planWarmUp } from './warm-up.ts'

/** One piece of work. */
export interface Workload {
  /** How `--work` calls it. */
  readonly name: string
  readonly title: string
  /** For the page: what is done and what is measured, in sentences. */
  readonly text: string
  readonly figures: readonly Figure[]
  /**
   * In the order of the table; the first one is ours, and ratios are of it to the others by the first
   * figure.
   */
  readonly contenders: (peers: readonly PeerServer[]) => readonly Contender[]
  readonly goals: readonly Goal[]
}

/** One column. */
export interface Figure {
  readonly key: string
  readonly title: string
  /** Behind the decimal point. */
  readonly digits: number
}

/** The servers that are measured. */
export interface Contender {
  readonly name: string
  /** One round. An error that it throws is shown in place of figures. */
  readonly measure: (settings: RunSettings) => Promise<Figures>
}

export type Figures = Readonly<Record<string, number>>

/** How this run measures. */
export interface RunSettings {
  /** The load generator's program. */
  readonly generator: string
  /** The measuring window in seconds. Work that needs longer multiplies it. */
  readonly seconds: number
  /** Fewer sessions and bytes, to see that everything works. */
  readonly isQuick: boolean
}

/** The goal of our own server. */
export interface Goal {
  readonly figure: string
  readonly of: string
  /** The bound is for the ratio to this contender's figure. Default: for the figure itself. */
  readonly against?: string
  readonly atMost?: number
  readonly atLeast?: number
}

/** Starts a peer, or our hub with other flags. */
type Startable = PeerServer['start']

/** Starts a server in a directory of its own, lets `use` measure it, and stops it. */
export function withServer<T>(
  start: Startable,
  use: (peer: RunningPeer) => Promise<T>,
): Promise<T> {
  return withDirectory(async (directory) => {
    const peer = await start({ directory })
    try {
      return await use(peer)
    } finally {
      await peer.stop()
    }
  })
}

/**
 * Starts a server, warms it up, runs the plan against it, and refuses figures of a run in which
 * sessions were missing.
 */
export function measureLoad(
  start: Startable,
  settings: RunSettings,
  plan: (peer: RunningPeer) => Omit<LoadPlan, 'peer'>,
): Promise<LoadOutcome> {
  return withServer(start, async (peer) => {
    await runLoad(peer, settings, planWarmUp(peer, settings.isQuick ? 500 : 5_000))
    const outcome = await runLoad(peer, settings, plan(peer))
    requireSessions(outcome)
    return outcome
  })
}

/** Runs one plan against a server that runs already. */
export function runLoad(
  peer: RunningPeer,
  settings: RunSettings,
  plan: Omit<LoadPlan, 'peer'> & LoadWatch,
): Promise<LoadOutcome> {
  const { onWindow, ...rest } = plan
  return runPlan(settings.generator, { ...rest, peer }, onWindow === undefined ? {} : { onWindow })
}

/** @throws Error with how many connections failed */
function requireSessions({ groups }: LoadOutcome): void {
  for (const { name, opened, failed, refused } of groups) {
    if (failed + refused > 0) {
      throw new Error(
        `of the connections "${name}" ${opened} were opened, ${refused} refused, ${failed} failed`,
      )
    }
  }
}

/** CPU time of the server within the window, in microseconds per delivery. */
export function cpuPerDelivery({
  cpu: { userMs, systemMs },
  deliveries,
}: Pick<LoadOutcome, 'cpu' | 'deliveries'>): Readonly<Record<'cpu' | 'user' | 'system', number>> {
  const perDelivery = (ms: number): number => (ms * 1_000) / deliveries
  return {
    cpu: perDelivery(userMs + systemMs),
    user: perDelivery(userMs),
    system: perDelivery(systemMs),
  }
}

/** CPU time of the server within the window, in cores. */
export function coresOf({ cpu, windowMs }: LoadOutcome): number {
  return (cpu.userMs + cpu.systemMs) / windowMs
}

/** Events that were acknowledged and did not arrive, over all sessions that read. */
export function missingOf({ groups }: LoadOutcome): number {
  return groups.reduce((sum, { missing }) => sum + missing, 0)
}

/** Events that arrived twice, over all sessions that read. */
export function duplicatedOf({ groups }: LoadOutcome): number {
  return groups.reduce((sum, { duplicated }) => sum + duplicated, 0)
}

/** The generator's own CPU time within the window, in cores. */
export function generatorCoresOf(outcome: LoadOutcome): number {
  return (outcome.cpuUserMs + outcome.cpuSystemMs) / outcome.windowMs
}
