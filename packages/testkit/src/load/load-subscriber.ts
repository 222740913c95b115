// A plain client of a load test, through any door and with any habit.

import { comparePositions, parseCursor, systemClock } from '@tidemark/log'
import type { Position } from '@tidemark/log'
import type { DecodedEvent } from '@tidemark/wire'
import type { Door, OpenedStream } from '../traffic/door.ts'
import { PlainClient, standStill } from '../traffic/plain-client.ts'
import type { Ready, Visit } from '../traffic/plain-client.ts'
import { readReceived } from '../traffic/read-received.ts'
import { toQuery } from '../traffic/subscription.ts'
import { nameEvent } from './event-book.ts'
import type { BookedEvent } from './event-book.ts'
import { inflating } from './inflating.ts'
import {
  cutBytesMax,
  http2LagBytesMin,
  lagBytesMin,
  pauseEvents,
  trickleBytesPerSecond,
} from './limits.ts'
import type { StreamReception, ToldGap } from './judge-stream.ts'
import type { SubscriberPlan } from './plan.ts'
import type { SubscribeScene } from './scene.ts'
import { TopicChanger } from './topic-changer.ts'
import { cursorOfEvent } from './topic-chapters.ts'

/** Subscribes when so much has been published as its plan says. */
export class LoadSubscriber extends PlainClient<Visit> {
  readonly plan: SubscriberPlan
  readonly received: BookedEvent[] = []
  /** Times it stood still for so long that its session must have lagged. */
  lags = 0
  /** Where its first stream began; undefined until it has. */
  start: Position | undefined
  /** Where it stands: everything up to here has been received. */
  position: Position | undefined
  /** Where its topics change. */
  readonly changer: TopicChanger | undefined
  readonly #scene: SubscribeScene
  #pauseAfter = Number.POSITIVE_INFINITY
  #isPaused = false

  constructor(plan: SubscriberPlan, scene: SubscribeScene) {
    super()
    this.plan = plan
    this.#scene = scene
    const { habit, topics, random } = plan
    const { url } = scene
    this.changer = habit === 'changing' ? new TopicChanger({ url, topics, random }) : undefined
  }

  override async run(): Promise<void> {
    await this.#scene.acks.further(this.plan.joinsAfter)
    await super.run()
  }

  override settle(): void {
    super.settle()
    if (this.plan.habit === 'trickling') this.stream?.resume()
  }

  get reception(): Omit<StreamReception, 'end' | 'canLag'> {
    const { received, plan } = this
    const start = plan.joinsAfter > 0 ? this.start : undefined
    const gaps = this.gaps.map((data) => JSON.parse(data) as ToldGap)
    return { topics: plan.topics, start, received, gaps }
  }

  protected override begin(): Visit {
    const { plan } = this
    const { habit, random } = plan
    const isCut = (habit === 'cut' || habit === 'changing') && !this.isSettling
    if (habit === 'pausing') this.#pauseAfter = this.received.length + random.int(20)
    const since = plan.joinsAfter > 0 ? 'now' : 'earliest'
    return {
      door: this.#door(),
      url: `${this.#scene.url}/events?${toQuery(plan, since)}`,
      headers: plan.isCompressed ? { 'Accept-Encoding': 'gzip' } : {},
      bytesMax: isCut ? random.int(random.pick(cutBytesMax)) : Number.POSITIVE_INFINITY,
    }
  }

  #door(): Door {
    const { door: name, habit, isCompressed } = this.plan
    const door = this.#scene.door(name)
    // curl takes compression off by itself.
    const isInflated = isCompressed && name !== 'curl'
    return {
      open(request, listener) {
        const stream = door.open(request, isInflated ? inflating(listener) : listener)
        if (habit === 'never') stream.pause()
        return stream
      },
      close: () => undefined,
    }
  }

  protected override slowDown(bytes: number, stream: OpenedStream): void {
    if (this.#isPaused) return
    if (this.plan.habit === 'trickling') {
      stream.pause()
      systemClock.after((bytes * 1_000) / trickleBytesPerSecond, () => stream.resume())
    } else if (this.received.length >= this.#pauseAfter) void this.#pause(stream)
  }

  /**
   * Takes nothing until its session lags, which then goes on from the log; or until nothing more is
   * published.
   */
  async #pause(stream: OpenedStream): Promise<void> {
    const { random, door } = this.plan
    const { acks } = this.#scene
    const before = this.#scene.padding
    const lagBytes = door === 'http2' ? http2LagBytesMin : lagBytesMin
    const isLagging = (): boolean => this.#scene.padding - before > lagBytes
    this.#isPaused = true
    stream.pause()
    do await standStill(acks, random, pauseEvents)
    while (!isLagging() && !acks.isOver)
    this.#pauseAfter = this.received.length + random.int(1_000)
    if (isLagging()) this.lags += 1
    this.#isPaused = false
    stream.resume()
  }

  protected override take(event: DecodedEvent): void {
    const { changer, plan } = this
    const topics = changer?.chapters.topics ?? plan.topics
    const events = readReceived(event, { ...plan, topics })
    for (const [i, each] of events.entries()) {
      const booked = this.#scene.book.find(each)
      if (booked === undefined) {
        this.faults.push(`got ${each.publisher}:${each.number} ${each.topic}, never attempted`)
        continue
      }
      this.received.push(booked)
      // A batch is under the id of its last event.
      if (i === events.length - 1) this.#checkCursor(booked, cursorOfEvent(event.id))
    }
  }

  /** An id must never lead back: whoever is cut there would get events again. */
  protected override hear(event: DecodedEvent): void {
    const position = parseCursor(event.id)?.position
    if (position === undefined) return
    const before = this.position
    if (before !== undefined && comparePositions(position, before) < 0) {
      this.faults.push(`was led back to ${event.id} by ${event.type}`)
    }
    this.position = position
    this.#hearOfTopics(event)
  }

  #hearOfTopics(event: DecodedEvent): void {
    const { changer } = this
    changer?.hear(event)
    const isTold = event.type === 'tidemark.topics'
    const fault = isTold ? changer?.chapters.tell(event) : undefined
    if (fault !== undefined) this.faults.push(fault)
    if (!this.isSettling) changer?.change()
  }

  #checkCursor(booked: BookedEvent, cursor: string): void {
    if (booked.cursor === undefined) {
      booked.cursor = cursor
      this.#scene.noteFirstSight(booked)
    } else if (booked.cursor !== cursor) {
      this.faults.push(`got ${nameEvent(booked)} at ${cursor}; others at ${booked.cursor}`)
    }
  }

  protected override checkReady(ready: Ready, resumedFrom: string, visit: Visit): void {
    super.checkReady(ready, resumedFrom, visit)
    // A client that was cut before it had an id begins anew.
    if (resumedFrom === '') this.start = parseCursor(ready.cursor)?.position
  }
}
