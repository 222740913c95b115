// What has been decoded and not yet handed over, bounded: when it is full, reading of the stream pauses.

import type { WaitingEvent } from './decode-event.ts'
import type { Gap } from './feed.ts'
import { queueCostMax, queueItemCost } from './limits.ts'

/** What a stream brings, in its order. A mark is a place without an event: a beat's cursor. */
export type FeedItem =
  | { readonly kind: 'event'; readonly id: string; readonly event: WaitingEvent }
  | { readonly kind: 'gap'; readonly id: string; readonly gap: Gap }
  | { readonly kind: 'mark'; readonly id: string }

interface Entry {
  item: FeedItem
  cost: number
}

/** A first-in, first-out queue that knows what it costs. */
export class EventQueue {
  #items: Entry[] = []
  #head = 0
  #cost = 0
  /** Of what was pushed since bytes were counted last. */
  #freshCost = 0
  #onRoom: (() => void) | undefined

  get first(): FeedItem | undefined {
    return this.#items[this.#head]?.item
  }

  push(item: FeedItem): void {
    // Marks in a row say no more than the last of them, so a feed nobody reads stays small.
    const last = this.first === undefined ? undefined : this.#items.at(-1)
    if (item.kind === 'mark' && last?.item.kind === 'mark') {
      last.item = item
      this.#raise(last, costOf(item) - last.cost)
      return
    }
    const entry = { item, cost: 0 }
    this.#items.push(entry)
    this.#raise(entry, costOf(item))
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
    this.#spend(entry.cost)
    return entry.item
  }

  clear(): void {
    this.#items = []
    this.#head = 0
    this.#spend(this.#cost)
  }

  /**
   * Resolves once less than the limit waits; undefined when that is so already. For one waiter at a time. What waits counts for
   * the bytes it was decoded from, because texts may be slices of them: a short id keeps the comment beside it.
   */
  waitForRoom(bytesRead = 0): Promise<void> | undefined {
    const last = this.first === undefined ? undefined : this.#items.at(-1)
    if (last !== undefined) this.#raise(last, Math.max(0, bytesRead - this.#freshCost))
    this.#freshCost = 0
    if (this.#cost < queueCostMax) return undefined
    return new Promise((resolve) => {
      this.#onRoom = resolve
    })
  }

  #raise(entry: Entry, cost: number): void {
    entry.cost += cost
    this.#cost += cost
    this.#freshCost += cost
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
  const { id } = item
  if (item.kind === 'mark') return queueItemCost + id.length
  if (item.kind === 'gap') {
    const { from, to, reason } = item.gap
    return queueItemCost + id.length + from.length + to.length + reason.length
  }
  const { topic, type, text, key = '' } = item.event
  return queueItemCost + id.length + topic.length + type.length + text.length + key.length
}
