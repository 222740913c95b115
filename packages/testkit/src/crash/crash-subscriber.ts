// A deliberately plain client: what an EventSource does and no more, on a connection that is cut again and again.

import { request } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { comparePositions, parseCursor, systemClock } from '@tidemark/log'
import type { Position } from '@tidemark/log'
import { createDecoder } from '@tidemark/wire'
import type { DecodedEvent, Decoder } from '@tidemark/wire'
import type { AckCounter } from '../traffic/ack-counter.ts'
import type { ReceivedEvent, Reception } from '../traffic/history.ts'
import { knockMs } from '../traffic/limits.ts'
import { readReceived } from '../traffic/read-received.ts'
import { toQuery } from '../traffic/subscription.ts'
import type { CrashHubs } from './crash-hubs.ts'
import { cutBytesMax, pauseEvents, slowCutBytesMax } from './limits.ts'
import type { SubscriberPlan } from './plan.ts'
import type { SeededRandom } from '../seeded-random.ts'

/** A hub as its subscribers see it. */
export interface SubscribeTarget {
  readonly url: string
  /** The history it serves, in a test that has several. */
  readonly branch: number
  noteDelivery(): void
}

/** What subscribers share. */
export interface SubscribeScene {
  readonly hubs: { pick(random: SeededRandom): SubscribeTarget }
  readonly acks: AckCounter
  /** Whether histories part in this test, so that it is judged later what subscribers had to be told. Default: no. */
  readonly hasBranches?: boolean | undefined
}

/** What clients of a crash test share. */
export interface CrashScene extends SubscribeScene {
  readonly hubs: CrashHubs
}

/** What came of one connection. */
export interface StreamStory {
  readonly branch: number
  /** What was sent as `Last-Event-ID`; empty for none. */
  readonly resumedFrom: string
  /** What `tidemark.ready` has said; undefined when the connection ended before it. */
  resumed: string | undefined
  /** The data of every `tidemark.gap`. */
  readonly gaps: string[]
  readonly events: ReceivedEvent[]
  /** The id of the last event of any kind, at the end what the next connection sends. */
  lastEventId: string
}

/** One connection while it lasts. */
interface Connection {
  readonly hub: SubscribeTarget
  readonly story: StreamStory
  readonly request: ClientRequest
  readonly decoder: Decoder
  /** What was acknowledged when it began: what comes from before is a replay. */
  readonly newest: Position | undefined
  /** Bytes after which it is cut, wherever that is. */
  bytesLeft: number
}

/**
 * Subscribes from the earliest event on, and after every end of its connection to any hub with its last id. Reads its
 * bytes itself, keeps the id of the last *dispatched* event (an id without data moves it in Chromium but not in Firefox).
 */
export class CrashSubscriber {
  readonly events: ReceivedEvent[] = []
  readonly gaps: string[] = []
  /** Each of its connections. */
  readonly streams: StreamStory[] = []
  readonly faults: string[] = []
  connections = 0
  replayed = 0
  byes = 0
  readonly #plan: SubscriberPlan
  readonly #scene: SubscribeScene
  #lastEventId = ''
  #request: ClientRequest | undefined
  #pauseAfter = Number.POSITIVE_INFINITY
  #isSettling = false
  #isStopped = false

  constructor(plan: SubscriberPlan, scene: SubscribeScene) {
    this.#plan = plan
    this.#scene = scene
  }

