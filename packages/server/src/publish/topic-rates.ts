// How many events topics have got lately, of all nodes together.
//
// Nobody tells anybody: the tail of each node hands over the events of all nodes, and each node counts
// those. Events that this node has taken in and its tail has not handed over yet count beside them. So nodes
// that publish in the same moment may pass a burst each, and the time behind it makes up for that.

import type { Clock, EventRecord, NewEvent, Position, Topic } from '@tidemark/log'
import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { controlPrefix } from '../framing/control-events.ts'
import { rateDebtMs, rateLooksMax, rateTopicsMax } from '../limits.ts'
import type { RateRules, TopicRate } from './rate-rules.ts'

/** The events of a topic, as time: each takes its share of a second. */
interface Bucket {
  /** When all that it has got is paid for, by the clock's elapsed milliseconds. */
  paidAt: number
  /** Events of this node that its tail has not handed over. */
  pending: number
}

/** The events of one publish for one topic. */
interface Charge {
  readonly bucket: Bucket
  readonly rate: TopicRate
  events: number
  /** Of those, the ones of types that the tail does not count. */
  deletions: number
}

/** The events of one publish that are counted. One of the two follows, once. */
export interface PublishCharge {
  /** The log has them. */
  settle(at: Position): void
  /** The log has not taken them. */
  giveBack(): void
}

export interface TopicRatesOptions {
  readonly clock: Clock
  readonly rules: RateRules
  /** Resolves once the tail has handed over a position. Undefined while the node follows no tail. */
  readonly reached: (position: Position) => Promise<void> | undefined
}

/** The rates of topics at one node. Without rules it costs a look. */
export class TopicRates {
  readonly #options: TopicRatesOptions
  readonly #buckets = new Map<Topic, Bucket>()

  constructor(options: TopicRatesOptions) {
    this.#options = options
  }

  /** The tail has handed over an event. The hub's own, such as joins and ended values, are no publisher's. */
  heard({ topic, type }: Pick<EventRecord, 'topic' | 'type'>): void {
    const { rules } = this.#options
    if (rules.isEmpty || isControlType(type)) return
    const rate = rules.find(topic)
    if (rate !== undefined) this.#pay(this.#bucketOf(topic), rate, 1)
  }

  /**
   * Counts the events of a publish, all or none. Undefined where no rule is for them.
   * @throws ServerError `TOPIC_RATE_LIMITED`, or `BATCH_INVALID` for more events than a burst
   */
  charge(events: readonly Pick<NewEvent, 'topic' | 'type'>[]): PublishCharge | undefined {
    if (this.#options.rules.isEmpty) return undefined
    const charges = this.#plan(events)
    if (charges.size === 0) return undefined
    for (const [topic, charge] of charges) this.#requireRoom(topic, charge)
    for (const { bucket, events: count } of charges.values()) bucket.pending += count
    return {
      settle: (at) => this.#settle([...charges.values()], at),
      giveBack: () => giveBack([...charges.values()]),
    }
  }

  #plan(events: readonly Pick<NewEvent, 'topic' | 'type'>[]): ReadonlyMap<Topic, Charge> {
    const charges = new Map<Topic, Charge>()
    for (const { topic, type } of events) {
      const rate = this.#options.rules.find(topic)
      if (rate === undefined) continue
      const bucket = this.#bucketOf(topic)
      const charge = charges.get(topic) ?? { bucket, rate, events: 0, deletions: 0 }
      charges.set(topic, charge)
      charge.events += 1
      if (isControlType(type)) charge.deletions += 1
    }
    return charges
  }

  #requireRoom(topic: Topic, { bucket, rate, events }: Charge): void {
    const { perSecond, burst } = rate
    if (events > burst) {
      throw new ServerError(
        'BATCH_INVALID',
        `The topic ${quoteValue(topic)} gets ${burst} events at once at most, by its rule; got ${events} in one publish. Split it into several requests.`,
      )
    }
    const now = this.#options.clock.elapsed()
    const paidAt = limitDebt(bucket.paidAt, now, rate)
    const fullMs = Math.max(0, paidAt - now) + ((bucket.pending + events) * 1_000) / perSecond
    const waitMs = fullMs - (burst * 1_000) / perSecond
    // A sum of fractions is not exact: a microsecond is no wait.
    if (waitMs < 0.001) return
    const seconds = Math.max(1, Math.ceil(waitMs / 1_000))
    throw new ServerError(
      'TOPIC_RATE_LIMITED',
      `The topic ${quoteValue(topic)} gets ${perSecond} events per second and ${burst} at once, by its rule. Try again in ${seconds} s.`,
      { headers: { 'Retry-After': String(seconds) } },
    )
  }

  /** They are pending until the tail has counted them. Those of a repeated publish it has counted before. */
  #settle(charges: readonly Charge[], at: Position): void {
    const reached = this.#options.reached(at)
    for (const { bucket, rate, events, deletions } of charges) {
      const uncounted = reached === undefined ? events : deletions
      if (uncounted > 0) this.#pay(bucket, rate, uncounted)
      bucket.pending -= uncounted
    }
    if (reached !== undefined) void this.#release(charges, reached)
  }

  async #release(charges: readonly Charge[], reached: Promise<void>): Promise<void> {
    await reached
    for (const { bucket, events, deletions } of charges) bucket.pending -= events - deletions
  }

  #pay(bucket: Bucket, rate: TopicRate, events: number): void {
    const now = this.#options.clock.elapsed()
    const paidAt = Math.max(bucket.paidAt, now) + (events * 1_000) / rate.perSecond
    bucket.paidAt = limitDebt(paidAt, now, rate)
  }

  #bucketOf(topic: Topic): Bucket {
    const known = this.#buckets.get(topic)
    if (known !== undefined) return known
    if (this.#buckets.size >= rateTopicsMax) this.#makeRoom()
    const bucket = { paidAt: 0, pending: 0 }
    this.#buckets.set(topic, bucket)
    return bucket
  }

  /** Forgets a topic that owes nothing, or else the one that came first. */
  #makeRoom(): void {
    const now = this.#options.clock.elapsed()
    let looks = 0
    for (const [topic, bucket] of this.#buckets) {
      this.#buckets.delete(topic)
      looks += 1
      if ((bucket.paidAt <= now && bucket.pending === 0) || looks > rateLooksMax) return
      this.#buckets.set(topic, bucket)
    }
  }
}

function isControlType(type: string | undefined): boolean {
  return type !== undefined && type.startsWith(controlPrefix)
}

function giveBack(charges: readonly Charge[]): void {
  for (const { bucket, events } of charges) bucket.pending -= events
}

/** Scheduled events, and those of a tail that stood still, come all at once: nobody waits long for them. */
function limitDebt(paidAt: number, now: number, { burst, perSecond }: TopicRate): number {
  return Math.min(paidAt, now + (burst * 1_000) / perSecond + rateDebtMs)
}
