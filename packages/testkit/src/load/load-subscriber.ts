// A plain client of a load test: what an EventSource does and no more, through any door and with any habit.

import { comparePositions, parseCursor, systemClock } from '@tidemark/log'
import type { Position } from '@tidemark/log'
import { createDecoder } from '@tidemark/wire'
import type { DecodedEvent, Decoder } from '@tidemark/wire'
import { readReceived } from '../traffic/read-received.ts'
import { toQuery } from '../traffic/subscription.ts'
import type { OpenedStream, StreamListener } from './door.ts'
import { nameEvent } from './event-book.ts'
import type { BookedEvent } from './event-book.ts'
import { inflating } from './inflating.ts'
import {
  cutBytesMax,
  http2LagBytesMin,
  knockMs,
  lagBytesMin,
  pauseEvents,
  trickleBytesPerSecond,
} from './limits.ts'
import type { StreamReception, ToldGap } from './judge-stream.ts'
import type { SubscriberPlan } from './plan.ts'
import type { SubscribeScene } from './scene.ts'

/** One connection while it lasts. */
interface Connection {
  readonly decoder: Decoder
  /** What was sent as `Last-Event-ID`. */
  readonly resumedFrom: string
  stream: OpenedStream | undefined
  /** Bytes after which it is cut, wherever that is. */
  bytesLeft: number
  isOver: boolean
}

/** Subscribes, and after every end of its connection again with its last id, as long as it runs. */
export class LoadSubscriber {
  readonly plan: SubscriberPlan
  readonly received: BookedEvent[] = []
  readonly gaps: ToldGap[] = []
  readonly byes: string[] = []
  readonly faults: string[] = []
  connections = 0
  /** Of these, such that were compressed. */
  compressed = 0
  /** Times it stood still for so long that its session must have lagged. */
  lags = 0
  /** Where its first stream began; undefined until it has. */
  start: Position | undefined
  /** Where it stands: everything up to here has been received. */
  position: Position | undefined
  readonly #scene: SubscribeScene
  #lastEventId = ''
  #connection: Connection | undefined
  #pauseAfter = Number.POSITIVE_INFINITY
  #isPaused = false
  #isSettling = false
  #isStopped = false

  constructor(plan: SubscriberPlan, scene: SubscribeScene) {
    this.plan = plan
    this.#scene = scene
  }

  /** Stays connected until it is stopped. */
  async run(): Promise<void> {
    await this.#scene.acks.further(this.plan.joinsAfter)
    while (!this.#isStopped) {
      const isOpened = await this.#connect()
      if (!isOpened && !this.#isStopped) {
        await new Promise<void>((resolve) => systemClock.after(knockMs, resolve))
      }
    }
  }

  /** From now on it is cut no more and reads as fast as it can. */
  settle(): void {
    this.#isSettling = true
    if (this.plan.habit === 'trickling') this.#connection?.stream?.resume()
  }

  stop(): void {
    this.#isStopped = true
    this.#connection?.stream?.cut()
  }

  get reception(): Omit<StreamReception, 'end' | 'canLag'> {
    const { received, gaps, plan } = this
    const start = plan.joinsAfter > 0 ? this.start : undefined
    return { topics: plan.topics, start, received, gaps }
  }

  /** Resolves at the end of the connection to whether there was one. */
  #connect(): Promise<boolean> {
    return new Promise((resolve) => {
      const { plan } = this
      const connection = this.#begin()
      let isOpened = false
      const listener: StreamListener = {
        opened: (status, headers) => {
          isOpened = status === 200
          this.connections += 1
          if (headers.get('content-encoding') === 'gzip') this.compressed += 1
          if (!isOpened) this.faults.push(`was answered ${status} from "${this.#lastEventId}"`)
        },
        bytes: (chunk) => this.#take(chunk, connection),
        broken: (error) => this.faults.push(`could not read its stream: ${String(error)}`),
        ended: () => {
          connection.isOver = true
          resolve(isOpened)
        },
      }
      const request = {
        url: new URL(`/events?${toQuery(plan, this.#since)}`, this.#scene.url),
        headers: {
          Accept: 'text/event-stream',
          ...(plan.isCompressed ? { 'Accept-Encoding': 'gzip' } : {}),
          ...(this.#lastEventId === '' ? {} : { 'Last-Event-ID': this.#lastEventId }),
        },
      }
      // curl takes compression off by itself.
      const isInflated = plan.isCompressed && plan.door !== 'curl'
      const door = this.#scene.door(plan.door)
      connection.stream = door.open(request, isInflated ? inflating(listener) : listener)
      if (plan.habit === 'never') connection.stream.pause()
    })
  }

  get #since(): string {
    return this.plan.joinsAfter > 0 ? 'now' : 'earliest'
  }

