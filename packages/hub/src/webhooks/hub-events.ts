// The hub's own events for webhooks: sessions that connect and disconnect. They are records of
// `$hub/hooks/…`, so that the sender of a webhook delivers them from the log as it does everything else.

import { parseTopic } from '@tidemark/log'
import type { Clock, EventLog, NewEvent } from '@tidemark/log'
import type { NodeObserver } from '@tidemark/server'
import { closeMs, hookShards, hubEventsMax, saveMs } from './limits.ts'
import { waitAtMost } from './wait-at-most.ts'

/** Below it are the hub's own events. */
export const hooksPrefix: string = '$hub/hooks/'

/** Those of sessions. */
export const sessionTopics: string = `${hooksPrefix}sessions/*`

export interface HubEventsOptions {
  readonly log: EventLog
  readonly clock: Clock
  /** Names its batches, so that one whose answer was lost is not stored twice. */
  readonly node: string
  readonly onError: (error: unknown) => void
}

/** Writes them, in batches, one after the other. */
export class HubEvents {
  readonly #options: HubEventsOptions
  readonly #waiting: NewEvent[] = []
  #dropped = 0
  #batches = 0
  #writing: Promise<void> | undefined
  #isClosing = false
  readonly observer: NodeObserver = {
    opened: ({ sessionId, user, topics, resumed }) =>
      this.#add('session.connected', sessionId, { session: sessionId, user, topics, resumed }),
    closed: ({ sessionId, user, reason, durationMs }) =>
      this.#add('session.disconnected', sessionId, {
        session: sessionId,
        user,
        reason,
        durationMs: Math.round(durationMs),
      }),
  }

  constructor(options: HubEventsOptions) {
    this.#options = options
  }

  /** Resolves when the log has all of them, or takes none. */
  async close(): Promise<void> {
    this.#isClosing = true
    if (this.#writing !== undefined) await waitAtMost(this.#options.clock, closeMs, this.#writing)
  }

  #add(type: string, sessionId: string, data: object): void {
    if (this.#waiting.length >= hubEventsMax) {
      this.#dropped++
      return
    }
    // One session's stay in one topic, and so in their order.
    const topic = parseTopic(`${hooksPrefix}sessions/${shardOf(sessionId)}`)
    this.#waiting.push({ topic, type, data: JSON.stringify(data) })
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined))
  }

  async #write(): Promise<void> {
    // Everything of this turn goes together.
    await Promise.resolve()
    const { log, clock, node, onError } = this.#options
    // One batch stays the same until the log has it. The log may have it already, and takes no other under
    // its key.
    let events: readonly NewEvent[] = []
    while (this.#waiting.length > 0) {
      if (events.length === 0) events = this.#waiting.slice(0, hubEventsMax)
      const idempotencyKey = `${hooksPrefix}${node}/${this.#batches}`
      try {
        await log.append({ events, idempotencyKey })
        this.#waiting.splice(0, events.length)
        this.#batches++
        events = []
        this.#tellDropped()
      } catch (error) {
        onError(error)
        if (this.#isClosing) return
        await new Promise<void>((resolve) => clock.after(saveMs, resolve))
      }
    }
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return
    this.#options.onError(
      new Error(
        `The log took nothing for a while: ${this.#dropped} events of sessions for webhooks were dropped.`,
      ),
    )
    this.#dropped = 0
  }
}

/** A part of `$hub/hooks/…`, by FNV-1a: the same on every node. */
export function shardOf(text: string): string {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return ((hash >>> 0) % hookShards).toString(36)
}
