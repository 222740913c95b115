// A plain client of a crash test, which goes from hub to hub.

import { comparePositions, parseCursor } from '@tidemark/log'
import type { Position } from '@tidemark/log'
import type { DecodedEvent } from '@tidemark/wire'
import type { AckCounter } from '../traffic/ack-counter.ts'
import type { OpenedStream } from '../traffic/door.ts'
import type { ReceivedEvent, Reception } from '../traffic/history.ts'
import { http1Door } from '../traffic/http1-door.ts'
import { PlainClient, standStill } from '../traffic/plain-client.ts'
import type { Ready, Visit } from '../traffic/plain-client.ts'
import { readReceived } from '../traffic/read-received.ts'
import { toQuery } from '../traffic/subscription.ts'
import type { CrashHubs } from './crash-hubs.ts'
import { cutBytesMax, pauseEvents, slowCutBytesMax } from './limits.ts'
import type { SubscriberPlan } from './plan.ts'
import type { SeededRandom } from '../seeded-random.ts'

/** A hub as its subscribers see it. */
interface SubscribeTarget {
  readonly url: string
  /** The history it serves, in a test that has several. */
  readonly branch: number
  noteDelivery(): void
}

/** The things that subscribers share. */
export interface SubscribeScene {
  readonly hubs: { pick(random: SeededRandom): SubscribeTarget }
  readonly acks: AckCounter
  /**
   * Whether histories part in this test, so that it is judged later what subscribers had to be
   * told. Default: no.
   */
  readonly hasBranches?: boolean | undefined
}

/** The things that clients of a crash test share. */
export interface CrashScene extends SubscribeScene {
  readonly hubs: CrashHubs
}

/** The story of one connection. */
export interface StreamStory {
  readonly branch: number
  /** The `Last-Event-ID` that was sent; empty for none. */
  readonly resumedFrom: string
  /** The word of `tidemark.ready`; undefined when the connection ended before it. */
  resumed: string | undefined
  /** The data of every `tidemark.gap`. */
  readonly gaps: string[]
  readonly events: ReceivedEvent[]
  /** The id of the last event of any kind, at the end what the next connection sends. */
  lastEventId: string
}

/** One connection, and what came of it. */
interface HubVisit extends Visit {
  readonly hub: SubscribeTarget
  readonly story: StreamStory
  /** The newest acknowledged event when it began: events from before are a replay. */
  readonly newest: Position | undefined
}

/** Subscribes from the earliest event on, and after every end of its connection to any hub. */
export class CrashSubscriber extends PlainClient<HubVisit> {
  readonly events: ReceivedEvent[] = []
  /** Each of its connections. */
  readonly streams: StreamStory[] = []
  replayed = 0
  readonly #plan: SubscriberPlan
  readonly #scene: SubscribeScene
  #pauseAfter = Number.POSITIVE_INFINITY

  constructor(plan: SubscriberPlan, scene: SubscribeScene) {
    super()
    this.#plan = plan
    this.#scene = scene
  }

  get reception(): Reception {
    const { name: subscriber, topics, shape } = this.#plan
    const { events, gaps, faults } = this
    return { subscriber, topics, isBatched: shape === 'batch', events, gaps, faults }
  }

  protected override begin(resumedFrom: string): HubVisit {
    const { random, isSlow } = this.#plan
    const hub = this.#scene.hubs.pick(random)
    const story: StreamStory = {
      branch: hub.branch,
      resumedFrom,
      resumed: undefined,
      gaps: [],
      events: [],
      lastEventId: resumedFrom,
    }
    this.streams.push(story)
    const bytesMax = random.int(random.pick(isSlow ? slowCutBytesMax : cutBytesMax))
    // Early on a connection the kernel's receive buffer is still small.
    if (isSlow) this.#pauseAfter = this.events.length + random.int(50)
    return {
      hub,
      story,
      door: http1Door,
      url: `${hub.url}/events?${toQuery(this.#plan, 'earliest')}`,
      newest: this.#scene.acks.newest,
      bytesMax,
    }
  }

  protected override hear({ id, type, data }: DecodedEvent, { story }: HubVisit): void {
    story.lastEventId = id
    if (type === 'tidemark.gap') story.gaps.push(data)
  }

  protected override take(event: DecodedEvent, visit: HubVisit): void {
    visit.hub.noteDelivery()
    for (const received of readReceived(event, this.#plan)) {
      this.events.push(received)
      visit.story.events.push(received)
    }
    if (isReplayed(event, visit)) this.replayed += 1
  }

  protected override checkReady(ready: Ready, resumedFrom: string, visit: HubVisit): void {
    visit.story.resumed = ready.resumed
    if (this.#scene.hasBranches !== true) super.checkReady(ready, resumedFrom, visit)
  }

  protected override slowDown(_bytes: number, stream: OpenedStream): void {
    if (this.events.length >= this.#pauseAfter) void this.#pause(stream)
  }

  /** Takes nothing for a while: its session lags, and goes on from the log. */
  async #pause(stream: OpenedStream): Promise<void> {
    const { random } = this.#plan
    this.#pauseAfter = Number.POSITIVE_INFINITY
    stream.pause()
    await standStill(this.#scene.acks, random, pauseEvents)
    this.#pauseAfter = this.events.length + random.int(1_000)
    stream.resume()
  }
}

function isReplayed(event: DecodedEvent, { newest }: HubVisit): boolean {
  const position = parseCursor(event.id)?.position
  if (position === undefined || newest === undefined) return false
  return comparePositions(position, newest) <= 0
}
