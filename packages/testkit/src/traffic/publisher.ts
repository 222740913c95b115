// A publisher with one request in flight, so that its order is defined.

import { systemClock } from '@tidemark/log'
import { createRandom } from '../seeded-random.ts'
import type { SeededRandom } from '../seeded-random.ts'
import type { AckCounter } from './ack-counter.ts'
import type { Attempt, AttemptedEvent } from './history.ts'
import { cutsEvery, reconnectMs } from './limits.ts'
import type { PublishTargets } from './publish-targets.ts'
import type { Payload } from './read-received.ts'
import { sendPublish } from './send-publish.ts'
import type { PublishMessage } from './send-publish.ts'

/** An event before it has a number. */
export interface Draft {
  readonly topic: string
  readonly key?: string | undefined
  /** Characters of padding, at most 100,000. */
  readonly fillLength?: number | undefined
}

/** A line of a batch. */
export interface PublishedEvent {
  readonly topic: string
  readonly key?: string | undefined
  readonly data: Payload
}

/** A publisher, and its events. */
export interface PublisherOptions {
  readonly name: string
  /** Whether requests carry idempotency keys, and are repeated until they are acknowledged. */
  readonly isKeyed: boolean
  readonly random: SeededRandom
  /** Draws the events of the next request. */
  draw(random: SeededRandom): readonly Draft[]
  /**
   * Between the beginnings of two requests, asked for each. Milliseconds. Default 0: each follows
   * the answer to the one before.
   */
  readonly paceMs?: (() => number) | undefined
  /** Told of every request before it is sent. */
  readonly onAttempt?: ((attempt: Attempt) => void) | undefined
}

/** The things that publishers of a test share. */
export interface PublishScene {
  readonly hubs: PublishTargets
  readonly acks: AckCounter
}

/**
 * Publishes until it is stopped. Without keys an unanswered request is left behind, neither known
 * to be stored nor to be lost. With keys it is repeated, at any hub, until it is acknowledged.
 */
export class Publisher {
  readonly attempts: Attempt[] = []
  retries = 0
  readonly #options: PublisherOptions
  readonly #scene: PublishScene
  readonly #random: SeededRandom
  #number = 0
  #isStopped = false

  constructor(options: PublisherOptions, scene: PublishScene) {
    this.#options = options
    this.#scene = scene
    this.#random = options.random
  }

  /**
   * Resolves when it was stopped and its last request is done; rejects when a request is refused
   * for good.
   */
  async run(): Promise<void> {
    const { paceMs = () => 0 } = this.#options
    for (let due = systemClock.elapsed(); !this.#isStopped; due += paceMs()) {
      const early = due - systemClock.elapsed()
      if (early > 1) await new Promise<void>((resolve) => systemClock.after(early, resolve))
      await this.publish(this.#options.draw(this.#random))
    }
  }

  stop(): void {
    this.#isStopped = true
  }

  /** Publishes the drafts in one request. */
  async publish(drafts: readonly Draft[]): Promise<void> {
    const { name, isKeyed, onAttempt } = this.#options
    const events = drafts.map(({ topic, key }) => ({ number: this.#number++, topic, key }))
    const attempt: Attempt = { publisher: name, isKeyed, events, receipt: undefined }
    const message = this.#compose(drafts, events)
    const at = this.attempts.push(attempt) - 1
    onAttempt?.(attempt)
    for (;;) {
      // Cut off on its own side, the request may still be on its way into the log while it is repeated.
      const isCut = isKeyed && this.#random.int(cutsEvery - 1) === 0
      const hub = this.#scene.hubs.pick(this.#random)
      const outcome = await sendPublish(hub, { ...message, isCut })
      if (outcome.kind === 'acknowledged') {
        this.attempts[at] = { ...attempt, receipt: outcome.cursor }
        this.#scene.acks.add(events.length, outcome.cursor)
        return
      }
      if (outcome.kind === 'unanswered' && !isKeyed) return
      if (outcome.kind === 'unanswered') this.retries += 1
      if (isCut) continue
      await new Promise<void>((resolve) => systemClock.after(reconnectMs, resolve))
    }
  }

  #compose(
    drafts: readonly Draft[],
    events: readonly AttemptedEvent[],
  ): Omit<PublishMessage, 'isCut'> {
    const { name, isKeyed } = this.#options
    const [first] = events
    const headers = isKeyed ? { 'Idempotency-Key': `${name}:${first?.number ?? 0}` } : {}
    const inputs = drafts.map((draft, i): PublishedEvent => {
      const number = events[i]?.number ?? 0
      const data: Payload = { publisher: name, number, ...pad(draft, number) }
      return { topic: draft.topic, key: draft.key, data }
    })
    const [only] = inputs
    if (inputs.length === 1 && only !== undefined) {
      const query = only.key === undefined ? '' : `?key=${encodeURIComponent(only.key)}`
      return { path: `/topics/${only.topic}${query}`, headers, body: JSON.stringify(only.data) }
    }
    return {
      path: '/publish',
      headers: { ...headers, 'Content-Type': 'application/x-ndjson' },
      body: inputs.map((input) => `${JSON.stringify(input)}\n`).join(''),
    }
  }
}

/**
 * Text that compression makes only a little shorter, so that large events stay large on compressed
 * streams.
 */
const padding = makePadding(128 * 1024)

function pad({ fillLength }: Draft, number: number): { readonly fill?: string } {
  if (fillLength === undefined) return {}
  const from = (number * 997) % (padding.length - fillLength)
  return { fill: padding.slice(from, from + fillLength) }
}

function makePadding(length: number): string {
  const random = createRandom(1)
  const letters = Array.from({ length }, () => String.fromCharCode(0x30 + random.int(0x4a)))
  // Neither quote nor backslash, which JSON would make two characters of.
  return letters.join('').replaceAll('\\', '/')
}
