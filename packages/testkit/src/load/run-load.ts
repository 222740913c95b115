// The load test: a hub under a crowd of subscribers and publishers at a high rate, and a verdict on
// what arrived.

import { systemClock } from '@tidemark/log'
import type { Position } from '@tidemark/log'
import { createRandom } from '../seeded-random.ts'
import type { SeededRandom } from '../seeded-random.ts'
import { Publisher } from '../traffic/publisher.ts'
import { wholeLog } from '../traffic/subscription.ts'
import { waitUntil, withinProgress } from '../wait-until.ts'
import { sum } from '../sum.ts'
import { createDoors } from './doors.ts'
import { countFigures, countShown } from './figures.ts'
import type { LoadFigures } from './figures.ts'
import { isLevel, judgeFigures, judgeRun } from './judge-run.ts'
import type { LoadViolation } from './judge-run.ts'
import { startKilling } from './kill-workers.ts'
import { prolongMax } from './limits.ts'
import { LoadSubscriber } from './load-subscriber.ts'
import { watchMemory } from './memory-watch.ts'
import { drawDrafts, drawSubscribers, eventsPerRequest, fork, lastTopic } from './plan.ts'
import type { SubscriberPlan } from './plan.ts'
import type { LoadHost } from './load-host.ts'
import type { Scenario } from './scenario.ts'
import { LoadScene } from './scene.ts'
import type { SubscribeScene } from './scene.ts'
import { startHub } from './start-hub.ts'

export interface LoadOptions {
  readonly scenario: Scenario
  readonly seed: number
  /** How long publishers publish at the scenario's rate; the number of events follows from it. */
  readonly seconds: number
  /** The share of the scenario's crowd that comes, at least one of each group. Default 1. */
  readonly crowdShare?: number | undefined
  /** Where the hub keeps its log; made when missing, best empty. */
  readonly dataDirectory: string
}

export interface LoadReport {
  readonly figures: LoadFigures
  readonly violations: readonly LoadViolation[]
  /** The end of what the hub has written. */
  readonly output: string
}

/** Everybody in a run. */
interface Cast {
  readonly publishers: readonly Publisher[]
  readonly subscribers: readonly LoadSubscriber[]
  /** Publishes the last event. */
  readonly closer: Publisher
}

/**
 * Runs a scenario with the plan of a seed. The same seed draws the same plan; what falls between
 * which bytes differs from run to run. Rejects when the hub cannot start, ends by itself, or
 * refuses a publish for good.
 */
export async function runLoad(options: LoadOptions): Promise<LoadReport> {
  const { scenario, dataDirectory } = options
  const host = await (scenario.startHost ?? startHub)(scenario, dataDirectory)
  try {
    return await runOn(host, options)
  } catch (error) {
    // An error in the hub is mostly the reason why the run broke off.
    throw new Error(`The run broke off; the hub has written: ${host.output}`, { cause: error })
  } finally {
    await host.stop()
  }
}

async function runOn(
  host: LoadHost,
  { scenario, seed, seconds, crowdShare = 1 }: LoadOptions,
): Promise<LoadReport> {
  const random = createRandom(seed)
  const events = Math.round(scenario.eventsPerSecond * seconds)
  const scene = new LoadScene(host, createDoors())
  const cast = createCast(scenario, scene, { random, events, crowdShare })
  const memory = watchMemory(host.pid)
  try {
    const ending = await play(cast, scene, { host, scenario, events, random: fork(random) })
    const { final, ...rest } = ending
    const latecomer = await readAgain(scene.archive, final)
    const { violations, spared } = judgeRun({ ...cast, latecomer, final, scenario })
    const figures = countFigures(cast, { ...rest, spared, memoryGrowth: memory.stop() })
    return {
      figures,
      violations: [...judgeFigures(scenario, figures), ...violations],
      output: host.output,
    }
  } finally {
    memory.stop()
    for (const publisher of cast.publishers) publisher.stop()
    for (const subscriber of cast.subscribers) subscriber.stop()
    scene.close()
  }
}

interface CastSize {
  readonly random: SeededRandom
  readonly events: number
  readonly crowdShare: number
}

