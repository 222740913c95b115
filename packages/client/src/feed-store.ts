// A feed as an external store: one frozen snapshot, the same object until something in it changes.

import { quoteValue } from '@tidemark/wire/values'
import { ClientError } from './errors.ts'
import type { FeedSnapshot, FeedState } from './feed.ts'
import { callSafely } from './listeners.ts'

/** The newest of everything, and who wants to hear of changes. */
export class FeedStore {
  readonly #subscribers = new Set<{ readonly onChange: () => void }>()
  #snapshot: FeedSnapshot

  constructor(state: FeedState) {
    this.#snapshot = Object.freeze({ state, event: undefined, eventCount: 0, gap: undefined })
  }

  get snapshot(): FeedSnapshot {
    return this.#snapshot
  }

  get hasSubscribers(): boolean {
    return this.#subscribers.size > 0
  }

  subscribe(onChange: () => void): () => void {
    if (typeof onChange !== 'function') {
      throw new ClientError(
        'LISTENER_INVALID',
        `A subscriber of a feed must be a function; got ${quoteValue(onChange)}.`,
      )
    }
    // The same function may come twice, as two subscribers.
    const entry = { onChange }
    this.#subscribers.add(entry)
    return () => void this.#subscribers.delete(entry)
  }

  change(changed: Partial<FeedSnapshot>): void {
    const eventCount = this.#snapshot.eventCount + (changed.event === undefined ? 0 : 1)
    this.#snapshot = Object.freeze({ ...this.#snapshot, ...changed, eventCount })
    for (const entry of [...this.#subscribers]) {
      if (this.#subscribers.has(entry)) callSafely(entry.onChange)
    }
  }
}