  #begin(): Connection {
    const { habit, random } = this.plan
    const isCut = habit === 'cut' && !this.#isSettling
    const connection: Connection = {
      decoder: createDecoder(
        { event: (event) => this.#dispatch(event, connection) },
        { lastEventId: this.#lastEventId },
      ),
      resumedFrom: this.#lastEventId,
      stream: undefined,
      bytesLeft: isCut ? random.int(random.pick(cutBytesMax)) : Number.POSITIVE_INFINITY,
      isOver: false,
    }
    if (habit === 'pausing') this.#pauseAfter = this.received.length + random.int(20)
    this.#connection = connection
    return connection
  }

  #take(chunk: Uint8Array, connection: Connection): void {
    if (connection.isOver) return
    const isCut = !this.#isSettling && chunk.length >= connection.bytesLeft
    const part = isCut ? chunk.subarray(0, connection.bytesLeft) : chunk
    connection.bytesLeft -= part.length
    try {
      connection.decoder.push(part)
    } catch (error) {
      this.faults.push(`could not read its stream: ${String(error)}`)
      this.stop()
    }
    if (isCut) {
      connection.isOver = true
      connection.stream?.cut()
    } else if (!this.#isSettling) this.#slowDown(part.length, connection)
  }

  #slowDown(bytes: number, { stream }: Connection): void {
    if (stream === undefined || this.#isPaused) return
    if (this.plan.habit === 'trickling') {
      stream.pause()
      systemClock.after((bytes * 1_000) / trickleBytesPerSecond, () => stream.resume())
    } else if (this.received.length >= this.#pauseAfter) void this.#pause(stream)
  }

  /** Takes nothing until its session lags, which then goes on from the log; or until nothing more is published. */
  async #pause(stream: OpenedStream): Promise<void> {
    const { random, door } = this.plan
    const { acks } = this.#scene
    const before = this.#scene.padding
    const lagBytes = door === 'http2' ? http2LagBytesMin : lagBytesMin
    const isLagging = (): boolean => this.#scene.padding - before > lagBytes
    this.#isPaused = true
    stream.pause()
    do await acks.further(pauseEvents.from + random.int(pauseEvents.to - pauseEvents.from))
    while (!isLagging() && !acks.isOver)
    this.#pauseAfter = this.received.length + random.int(1_000)
    if (isLagging()) this.lags += 1
    this.#isPaused = false
    stream.resume()
  }

  #dispatch(event: DecodedEvent, { resumedFrom }: Connection): void {
    this.#move(event)
    if (event.type.startsWith('tidemark.')) {
      this.#hearControl(event, resumedFrom)
      return
    }
    const events = readReceived(event, this.plan)
    for (const [i, each] of events.entries()) {
      const booked = this.#scene.book.find(each)
      if (booked === undefined) {
        this.faults.push(`got ${each.publisher}:${each.number} ${each.topic}, never attempted`)
        continue
      }
      this.received.push(booked)
      // A batch is under the id of its last event.
      if (i === events.length - 1) this.#checkCursor(booked, event.id)
    }
  }

  /** An id must never lead back: whoever is cut there would get events again. */
  #move(event: DecodedEvent): void {
    this.#lastEventId = event.id
    const position = parseCursor(event.id)?.position
    if (position === undefined) return
    const before = this.position
    if (before !== undefined && comparePositions(position, before) < 0) {
      this.faults.push(`was led back to ${event.id} by ${event.type}`)
    }
    this.position = position
  }

  #checkCursor(booked: BookedEvent, cursor: string): void {
    if (booked.cursor === undefined) {
      booked.cursor = cursor
      this.#scene.noteFirstSight(booked)
    } else if (booked.cursor !== cursor) {
      this.faults.push(`got ${nameEvent(booked)} at ${cursor}; others at ${booked.cursor}`)
    }
  }

  #hearControl(event: DecodedEvent, resumedFrom: string): void {
    if (event.type === 'tidemark.gap') this.gaps.push(JSON.parse(event.data) as ToldGap)
    if (event.type === 'tidemark.bye')
      this.byes.push((JSON.parse(event.data) as { reason: string }).reason)
    if (event.type !== 'tidemark.ready') return
    const { resumed, cursor } = JSON.parse(event.data) as { resumed: string; cursor: string }
    const wanted = resumedFrom === '' ? 'fresh' : 'exact'
    if (resumed !== wanted) this.faults.push(`was resumed ${resumed} from "${resumedFrom}"`)
    // Who was cut before it had an id begins anew.
    if (resumedFrom === '') this.start = parseCursor(cursor)?.position
  }
}
