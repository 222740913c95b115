// What has been decoded and not yet handed over, bounded: when it is full, reading of the stream pauses.

import type { FeedEvent, Gap } from './feed.ts'
import { queueCostMax, queueItemCost } from './limits.ts'

/** What a stream brings, in its order. A mark is a place without an event: a beat's cursor. */
export type FeedItem =
  | { readonly kind: 'event'; readonly id: string; readonly event: FeedEvent }
  | { readonly kind: 'gap'; readonly id: string; readonly gap: Gap }
  | { readonly kind: 'mark'; readonly id: string }

/** A first-in, first-out queue that knows what it costs. */
export class EventQueue {
  #items: FeedItem[] = []
  #head = 0
  #cost = 0
  #onRoom: (() => void) | undefined

  get first(): FeedItem | undefined {
    return this.#items[this.#head]
  }

  push(item: FeedItem): void {
    // Marks in a row say no more than the last of them, so a feed nobody reads stays small.
    const isNewer =
      item.kind === 'mark' && this.first !== undefined && this.#items.at(-1)?.kind === 'mark'
    if (isNewer) {
      this.#items[this.#items.length - 1] = item
      return
    }
    this.#items.push(item)
    this.#cost += costOf(item)
  }

  shift(): FeedItem | undefined {
    const item = this.first
    if (item === undefined) return undefined
    this.#head++
    // Dropping the front in one go keeps each shift at constant cost on average.
    if (this.#head === this.#items.length || this.#head >= 1024) {
      this.#items.splice(0, this.#head)
      this.#head = 0
    }
    this.#spend(costOf(item))
    return item
  }

  clear(): void {
    this.#items = []
    this.#head = 0
    this.#spend(this.#cost)
  }

  /** Resolves once less than the limit waits; undefined when that is so already. For one waiter at a time. */
  waitForRoom(): Promise<void> | undefined {
    if (this.#cost < queueCostMax) return undefined
    return new Promise((resolve) => {
      this.#onRoom = resolve
    })
  }

  #spend(cost: number): void {
    this.#cost -= cost
    if (this.#onRoom === undefined || this.#cost >= queueCostMax / 2) return
    // Half empty before reading goes on: a lagging iterator gets slices, not single events.
    const resolve = this.#onRoom
    this.#onRoom = undefined
    resolve()
  }
}

function costOf(item: FeedItem): number {
  return queueItemCost + (item.kind === 'event' ? item.event.text.length : 0)
}
