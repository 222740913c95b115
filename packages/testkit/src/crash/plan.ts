// The cast that a seed stands for: the subscribers and their habits, the publishers, and the kills of hubs.

import { createRandom } from '../seeded-random.ts'
import type { SeededRandom } from '../seeded-random.ts'
import type { Draft } from '../traffic/publisher.ts'
import type { Shape, TestSubscription } from '../traffic/subscription.ts'
import { batchEventsMax, fillEvery, fillLengthMax } from './limits.ts'

/** Topics that events are published to, three levels deep at most. */
export const crashTopics: readonly string[] = [
  'orders/1',
  'orders/2',
  'orders/3',
  'orders/1/items',
  'orders/2/items',
  'logs/a',
  'logs/b',
  'logs/c/errors',
  'metrics/cpu',
  'metrics/disk',
  'users/7',
  'users/7/cart',
]

/** Twenty subscriptions that overlap with each other, and some with themselves. */
const topicSets: readonly (readonly string[])[] = [
  ['orders/1'],
  ['orders/*'],
  ['**'],
  ['logs/*'],
  ['orders/**'],
  ['**'],
  ['orders/1', 'orders/2', 'logs/a'],
  ['logs/**'],
  ['**'],
  ['orders/*/items'],
  ['orders/*', 'orders/**', 'orders/1'],
  ['users/7', 'users/7/cart'],
  ['*/*'],
  ['metrics/*', 'orders/1'],
  ['logs/a'],
  ['users/**', 'logs/*'],
  ['orders/2'],
  ['orders/1/items', '**'],
  ['*/7/**'],
  ['metrics/cpu', 'metrics/disk', 'orders/3', 'logs/**'],
]

const shapes: readonly Shape[] = ['plain', 'envelope', 'batch']

export interface SubscriberPlan extends TestSubscription {
  readonly name: string
  /** Whether it stops reading for a while now and then. */
  readonly isSlow: boolean
  readonly random: SeededRandom
}

interface PublisherPlan {
  readonly name: string
  readonly isKeyed: boolean
  readonly random: SeededRandom
}

/** When a hub is killed. */
type KillMoment =
  /** After so many further acknowledged events. */
  | { readonly kind: 'acknowledged'; readonly events: number }
  /** Then, and as soon as a request has been sent to it that it has not answered. */
  | { readonly kind: 'in-flight'; readonly events: number }
  /** This long after its process was started, most likely before it is ready. Milliseconds. */
  | { readonly kind: 'starting'; readonly ms: number }

export interface KillPlan {
  readonly hub: number
  /** Of a hub of several workers one is killed and not the hub: this one, counted round those that run. */
  readonly worker: number
  readonly moment: KillMoment
  /** Whether all hubs are ready before the moment is waited for; else hubs may be down together. */
  readonly isPatient: boolean
}

export interface CrashPlan {
  readonly subscribers: readonly SubscriberPlan[]
  readonly publishers: readonly PublisherPlan[]
  readonly kills: readonly KillPlan[]
}

export interface CrashSize {
  readonly seed: number
  /** Kills. */
  readonly rounds: number
  readonly hubs: number
  /** Of each hub. Default 1. With more, workers are killed in place of hubs. */
  readonly workers?: number | undefined
}

/** Publishers of each kind. */
const publishersPerKind = 5

/**
 * Draws the plan of a seed. Each part has a stream of its own, so that their timing cannot change
 * each other's.
 */
export function drawPlan(size: CrashSize): CrashPlan {
  const random = createRandom(size.seed)
  return {
    subscribers: topicSets.map((topics, i) => drawSubscriber(i, topics, fork(random))),
    publishers: Array.from({ length: publishersPerKind * 2 }, (_, i) => ({
      name: `${i < publishersPerKind ? 'keyless' : 'keyed'}-${i}`,
      isKeyed: i >= publishersPerKind,
      random: fork(random),
    })),
    kills: drawKills(size, fork(random)),
  }
}

/** Draws what one request publishes: often one event, sometimes a batch, some of them large. */
export function drawDrafts(random: SeededRandom): readonly Draft[] {
  const isBatch = random.next() < 0.4
  const length = isBatch ? 2 + random.int(batchEventsMax - 2) : 1
  return Array.from({ length }, () => ({
    topic: random.pick(crashTopics),
    fillLength: random.int(fillEvery - 1) > 0 ? undefined : random.int(fillLengthMax),
  }))
}

/** A stream of its own, fixed by the next number of another. */
function fork(random: SeededRandom): SeededRandom {
  return createRandom(random.int(0x7fff_ffff))
}

function drawSubscriber(
  index: number,
  topics: readonly string[],
  random: SeededRandom,
): SubscriberPlan {
  // `**` comes three times, so that each shape is seen with every event.
  const shape = topics.includes('**') ? (shapes[index % 3] ?? 'plain') : random.pick(shapes)
  return {
    name: `${index} ${topics.join(' ')} (${shape})`,
    topics,
    shape,
    fields: shape === 'plain' ? random.pick([[], ['time'], ['key', 'topic']]) : [],
    isNamedByTopic: shape !== 'batch' && random.int(3) === 0,
    isSlow: isWide(topics),
    random,
  }
}

/** Only who gets much can fail to keep up: the kernel takes 4 MB and more for a reader that stands still. */
function isWide(topics: readonly string[]): boolean {
  return topics.includes('**') || topics.includes('*/*')
}

function drawKills(
  { seed, rounds, hubs, workers = 1 }: CrashSize,
  random: SeededRandom,
): KillPlan[] {
  // From a stream of its own, so that the moments of a seed are the same whatever the hubs consist of.
  const workerRandom = createRandom(seed)
  let hub = 0
  return Array.from({ length: rounds }, (_, i) => {
    const worker = workerRandom.int(workers - 1)
    const dice = random.next()
    // Only a hub that has just been killed is starting.
    if (i > 0 && dice < 0.15) {
      return { hub, worker, moment: { kind: 'starting', ms: random.int(400) }, isPatient: false }
    }
    hub = random.int(hubs - 1)
    const events = random.int(random.pick([0, 30, 500, 4_000]))
    const kind = dice < 0.55 ? 'in-flight' : 'acknowledged'
    return { hub, worker, moment: { kind, events }, isPatient: random.next() < 0.75 }
  })
}
