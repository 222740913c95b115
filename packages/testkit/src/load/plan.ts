// The cast that a seed stands for: the subscribers with their topics, doors and habits, and the publishers.

import { createRandom } from '../seeded-random.ts'
import type { SeededRandom } from '../seeded-random.ts'
import { matchesAny } from '../traffic/matches-any.ts'
import type { Draft } from '../traffic/publisher.ts'
import type { Shape, TestSubscription } from '../traffic/subscription.ts'
import { batchEventsMax, bulkLengthMax, bulkShare as bulkShareDefault } from './limits.ts'

/** How a subscriber reads. */
type Habit =
  /** As fast as it can, on one connection. */
  | 'steady'
  /** The same, but its connection is cut again and again. */
  | 'cut'
  /** Stands still for a while now and then. */
  | 'pausing'
  /** A few KB per second. */
  | 'trickling'
  /** Changes the topics of its open stream, and is cut again and again. */
  | 'changing'
  /** Opens its stream and never reads: nothing is asked of it. */
  | 'never'

export type DoorName =
  | 'http1'
  | 'curl'
  | 'http2'
  /** HTTP/2 from a peer that never opens its window. */
  | 'http2-shut'

/** Subscribers alike but for what is drawn for each. */
export interface Group {
  readonly count: number
  readonly topicSets: readonly (readonly string[])[]
  /** Default: any. */
  readonly shapes?: readonly Shape[] | undefined
  readonly habits: readonly Habit[]
  /** Default: `http1`. */
  readonly doors?: readonly DoorName[] | undefined
  /** Whether it accepts gzip. Default: no. */
  readonly isCompressed?: readonly boolean[] | undefined
}

export interface SubscriberPlan extends TestSubscription {
  readonly name: string
  readonly habit: Habit
  readonly door: DoorName
  readonly isCompressed: boolean
  /** Acknowledged events before it first connects; 0: before the first event is published. */
  readonly joinsAfter: number
  readonly random: SeededRandom
}

export const allShapes: readonly Shape[] = ['plain', 'envelope', 'batch']

/** Topics of small events. */
const smallTopics: readonly string[] = [
  ...['1', '2', '3', '4', '5', '6', '7', '8'].map((name) => `orders/${name}`),
  ...['1', '2', '3'].map((name) => `orders/${name}/items`),
  ...['a', 'b', 'c'].map((name) => `logs/${name}`),
  'logs/a/errors',
  'metrics/cpu',
  'metrics/disk',
  'state/1',
  'state/2',
  'users/7/cart',
]

/** Topics of padded events. */
export const bulkPrefix: string = 'bulk/'
const bulkTopics: readonly string[] = ['1', '2', '3'].map((name) => `${bulkPrefix}${name}`)

const keys: readonly string[] = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

/** Where the last event of a run is published, so that it is known how far everybody must come. */
export const lastTopic: string = 'run/over'

/**
 * Subscriptions that overlap with each other, and some with themselves; together each small event
 * about three times.
 */
export const smallSets: readonly (readonly string[])[] = [
  ['orders/1'],
  ['orders/2'],
  ['orders/1', 'orders/2', 'logs/a'],
  ['logs/*'],
  ['logs/**'],
  ['orders/*/items'],
  ['orders/*', 'orders/**', 'orders/1'],
  ['users/7/cart', 'metrics/cpu'],
  ['*/cpu', 'logs/a'],
  ['state/*'],
  ['state/1'],
  ['*/7/**'],
  ['orders/3', 'orders/4', 'orders/5', 'orders/6', 'orders/7', 'orders/8'],
  ['quiet/topic'],
]

/** Topics and patterns that the topics of an open stream are changed to. */
export const changeableNames: readonly string[] = [
  ...smallTopics,
  ...['logs/*', 'state/*', 'orders/*/items', '*/cpu', 'quiet/topic'],
]

/** Subscriptions that get padded events: only who gets much can lag. */
export const bulkSets: readonly (readonly string[])[] = [['bulk/*'], ['**'], ['bulk/**', 'state/1']]

/**
 * Whether a subscriber's socket may fill up. One of small events only that takes them as they come
 * is behind by the events of one turn of the test's own process. These are at most 300 KB per
 * second, so the process must have stood still for a second or so. Padded events are 14 MB per
 * second, which this process may fail to take.
 */
export function canFallBehind({ habit, topics }: SubscriberPlan): boolean {
  const isPrompt = habit === 'steady' || habit === 'cut' || habit === 'changing'
  return !isPrompt || bulkTopics.some((topic) => matchesAny(topics, topic))
}

/**
 * Draws the subscribers of a run. Each has randomness of its own, so that their timing cannot
 * change each other's.
 */
export function drawSubscribers(
  groups: readonly Group[],
  random: SeededRandom,
  events: number,
): readonly SubscriberPlan[] {
  const plans: SubscriberPlan[] = []
  for (const group of groups) {
    for (let i = 0; i < group.count; i++) {
      plans.push(drawSubscriber(group, { number: plans.length, random: fork(random), events }))
    }
  }
  return plans
}

/** Draws what one request publishes: often one event, sometimes a batch, some of them padded. */
export function drawDrafts(
  random: SeededRandom,
  bulkShare: number = bulkShareDefault,
): readonly Draft[] {
  const isBatch = random.next() < 0.4
  const length = isBatch ? 2 + random.int(batchEventsMax - 2) : 1
  return Array.from({ length }, () => drawDraft(random, bulkShare))
}

/** Events per request, on average: `drawDrafts`. */
export const eventsPerRequest: number = 0.6 + 0.4 * (1 + batchEventsMax / 2)

/** Randomness of its own, fixed by the next number of another. */
export function fork(random: SeededRandom): SeededRandom {
  return createRandom(random.int(0x7fff_ffff))
}

function drawDraft(random: SeededRandom, bulkShare: number): Draft {
  const isBulk = random.next() < bulkShare
  return {
    topic: random.pick(isBulk ? bulkTopics : smallTopics),
    key: random.int(3) === 0 ? undefined : random.pick(keys),
    fillLength: isBulk ? random.int(bulkLengthMax) : undefined,
  }
}

interface Draw {
  readonly number: number
  readonly random: SeededRandom
  /** Expected of the whole run. */
  readonly events: number
}

function drawSubscriber(group: Group, { number, random, events }: Draw): SubscriberPlan {
  const topics = random.pick(group.topicSets)
  const shape = random.pick(group.shapes ?? allShapes)
  const habit = random.pick(group.habits)
  const door = random.pick<DoorName>(group.doors ?? ['http1'])
  const isCompressed = random.pick(group.isCompressed ?? [false])
  const traits = [shape, habit, door, ...(isCompressed ? ['gzip'] : [])]
  return {
    name: `${number} ${topics.join(' ')} (${traits.join(', ')})`,
    topics,
    shape,
    habit,
    door,
    isCompressed,
    fields: shape === 'plain' ? random.pick([[], ['time'], ['key', 'topic']]) : [],
    isNamedByTopic: shape !== 'batch' && random.int(3) === 0,
    joinsAfter: random.int(3) === 0 ? random.int(Math.floor(events * 0.7)) : 0,
    random,
  }
}
