// Things that are due a fixed time after they were filed: one timer for all of them, not one each.

import type { Clock, Timer } from '@tidemark/log'
import { dueAtOnceMax } from '../limits.ts'

/** The settings of deadlines. */
interface DeadlineSettings<Item> {
  readonly clock: Clock
  /** How long after it was added an item is due, in milliseconds. */
  readonly delayMs: number
  /** How late an item may be told, in milliseconds: the timer runs no more often. */
  readonly lateMsMax: number
  readonly onDue: (item: Item) => void
}

/**
 * All items wait equally long, so they become due in the order in which they were added: that order is the
 * whole timer wheel. Adding and taking out cost the same however many there are.
 */
export class Deadlines<Item> {
  readonly #settings: DeadlineSettings<Item>
  readonly #dueAt = new Map<Item, number>()
  #timer: Timer | undefined

  constructor(settings: DeadlineSettings<Item>) {
    this.#settings = settings
  }

  get size(): number {
    return this.#dueAt.size
  }

  /** Files an item anew: also one that is filed already waits the whole time again. */
  add(item: Item): void {
    const { clock, delayMs, lateMsMax } = this.#settings
    this.#dueAt.delete(item)
    this.#dueAt.set(item, clock.elapsed() + delayMs)
    if (this.#timer === undefined) this.#arm(Math.max(delayMs, lateMsMax))
  }

  delete(item: Item): void {
    if (this.#dueAt.delete(item) && this.#dueAt.size === 0) this.stop()
  }

  /** The items that were added so long ago, the oldest first. A list of its own, so that they may leave. */
  olderThan(ageMs: number): readonly Item[] {
    const { clock, delayMs } = this.#settings
    const dueUntil = clock.elapsed() + delayMs - ageMs
    const items: Item[] = []
    for (const [item, dueAt] of this.#dueAt) {
      if (dueAt > dueUntil) break
      items.push(item)
    }
    return items
  }

  /** Nothing becomes due any more until something is added. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #arm(delayMs: number): void {
    // One timer at a time: an item that is filed again while others are told has armed one already.
    this.#timer?.cancel()
    this.#timer = this.#settings.clock.after(delayMs, () => {
      this.#timer = undefined
      this.#tell()
    })
  }

  #tell(): void {
    const { clock, lateMsMax, onDue } = this.#settings
    const now = clock.elapsed()
    let told = 0
    for (const [item, dueAt] of this.#dueAt) {
      if (dueAt > now) {
        this.#arm(Math.max(dueAt - now, lateMsMax))
        return
      }
      if (told === dueAtOnceMax) {
        // The rest has its turn after whatever else waits for the event loop.
        this.#arm(1)
        return
      }
      told += 1
      this.#dueAt.delete(item)
      onDue(item)
    }
  }
}
