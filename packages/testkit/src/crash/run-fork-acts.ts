// The test of parted histories: hubs that are killed, copied, put back and used twice while clients
// go from one to the other.

import { createRandom } from '../seeded-random.ts'
import type { SeededRandom } from '../seeded-random.ts'
import { AckCounter } from '../traffic/ack-counter.ts'
import { matchesAny } from '../traffic/matches-any.ts'
import { Publisher } from '../traffic/publisher.ts'
import type { Draft } from '../traffic/publisher.ts'
import { waitUntil, withinProgress } from '../wait-until.ts'
import type { Branch } from './branch.ts'
import { CrashSubscriber } from './crash-subscriber.ts'
import type { SubscribeScene } from './crash-subscriber.ts'
import { ForkedHubs } from './forked-hubs.ts'
import { judgeBranches } from './judge-branches.ts'
import type { BranchViolation } from './judge-branches.ts'
import { actEvents, calmForkEvents, forkPaceMs, killsMax } from './limits.ts'
import { crashTopics, drawDrafts, drawPlan } from './plan.ts'
import type { CrashPlan, SubscriberPlan } from './plan.ts'
import { readBranch } from './read-branch.ts'

export interface ForkOptions {
  readonly seed: number
  /** Kills, backups, restores and clones together. */
  readonly acts: number
  /** Of each hub. Default 1. With more, workers are killed too. */
  readonly workers?: number | undefined
  /** For the data of all histories; best empty. */
  readonly dataDirectory: string
}

export interface ForkFigures {
  readonly acts: number
  readonly kills: number
  /** Copies taken while the hub was stopped, */
  readonly backups: number
  /** and while it ran. */
  readonly hotBackups: number
  readonly restores: number
  /** Times a hub was started on a copy, or ended there. */
  readonly clones: number
  /** Histories that hubs have written to. */
  readonly branches: number
  readonly acknowledged: number
  /** By all subscribers together. */
  readonly received: number
  /** Returns of subscribers that were resumed exactly. */
  readonly exact: number
  /** Returns that were told of a gap. */
  readonly parted: number
  /** Gaps that ended behind the place where the two histories part; all of them are violations. */
  readonly late: number
  /**
   * Gaps that ended before it. Violations, unless the client came from a copy of a copy that the
   * history cannot know of.
   */
  readonly early: number
  /**
   * Violations: resumed as exact from a place that the history did not have, or short of events
   * that no gap has told of.
   */
  readonly silent: number
}

export interface ForkReport {
  readonly figures: ForkFigures
  readonly violations: readonly BranchViolation[]
  /** The end of what the last processes have written. */
  readonly output: string
}

/** All of them come before any comes again. */
const actKinds: readonly Act[] = [
  'kill',
  'kill',
  'backUp',
  'backUpRunning',
  'restore',
  'restore',
  'clone',
  'clone',
]

type Act = 'kill' | 'backUp' | 'backUpRunning' | 'restore' | 'clone'

interface ForkScene extends SubscribeScene {
  readonly hubs: ForkedHubs
}

interface Cast {
  readonly plans: readonly SubscriberPlan[]
  readonly publishers: readonly Publisher[]
  readonly subscribers: readonly CrashSubscriber[]
}

/**
 * Plays the acts of a seed. The same seed draws the same acts; what falls between which bytes
 * differs from run to run. Rejects when a hub ends by itself, cannot start, or refuses a publish
 * for good.
 */
export async function runForkActs(options: ForkOptions): Promise<ForkReport> {
  const { dataDirectory: directory, seed, workers = 1 } = options
  let fail: (error: unknown) => void = () => undefined
  const failure = new Promise<never>((_, reject) => (fail = reject))
  // It may come while nothing is raced against it.
  failure.catch(() => undefined)
  const hubs = await ForkedHubs.start({ directory, workers, onFailure: fail })
  const scene: ForkScene = { hubs, acks: new AckCounter(), hasBranches: true }
  const acts = drawActs(options)
  const cast = createCast(drawPlan({ seed, rounds: 0, hubs: 1 }), scene)
  try {
    const watch = (): number => countReceived(cast) + scene.acks.count
    const played = Promise.race([failure, play(cast, scene, { acts, seed })])
    await withinProgress('the acts are played', played, { watch })
  } finally {
    for (const publisher of cast.publishers) publisher.stop()
    for (const subscriber of cast.subscribers) subscriber.stop()
    await hubs.stop()
  }
  return { ...(await judge(cast, hubs, acts)), output: hubs.output }
}

/**
 * A restore or a clone needs a copy that was taken before. Kills come several together. So both
 * sides of a parting are often started more than once before a client goes from one to the other.
 */
