// Records in log order, with cheap removal at the front and in the middle.

/** The part of a record's place that a list needs. */
export interface Place {
  readonly sequence: number
  readonly time: number
  /** Undefined once removed; the lists drop the place later, many at a time. */
  readonly record: unknown
}

/** Below this many removed slots a list is not worth tidying. */
const deadMin = 32

/**
 * Slots by ascending sequence. Adding at the end and removing anywhere cost a constant on average.
 * Removed slots stay until they outnumber the others; then one pass drops them all. Finding a
 * sequence is a binary search.
 */
export class SlotList<Slot extends Place> {
  #slots: Slot[] = []
  #start = 0
  #live = 0

  /** Records in the list. */
  get live(): number {
    return this.#live
  }

  get first(): Slot | undefined {
    return this.#slots[this.#start]
  }

  /** Sequence of the newest slot, 0 when there is none. It may have been removed. */
  get newest(): number {
    return this.#slots.at(-1)?.sequence ?? 0
  }

  push(slot: Slot): void {
    this.#slots.push(slot)
    this.#live += 1
  }

  /** Counts one slot of this list as removed; its `record` is already undefined. */
  noteRemoved(): void {
    this.#live -= 1
    while (this.#start < this.#slots.length && this.first?.record === undefined) this.#start += 1
    const dead = this.#slots.length - this.#live
    if (dead <= deadMin || dead <= this.#live) return
    this.#slots = this.#slots.filter(({ record }) => record !== undefined)
    this.#start = 0
  }

  /** Slots with records after `after`, up to `upTo`, oldest first. */
  *between(after: number, upTo: number): Generator<Slot, void, undefined> {
    for (let i = this.#indexAfter(after); i < this.#slots.length; i++) {
      const slot = this.#slots[i]
      if (slot === undefined || slot.sequence > upTo) return
      if (slot.record !== undefined) yield slot
    }
  }

  /** Slots with records, newest first. */
  *backwards(): Generator<Slot, void, undefined> {
    for (let i = this.#slots.length - 1; i >= this.#start; i--) {
      const slot = this.#slots[i]
      if (slot?.record !== undefined) yield slot
    }
  }

  /** The first slot whose time is at least `time`. Times ascend like sequences. */
  firstSince(time: number): Slot | undefined {
    return this.#slots[this.#lowerBound((slot) => slot.time >= time)]
  }

  #indexAfter(sequence: number): number {
    return this.#lowerBound((slot) => slot.sequence > sequence)
  }

  #lowerBound(isReached: (slot: Slot) => boolean): number {
    let low = this.#start
    let high = this.#slots.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const slot = this.#slots[middle]
      if (slot === undefined || isReached(slot)) high = middle
      else low = middle + 1
    }
    return low
  }
}
