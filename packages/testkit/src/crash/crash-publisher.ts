// A publisher at full speed: one request in flight, so that its order is defined.

import { request } from 'node:http'
import { systemClock } from '@tidemark/log'
import type { SeededRandom } from '../seeded-random.ts'
import type { AckCounter } from './ack-counter.ts'
import type { CrashHubs, HubSlot } from './crash-hubs.ts'
import type { Attempt, AttemptedEvent } from './history.ts'
import {
  answerMsMax,
  batchEventsMax,
  cutsEvery,
  fillEvery,
  fillLengthMax,
  knockMs,
} from './limits.ts'
import { crashTopics } from './plan.ts'
import type { PublisherPlan } from './plan.ts'
import type { Payload } from './read-received.ts'

/** What clients of a crash test share. */
export interface CrashScene {
  readonly hubs: CrashHubs
  readonly acks: AckCounter
}

/** What became of one request. */
type Outcome =
  | { readonly kind: 'acknowledged'; readonly cursor: string }
  /** Nobody listened: the hub has seen nothing of it. */
  | { readonly kind: 'unsent' }
  /** Cut off before the answer, or answered that the log is unavailable. */
  | { readonly kind: 'unanswered' }

/**
 * Publishes until it is stopped. Without keys an unanswered request is left behind, neither known to be stored nor to be
 * lost. With keys it is repeated, at any hub, until it is acknowledged.
 */
export class CrashPublisher {
  readonly attempts: Attempt[] = []
  retries = 0
  readonly #plan: PublisherPlan
  readonly #scene: CrashScene
  readonly #random: SeededRandom
  #number = 0
  #isStopped = false

  constructor(plan: PublisherPlan, scene: CrashScene) {
    this.#plan = plan
    this.#scene = scene
    this.#random = plan.random
  }

  /** Resolves when it was stopped and its last request is done; rejects when a request is refused for good. */
  async run(): Promise<void> {
    while (!this.#isStopped) await this.publish(this.#drawTopics())
  }

  stop(): void {
    this.#isStopped = true
  }

  /** Publishes one event to each of `topics`, in one request. */
  async publish(topics: readonly string[]): Promise<void> {
    const { name, isKeyed } = this.#plan
    const events = topics.map((topic) => ({ number: this.#number++, topic }))
    const message = this.#compose(events)
    const attempt = { publisher: name, isKeyed, events, receipt: undefined }
    const at = this.attempts.push(attempt) - 1
    for (;;) {
      // Cut off on its own side, the request may still be on its way into the log while it is repeated.
      const isCut = isKeyed && this.#random.int(cutsEvery - 1) === 0
      const outcome = await send(this.#scene.hubs.pick(this.#random), { ...message, isCut })
      if (outcome.kind === 'acknowledged') {
        this.attempts[at] = { ...attempt, receipt: outcome.cursor }
        this.#scene.acks.add(events.length, outcome.cursor)
        return
      }
      if (outcome.kind === 'unanswered' && !isKeyed) return
      if (outcome.kind === 'unanswered') this.retries += 1
      if (isCut) continue
      await new Promise<void>((resolve) => systemClock.after(knockMs, resolve))
    }
  }

  #drawTopics(): readonly string[] {
    const isBatch = this.#random.next() < 0.4
    const length = isBatch ? 2 + this.#random.int(batchEventsMax - 2) : 1
    return Array.from({ length }, () => this.#random.pick(crashTopics))
  }

  #compose(events: readonly AttemptedEvent[]): Message {
    const [first] = events
    const key = this.#plan.isKeyed
      ? { 'Idempotency-Key': `${this.#plan.name}:${first?.number ?? 0}` }
      : {}
    const inputs = events.map(({ number, topic }) => ({ topic, data: this.#fill(number) }))
    if (inputs.length === 1 && first !== undefined) {
      const path = `/topics/${first.topic}`
      return { path, headers: key, body: JSON.stringify(inputs[0]?.data) }
    }
    return {
      path: '/publish',
      headers: { ...key, 'Content-Type': 'application/x-ndjson' },
      body: inputs.map((input) => `${JSON.stringify(input)}\n`).join(''),
    }
  }

  #fill(number: number): Payload {
    const { name: publisher } = this.#plan
    if (this.#random.int(fillEvery - 1) > 0) return { publisher, number }
    return { publisher, number, fill: 'x'.repeat(this.#random.int(fillLengthMax)) }
  }
}

interface Message {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

function send(hub: HubSlot, message: Message & { readonly isCut: boolean }): Promise<Outcome> {
  const { path, headers, body, isCut } = message
  return new Promise((resolve, reject) => {
    const outgoing = request(`${hub.url}${path}`, { method: 'POST', headers, timeout: answerMsMax })
    outgoing.once('finish', () => {
      hub.noteSend()
      if (isCut) outgoing.destroy()
    })
    outgoing.once('timeout', () => {
      reject(new Error(`No answer to POST ${path} within ${answerMsMax} ms.`))
      outgoing.destroy()
    })
    outgoing.once('error', (error: NodeJS.ErrnoException) => {
      resolve({ kind: error.code === 'ECONNREFUSED' ? 'unsent' : 'unanswered' })
    })
    outgoing.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => (text += part))
      response.on('error', () => resolve({ kind: 'unanswered' }))
      response.on('end', () => {
        if (response.statusCode === 200) {
          resolve({ kind: 'acknowledged', cursor: readCursor(text) })
        } else if (response.statusCode === 503) {
          resolve({ kind: 'unanswered' })
        } else {
          reject(new Error(`POST ${path} was answered ${response.statusCode}: ${text}`))
        }
      })
    })
    outgoing.end(body)
  })
}

function readCursor(text: string): string {
  const { cursor } = JSON.parse(text) as { cursor: string }
  return cursor
}
