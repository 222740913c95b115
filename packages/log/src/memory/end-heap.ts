// The records of a memory log that have an end of their own, the next one to end first.

import type { Slot } from './topic-state.ts'

interface Place {
  readonly slot: Slot
  readonly end: number
}

/** Below this many removed records the heap is not worth tidying. */
const deadMin = 32

/**
 * A binary heap. Records that were removed stay in it until they outnumber the others. A key that is
 * written each second with a life of a year leaves one behind each second.
 */
export class EndHeap {
  #places: Place[] = []
  #dead = 0

  add(slot: Slot, end: number): void {
    this.#places.push({ slot, end })
    this.#rise(this.#places.length - 1)
  }

  /**
   * Counts one record of the heap as removed; the `record` of its slot is already undefined. One that
   * was taken counts too, and the heap is only tidied sooner.
   */
  noteRemoved(): void {
    this.#dead += 1
    if (this.#dead <= deadMin || this.#dead <= this.#places.length / 2) return
    this.#places = this.#places.filter(({ slot }) => slot.record !== undefined)
    this.#dead = 0
    for (let i = (this.#places.length >>> 1) - 1; i >= 0; i--) this.#sink(i)
  }

  /** When the next record ends; Infinity for never. */
  get nextEnd(): number {
    this.#dropRemoved()
    return this.#places[0]?.end ?? Infinity
  }

  /** At most `max` records that have ended. They are no longer in the heap. */
  take(now: number, max: number): readonly Slot[] {
    const taken: Slot[] = []
    while (taken.length < max && this.nextEnd <= now) {
      const slot = this.#shift()
      if (slot !== undefined) taken.push(slot)
    }
    return taken
  }

  #dropRemoved(): void {
    while (this.#places.length > 0 && this.#places[0]?.slot.record === undefined) {
      this.#shift()
      this.#dead = Math.max(0, this.#dead - 1)
    }
  }

  #shift(): Slot | undefined {
    const first = this.#places[0]
    const last = this.#places.pop()
    if (last === undefined || first === undefined) return undefined
    if (this.#places.length > 0) {
      this.#places[0] = last
      this.#sink(0)
    }
    return first.slot
  }

  #rise(from: number): void {
    let at = from
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (this.#endAt(parent) <= this.#endAt(at)) return
      this.#swap(at, parent)
      at = parent
    }
  }

  #sink(from: number): void {
    let at = from
    for (;;) {
      const left = 2 * at + 1
      const right = left + 1
      const least = this.#endAt(right) < this.#endAt(left) ? right : left
      if (this.#endAt(at) <= this.#endAt(least)) return
      this.#swap(at, least)
      at = least
    }
  }

  #endAt(at: number): number {
    return this.#places[at]?.end ?? Infinity
  }

  #swap(one: number, other: number): void {
    const a = this.#places[one]
    const b = this.#places[other]
    if (a === undefined || b === undefined) return
    this.#places[one] = b
    this.#places[other] = a
  }
}
