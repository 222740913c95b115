// Events that have been decoded and not yet handed over, bounded: when the queue is full, reading of
// the stream pauses.

import type { WaitingEvent } from './decode-event.ts'
import type { Gap, Snapshot } from './feed.ts'
import { queueCostMax, queueItemCost } from './limits.ts'

/** One thing that a stream brings, in its order. A mark is a place without an event: a beat's cursor. */
export type FeedItem =
  | { readonly kind: 'event'; readonly id: string; readonly event: WaitingEvent }
  | { readonly kind: 'gap'; readonly id: string; readonly gap: Gap }
  | { readonly kind: 'snapshot'; readonly id: string; readonly snapshot: Snapshot }
  | { readonly kind: 'mark'; readonly id: string }

interface Entry {
  readonly item: FeedItem
  cost: number
}

/** A first-in, first-out queue that knows what it costs. */
export class EventQueue {
  /** Empty once all have been handed over. */
  #items: Entry[] = []
  #head = 0
  #cost = 0
  /** Of what was decoded since anything was pushed. */
  #bytesRead = 0
  /** Of what was pushed since bytes were counted last, and the last of it that waits and is no mark. */
  #freshCost = 0
  #fresh: Entry | undefined
  #onRoom: (() => void) | undefined

  get first(): FeedItem | undefined {
    return this.#items[this.#head]?.item
  }

  push(item: FeedItem): void {
    // Marks in a row say no more than the last of them, so a feed nobody reads stays small.
    const last = this.#items.at(-1)
    if (item.kind === 'mark' && last?.item.kind === 'mark') {
      this.#items.pop()
      this.#cost -= last.cost
    }
    const entry = { item, cost: costOf(item) }
    this.#items.push(entry)
    this.#cost += entry.cost
    this.#freshCost += entry.cost
    if (item.kind !== 'mark') this.#fresh = entry
  }

  shift(): FeedItem | undefined {
    const entry = this.#items[this.#head]
    if (entry === undefined) return undefined
    this.#head++
    // Dropping the front in one go keeps each shift at constant cost on average.
    if (this.#head === this.#items.length || this.#head >= 1024) {
      this.#items.splice(0, this.#head)
      this.#head = 0
    }
    if (entry === this.#fresh) this.#fresh = undefined
    this.#spend(entry.cost)
    return entry.item
  }

  clear(): void {
    this.#items = []
    this.#head = 0
    this.#fresh = undefined
    this.#spend(this.#cost)
  }

  /**
   * Resolves once less than the limit waits; undefined when that is so already. For one waiter at a
   * time. An item counts for the bytes it was decoded from, because texts may be slices of them: a
   * short id keeps the comment beside it.
   */
  waitForRoom(bytesRead = 0): Promise<void> | undefined {
    this.#bytesRead += bytesRead
    if (this.#freshCost > 0) {
      const entry = this.#fresh ?? this.#items.at(-1)
      const more = this.#bytesRead - this.#freshCost
      if (entry !== undefined && more > 0) {
        entry.cost += more
        this.#cost += more
      }
      this.#bytesRead = 0
      this.#freshCost = 0
      this.#fresh = undefined
    }
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

/** Characters an item takes in a queue, with the objects around it. */
export function costOf(item: FeedItem): number {
  const texts = [item.id]
  if (item.kind === 'gap') texts.push(item.gap.from, item.gap.to, item.gap.reason)
  if (item.kind === 'event') {
    const { topic, type, text, key = '', tags = {} } = item.event
    texts.push(topic, type, text, key, ...Object.entries(tags).flat())
  }
  return texts.reduce((cost, { length }) => cost + length, queueItemCost)
}