  /** Stays connected until it is stopped. */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      const isOpened = await this.#connect(this.#scene.hubs.pick(this.#plan.random))
      if (!isOpened) await new Promise<void>((resolve) => systemClock.after(knockMs, resolve))
    }
  }

  /** From now on it is cut no more and reads as fast as it can. */
  settle(): void {
    this.#isSettling = true
  }

  stop(): void {
    this.#isStopped = true
    this.#request?.destroy()
  }

  get reception(): Reception {
    const { name: subscriber, topics, shape } = this.#plan
    const { events, gaps, faults } = this
    return { subscriber, topics, isBatched: shape === 'batch', events, gaps, faults }
  }

  /** Resolves at the end of the connection to whether there was one. */
  #connect(hub: SubscribeTarget): Promise<boolean> {
    return new Promise((resolve) => {
      const headers = {
        Accept: 'text/event-stream',
        ...(this.#lastEventId === '' ? {} : { 'Last-Event-ID': this.#lastEventId }),
      }
      const query = toQuery(this.#plan, 'earliest')
      const outgoing = request(`${hub.url}/events?${query}`, { headers, agent: false })
      const story = this.#beginStory(hub)
      const connection: Connection = {
        hub,
        story,
        request: outgoing,
        decoder: createDecoder(
          { event: (event) => this.#dispatch(event, connection) },
          { lastEventId: this.#lastEventId },
        ),
        newest: this.#scene.acks.newest,
        bytesLeft: this.#drawBytes(),
      }
      // Early on a connection the kernel's receive buffer is still small.
      if (this.#plan.isSlow) this.#pauseAfter = this.events.length + this.#plan.random.int(50)
      let isOpened = false
      this.#request = outgoing
      outgoing.on('error', () => undefined)
      outgoing.once('close', () => resolve(isOpened))
      outgoing.once('response', (response) => {
        isOpened = response.statusCode === 200
        this.connections += 1
        this.#read(response, connection)
      })
      outgoing.end()
    })
  }

  #beginStory({ branch }: SubscribeTarget): StreamStory {
    const story: StreamStory = {
      branch,
      resumedFrom: this.#lastEventId,
      resumed: undefined,
      gaps: [],
      events: [],
      lastEventId: this.#lastEventId,
    }
    this.streams.push(story)
    return story
  }

  #drawBytes(): number {
    const { random, isSlow } = this.#plan
    return random.int(random.pick(isSlow ? slowCutBytesMax : cutBytesMax))
  }

  #read(response: IncomingMessage, connection: Connection): void {
    if (response.statusCode !== 200) {
      this.faults.push(`was answered ${response.statusCode} on resuming from ${this.#lastEventId}`)
    }
    response.on('error', () => undefined)
    response.on('data', (chunk: Buffer) => {
      if (connection.request.destroyed) return
      const isCut = !this.#isSettling && chunk.length >= connection.bytesLeft
      this.#decode(isCut ? chunk.subarray(0, connection.bytesLeft) : chunk, connection)
      connection.bytesLeft -= chunk.length
      if (isCut) connection.request.destroy()
      else if (this.events.length >= this.#pauseAfter) void this.#pause(response)
    })
  }

  #decode(bytes: Buffer, { decoder }: Connection): void {
    try {
      decoder.push(bytes)
    } catch (error) {
      this.faults.push(`could not read its stream: ${String(error)}`)
      this.stop()
    }
  }

  #dispatch(event: DecodedEvent, connection: Connection): void {
    this.#lastEventId = event.id
    connection.story.lastEventId = event.id
    if (event.type.startsWith('tidemark.')) {
      this.#hearControl(event, connection)
      return
    }
    connection.hub.noteDelivery()
    for (const received of readReceived(event, this.#plan)) {
      this.events.push(received)
      connection.story.events.push(received)
    }
    if (isReplayed(event, connection)) this.replayed += 1
  }

  #hearControl(event: DecodedEvent, { story }: Connection): void {
    if (event.type === 'tidemark.gap') {
      this.gaps.push(event.data)
      story.gaps.push(event.data)
    }
    if (event.type === 'tidemark.bye') this.byes += 1
    if (event.type !== 'tidemark.ready') return
    const { resumed } = JSON.parse(event.data) as { resumed: string }
    story.resumed = resumed
    if (this.#scene.hasBranches === true) return
    const wanted = story.resumedFrom === '' ? 'fresh' : 'exact'
    if (resumed !== wanted) this.faults.push(`was resumed ${resumed} from "${story.resumedFrom}"`)
  }

  /** A reader that takes nothing for a while: its session lags, and goes on from the log. */
  async #pause(response: IncomingMessage): Promise<void> {
    const { random } = this.#plan
    response.pause()
    await this.#scene.acks.further(pauseEvents.from + random.int(pauseEvents.to - pauseEvents.from))
    this.#pauseAfter = this.events.length + random.int(1_000)
    response.resume()
  }
}

function isReplayed(event: DecodedEvent, { newest }: Connection): boolean {
  const position = parseCursor(event.id)?.position
  if (position === undefined || newest === undefined) return false
  return comparePositions(position, newest) <= 0
}
