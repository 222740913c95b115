// The crash test: hubs, or workers of hubs, that are killed while events go through them, and a
// verdict on what arrived.

import { createRandom } from '../seeded-random.ts'
import { waitUntil, withinProgress } from '../wait-until.ts'
import { AckCounter } from '../traffic/ack-counter.ts'
import { judge } from '../traffic/judge.ts'
import type { Violation } from '../traffic/judge.ts'
import { matchesAny } from '../traffic/matches-any.ts'
import { Publisher } from '../traffic/publisher.ts'
import { wholeLog } from '../traffic/subscription.ts'
import { CrashHubs } from './crash-hubs.ts'
import { CrashSubscriber } from './crash-subscriber.ts'
import type { CrashScene } from './crash-subscriber.ts'
import { countFigures } from './figures.ts'
import type { CrashFigures } from './figures.ts'
import { aheadPaceMs, calmEvents, eventsPerKill } from './limits.ts'
import { crashTopics, drawDrafts, drawPlan } from './plan.ts'
import type { CrashPlan, CrashSize, KillPlan, SubscriberPlan } from './plan.ts'

export interface CrashOptions extends CrashSize {
  /** Where the hubs keep their log; made when missing, best empty. */
  readonly dataDirectory: string
  /** Told after every kill. */
  readonly onKill?: ((kills: number) => void) | undefined
}

export interface CrashReport {
  readonly figures: CrashFigures
  readonly violations: readonly Violation[]
  /** The end of what the last processes have written. */
  readonly output: string
}

/** Publishes one last event to each topic, so that it is known when a subscriber has everything. */
const markerPublisher = 'marker'

/**
 * Runs the plan of a seed. The same seed draws the same plan; what falls between which bytes
 * differs from run to run. Rejects when a hub ends by itself, cannot start, or refuses a publish
 * for good.
 */
export async function runCrashRounds(options: CrashOptions): Promise<CrashReport> {
  const { dataDirectory, hubs: count, workers = 1, seed } = options
  let fail: (error: unknown) => void = () => undefined
  const failure = new Promise<never>((_, reject) => (fail = reject))
  // It may come while nothing is raced against it.
  failure.catch(() => undefined)
  const hubs = await CrashHubs.start({ count, workers, dataDirectory, onFailure: fail })
  const scene: CrashScene = { hubs, acks: new AckCounter() }
  let kills = 0
  const isAhead = (): boolean => scene.acks.count > (kills + 1) * eventsPerKill
  const cast = createCast(drawPlan(options), scene, () => (isAhead() ? aheadPaceMs : 0))
  const onKill = (count: number): void => {
    kills = count
    options.onKill?.(count)
  }
  try {
    const watch = (): number =>
      cast.subscribers.reduce((sum, { events }) => sum + events.length, scene.acks.count)
    const played = Promise.race([failure, play(cast, scene, onKill)])
    await withinProgress('the plan is played', played, { watch })
    const latecomer = await Promise.race([failure, readAgain(scene, seed)])
    const readers = [...cast.subscribers, latecomer]
    return {
      figures: countFigures(options.rounds, { hubs, ...cast }),
      violations: judge({
        attempts: cast.publishers.flatMap((publisher) => publisher.attempts),
        receptions: readers.map((reader) => reader.reception),
      }),
      output: hubs.output,
    }
  } finally {
    for (const publisher of cast.publishers) publisher.stop()
    for (const subscriber of cast.subscribers) subscriber.stop()
    await hubs.stop()
  }
}

interface Cast {
  readonly plan: CrashPlan
  readonly publishers: readonly Publisher[]
  readonly subscribers: readonly CrashSubscriber[]
  readonly marker: Publisher
}

function createCast(plan: CrashPlan, scene: CrashScene, paceMs: () => number): Cast {
  const marker = new Publisher(
    { name: markerPublisher, isKeyed: true, random: createRandom(0), draw: drawDrafts },
    scene,
  )
  return {
    plan,
    marker,
    publishers: [
      ...plan.publishers.map((each) => new Publisher({ ...each, draw: drawDrafts, paceMs }, scene)),
      marker,
    ],
    subscribers: plan.subscribers.map((each) => new CrashSubscriber(each, scene)),
  }
}

async function play(cast: Cast, scene: CrashScene, onKill: (kills: number) => void): Promise<void> {
  const { publishers, subscribers, marker, plan } = cast
  await scene.hubs.ready()
  for (const subscriber of subscribers) void subscriber.run()
  const busy = publishers.filter((publisher) => publisher !== marker)
  const publishing = Promise.all(busy.map((publisher) => publisher.run()))
  await Promise.race([publishing, killAll(plan.kills, scene, onKill)])
  await Promise.race([publishing, scene.acks.further(calmEvents)])
  for (const publisher of busy) publisher.stop()
  await scene.hubs.ready()
  await publishing
  await marker.publish(crashTopics.map((topic) => ({ topic })))
  scene.acks.end()
  for (const subscriber of subscribers) subscriber.settle()
  await Promise.all(
    subscribers.map((subscriber, i) => waitForMarkers(subscriber, plan.subscribers[i]?.topics)),
  )
}

async function killAll(
  kills: readonly KillPlan[],
  { hubs, acks }: CrashScene,
  onKill: (kills: number) => void,
): Promise<void> {
  for (const [i, { hub, worker, moment, isPatient }] of kills.entries()) {
    const slot = hubs.at(hub)
    if (isPatient) await hubs.ready()
    if (moment.kind === 'starting') await slot.sinceLaunch(moment.ms)
    else await acks.further(moment.events)
    if (moment.kind === 'in-flight') await slot.nextSend()
    await slot.kill(worker)
    onKill(i + 1)
  }
}

/**
 * A subscriber with the last event of each of its topics has all it will ever get. Else the judge
 * says what is missing.
 */
async function waitForMarkers(
  subscriber: CrashSubscriber,
  topics: readonly string[] = [],
): Promise<void> {
  const wanted = crashTopics.filter((topic) => matchesAny(topics, topic)).length
  const hasAll = (): boolean =>
    subscriber.events.slice(-wanted).filter(({ publisher }) => publisher === markerPublisher)
      .length === wanted
  const watch = (): number => subscriber.events.length
  await waitUntil('the markers arrive', hasAll, { watch }).catch(() => undefined)
}

/** One more subscriber, after all is over: what is in the log must be what went through it. */
async function readAgain(scene: CrashScene, seed: number): Promise<CrashSubscriber> {
  const plan: SubscriberPlan = {
    ...wholeLog,
    name: 'latecomer',
    isSlow: false,
    random: createRandom(seed),
  }
  const latecomer = new CrashSubscriber(plan, scene)
  latecomer.settle()
  void latecomer.run()
  await waitForMarkers(latecomer, plan.topics)
  latecomer.stop()
  return latecomer
}