function createCast(scenario: Scenario, scene: LoadScene, size: CastSize): Cast {
  const { random, events, crowdShare } = size
  const { publishers: count, eventsPerSecond } = scenario
  const crowd = scenario.crowd.map((group) => {
    return { ...group, count: Math.ceil(group.count * crowdShare) }
  })
  const paceMs = (1_000 * eventsPerRequest * count) / eventsPerSecond
  const create = (name: string, isKeyed: boolean): Publisher =>
    new Publisher(
      {
        name,
        isKeyed,
        paceMs: () => paceMs,
        random: fork(random),
        draw: (own) => scene.notePadding(drawDrafts(own, scenario.bulkShare)),
        onAttempt: (attempt) => scene.book.add(attempt),
      },
      scene,
    )
  const publishers = Array.from({ length: count }, (_, i) => create(`p${i}`, i % 2 === 0))
  const closer = create('closer', true)
  return {
    publishers: [...publishers, closer],
    closer,
    subscribers: drawSubscribers(crowd, random, events).map(
      (plan) => new LoadSubscriber(plan, scene),
    ),
  }
}

interface Play {
  readonly host: LoadHost
  readonly scenario: Scenario
  readonly events: number
  readonly random: SeededRandom
}

interface Ending {
  /** Where the last event stands. */
  readonly final: Position
  /** Workers killed. */
  readonly kills: number
  readonly publishMs: number
  readonly settleMs: number
}

/** Resolves when everybody has come to the last event, or has had the time for it. */
async function play(cast: Cast, scene: LoadScene, options: Play): Promise<Ending> {
  const { publishers, subscribers, closer } = cast
  const beganAt = systemClock.elapsed()
  for (const subscriber of subscribers) void subscriber.run()
  const busy = publishers.filter((publisher) => publisher !== closer)
  const publishing = Promise.all(busy.map((publisher) => publisher.run()))
  const killing = startKilling(options, scene)
  const received = (): number => sum(subscribers, (subscriber) => subscriber.received.length)
  const watch = (): number => scene.acks.count + received()
  const shown = untilShown(cast, scene, { ...options, kills: () => killing.kills })
  const enough = Promise.race([publishing, killing.failure, shown])
  await withinProgress('enough is published', enough, { watch })
  for (const publisher of busy) publisher.stop()
  const killed = killing.stop()
  scene.acks.end()
  const kills = await killed
  await publishing
  await closer.publish([{ topic: lastTopic }])
  const final = scene.acks.newest
  if (final === undefined) throw new Error('The last event was acknowledged without a cursor.')
  const publishedAt = systemClock.elapsed()
  for (const subscriber of subscribers) subscriber.settle()
  const isThere = (subscriber: LoadSubscriber): boolean =>
    subscriber.plan.habit === 'never' || isLevel(subscriber, final)
  // The judge tells of a subscriber that does not come so far.
  const areAllThere = (): boolean => subscribers.every(isThere)
  await waitUntil('all are level', areAllThere, { watch: received }).catch(() => undefined)
  const settleMs = systemClock.elapsed() - publishedAt
  return { final, kills, publishMs: publishedAt - beganAt, settleMs }
}

interface Showing extends Play {
  readonly kills: () => number
}

/**
 * Resolves when the scenario's events are acknowledged, and have shown what they must. On a busy
 * machine the readers that are to stand still may have connected late. After many times the events
 * the judge tells what did not happen.
 */
async function untilShown(cast: Cast, scene: LoadScene, play: Showing): Promise<void> {
  const { scenario, events, kills } = play
  await scene.acks.further(events)
  const step = Math.ceil(events / 4)
  const isShown = (): boolean => {
    const shown = countShown(cast, kills())
    const names = Object.keys(shown) as (keyof typeof shown)[]
    return names.every((name) => shown[name] >= (scenario.atLeast[name] ?? 0))
  }
  while (!isShown() && scene.acks.count < events * prolongMax && !scene.acks.isOver) {
    await scene.acks.further(step)
  }
}

/** One more subscriber, after all is over: what is in the log must be what went through it. */
async function readAgain(scene: SubscribeScene, final: Position): Promise<LoadSubscriber> {
  const plan: SubscriberPlan = {
    ...wholeLog,
    name: 'latecomer',
    habit: 'steady',
    door: 'http1',
    isCompressed: false,
    joinsAfter: 0,
    random: createRandom(0),
  }
  const latecomer = new LoadSubscriber(plan, scene)
  void latecomer.run()
  const isThere = (): boolean => isLevel(latecomer, final)
  const watch = (): number => latecomer.received.length
  await waitUntil('the latecomer is level', isThere, { watch }).catch(() => undefined)
  latecomer.stop()
  return latecomer
}
