// Things that are due at times of their own, by the clock on the wall: a token's expiry. Where all wait
// equally long, `Deadlines` is cheaper.

import type { Clock, Timer } from '@tidemark/log'
import { dueAtOnceMax, wallClockLookMs } from '../limits.ts'

interface Entry<Item> {
  readonly item: Item
  /** Milliseconds since 1970. */
  readonly dueAt: number
  /** Where it stands in the heap. */
  index: number
}

/**
 * A binary heap with one timer. Adding and taking out cost the logarithm of how many there are, and nothing
 * while there are none. The wall clock may be set while something waits, so it is looked at every
 * `wallClockLookMs`.
 */
export class DueTimes<Item> {
  readonly #clock: Clock
  readonly #onDue: (item: Item) => void
  readonly #heap: Entry<Item>[] = []
  readonly #entries = new Map<Item, Entry<Item>>()
  #timer: Timer | undefined
  /** By `clock.elapsed()`. */
  #wakesAt = Infinity

  constructor(clock: Clock, onDue: (item: Item) => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  get size(): number {
    return this.#heap.length
  }

  /** When an item is due; undefined for one that is not filed. */
  get(item: Item): number | undefined {
    return this.#entries.get(item)?.dueAt
  }

  /**
   * Files an item for a time, in milliseconds since 1970; one that is filed already moves there. A time that
   * has passed is due next.
   */
  add(item: Item, dueAt: number): void {
    this.#takeOut(item)
    const entry = { item, dueAt, index: this.#heap.length }
    this.#entries.set(item, entry)
    this.#heap.push(entry)
    this.#rise(entry)
    this.#arm()
  }

  delete(item: Item): void {
    this.#takeOut(item)
    if (this.#heap.length === 0) this.stop()
  }

  /** Nothing becomes due any more until something is added. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#wakesAt = Infinity
  }

  /** One timer: only an item that is due before it wakes sets it anew. */
  #arm(): void {
    const [first] = this.#heap
    if (first === undefined) return
    const waitMs = Math.min(Math.max(0, first.dueAt - this.#clock.now()), wallClockLookMs)
    const wakesAt = this.#clock.elapsed() + waitMs
    if (wakesAt >= this.#wakesAt) return
    this.#timer?.cancel()
    this.#wakesAt = wakesAt
    this.#timer = this.#clock.after(Math.ceil(waitMs), () => {
      this.stop()
      this.#tell()
    })
  }

  #tell(): void {
    const now = this.#clock.now()
    for (let told = 0; told < dueAtOnceMax; told++) {
      const [first] = this.#heap
      if (first === undefined || first.dueAt > now) break
      this.#takeOut(first.item)
      this.#onDue(first.item)
    }
    this.#arm()
  }

  #takeOut(item: Item): void {
    const entry = this.#entries.get(item)
    if (entry === undefined) return
    this.#entries.delete(item)
    const last = this.#heap.pop()
    if (last === undefined || last === entry) return
    this.#put(last, entry.index)
    this.#rise(last)
    this.#sink(last)
  }

  #rise(entry: Entry<Item>): void {
    while (entry.index > 0) {
      const parent = this.#heap[(entry.index - 1) >> 1]
      if (parent === undefined || parent.dueAt <= entry.dueAt) return
      this.#swap(entry, parent)
    }
  }

  #sink(entry: Entry<Item>): void {
    for (;;) {
      const left = this.#heap[entry.index * 2 + 1]
      const right = this.#heap[entry.index * 2 + 2]
      const child =
        right !== undefined && left !== undefined && right.dueAt < left.dueAt ? right : left
      if (child === undefined || child.dueAt >= entry.dueAt) return
      this.#swap(child, entry)
    }
  }

  #swap(a: Entry<Item>, b: Entry<Item>): void {
    const { index } = a
    this.#put(a, b.index)
    this.#put(b, index)
  }

  #put(entry: Entry<Item>, index: number): void {
    entry.index = index
    this.#heap[index] = entry
  }
}