function drawActs({ seed, acts: count }: ForkOptions): readonly Act[] {
  const random = createRandom(seed)
  const acts: Act[] = [random.pick<Act>(['backUp', 'backUpRunning'])]
  while (acts.length < count) {
    for (const act of random.shuffle(actKinds)) {
      const times = act === 'kill' ? 1 + random.int(killsMax - 1) : 1
      acts.push(...Array.from({ length: times }, () => act))
    }
  }
  return acts.slice(0, count)
}

function createCast({ publishers, subscribers }: CrashPlan, scene: ForkScene): Cast {
  const plans = subscribers.map((plan) => ({ ...plan, isSlow: false }))
  return {
    plans,
    subscribers: plans.map((plan) => new CrashSubscriber(plan, scene)),
    publishers: publishers
      .filter((_, i) => i % 5 < 3)
      .map((each) => new Publisher({ ...each, draw: drawSmall, paceMs: () => forkPaceMs }, scene)),
  }
}

/** Without padding: directories are copied again and again. */
function drawSmall(random: SeededRandom): readonly Draft[] {
  return drawDrafts(random).map(({ topic }) => ({ topic }))
}

interface Play {
  readonly acts: readonly Act[]
  readonly seed: number
}

async function play(cast: Cast, scene: ForkScene, { acts, seed }: Play): Promise<void> {
  const { publishers, subscribers, plans } = cast
  const { hubs, acks } = scene
  for (const subscriber of subscribers) void subscriber.run()
  const publishing = Promise.all(publishers.map((publisher) => publisher.run()))
  const acting = async (): Promise<void> => {
    const random = createRandom(seed + 1)
    for (const act of acts) {
      await acks.further(random.int(random.pick(actEvents)))
      if (random.next() < 0.75) await hubs.ready()
      await hubs[act](random)
    }
    await acks.further(calmForkEvents)
  }
  await Promise.race([publishing, acting()])
  for (const publisher of publishers) publisher.stop()
  await hubs.ready()
  await publishing
  acks.end()
  for (const subscriber of subscribers) subscriber.settle()
  await Promise.all(hubs.slots.map(({ url }) => publishMarkers(url)))
  const count = (): number => countReceived(cast)
  const areLevel = (): boolean => subscribers.every((each, i) => isLevel(each, plans[i]))
  // The judge tells of a client that does not come so far.
  await waitUntil('all are level', areLevel, { watch: count }).catch(() => undefined)
}

/**
 * Published to each topic at the end of each history, so that it is known when a subscriber has
 * everything.
 */
const markerPublisher = 'marker'

async function publishMarkers(url: string): Promise<void> {
  const lines = crashTopics.map((topic, number) =>
    JSON.stringify({ topic, data: { publisher: markerPublisher, number } }),
  )
  const headers = { 'Content-Type': 'application/x-ndjson' }
  const { status } = await fetch(`${url}/publish`, {
    method: 'POST',
    headers,
    body: lines.join('\n'),
  })
  if (status !== 200) throw new Error(`The markers were answered ${status}.`)
}

function isLevel({ streams }: CrashSubscriber, plan: SubscriberPlan | undefined): boolean {
  const wanted = crashTopics.filter((topic) => matchesAny(plan?.topics ?? [], topic)).length
  const { events = [] } = streams.at(-1) ?? {}
  return events.filter(({ publisher }) => publisher === markerPublisher).length >= wanted
}

function countReceived({ subscribers }: Cast): number {
  return subscribers.reduce((sum, { events }) => sum + events.length, 0)
}

async function judge(
  cast: Cast,
  { directories }: ForkedHubs,
  acts: readonly Act[],
): Promise<Omit<ForkReport, 'output'>> {
  const branches = new Map<number, Branch>()
  for (const [number, directory] of directories) {
    branches.set(number, await readBranch(number, directory))
  }
  const attempts = cast.publishers.flatMap((publisher) => publisher.attempts)
  const receptions = cast.subscribers.map(({ reception, streams }) => ({ ...reception, streams }))
  const { violations, exact, parted, early } = judgeBranches({ branches, attempts, receptions })
  const count = (wanted: BranchViolation['kind']): number =>
    violations.filter(({ kind }) => kind === wanted).length
  const countActs = (act: Act): number => acts.filter((each) => each === act).length
  return {
    violations,
    figures: {
      acts: acts.length,
      kills: countActs('kill'),
      backups: countActs('backUp'),
      hotBackups: countActs('backUpRunning'),
      restores: countActs('restore'),
      clones: countActs('clone'),
      branches: branches.size,
      acknowledged: attempts.reduce(
        (sum, { events, receipt }) => sum + (receipt === undefined ? 0 : events.length),
        0,
      ),
      received: countReceived(cast),
      exact,
      parted,
      late: count('late-gap'),
      early,
      silent: count('silent'),
    },
  }
}
