// How long ago a link stood where its topics did: one that replays a past, or was paused, may be far behind.

import type { Clock } from './clock.ts'
import type { FeedItem } from './event-queue.ts'

/**
 * A stream says nowhere that it has caught up. A beat says so as near as can be: a replay is rarely as
 * long as a heartbeat.
 */
export class Freshness {
  readonly #clock: Clock
  #isFresh: boolean
  #freshAtMs = -Infinity
  #isReady = false
  #hasPaused = false

  /** A link that begins at what comes from now on is fresh from its first item on. */
  constructor(clock: Clock, isNow: boolean) {
    this.#clock = clock
    this.#isFresh = isNow
  }

  /** Milliseconds. */
  get ageMs(): number {
    return this.#clock.now() - this.#freshAtMs
  }

  connecting(): void {
    this.#isReady = false
  }

  ready(): void {
    this.#isReady = true
  }

  failed(): void {
    this.#isFresh = false
  }

  /** The next bytes have waited in sockets, and with them the first beat. */
  paused(): void {
    this.#isFresh = false
    this.#hasPaused = true
  }

  took({ kind }: FeedItem): void {
    if (kind === 'mark' && this.#isReady) {
      this.#isFresh ||= !this.#hasPaused
      this.#hasPaused = false
    }
    if (this.#isFresh) this.#freshAtMs = this.#clock.now()
  }
}
