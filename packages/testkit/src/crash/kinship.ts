// Which copies of the data a history knows of: only of those can it tell where another history parted from it.

import { epochOf } from './branch.ts'
import type { Branch } from './branch.ts'

/** The histories of a run by the copies they are made of: each is a copy of another one's data, or the first. */
export class Kinship {
  readonly #branches: ReadonlyMap<number, Branch>
  /** The history whose hub began an epoch. It is the first to hold it: what holds it too is a copy made later. */
  readonly #writers = new Map<string, number>()
  readonly #own = new Map<Branch, ReadonlySet<string>>()

  constructor(branches: ReadonlyMap<number, Branch>) {
    this.#branches = branches
    for (const { number, epochs } of branches.values()) {
      for (const epoch of epochs) {
        this.#writers.set(epoch, Math.min(number, this.#writers.get(epoch) ?? number))
      }
    }
  }

  /**
   * Whether a history can tell where the one that wrote a cursor parted from it. It cannot for a copy of a copy, when it knows neither
   * the copy that the cursor was written in nor the one that this copy was made of.
   */
  canPlace(branch: Branch, cursor: string): boolean {
    const writer = this.#find(this.#writers.get(epochOf(cursor)))
    return this.#knows(branch, writer) || this.#knows(branch, this.#find(writer?.source))
  }

  #find(number: number | undefined): Branch | undefined {
    return number === undefined ? undefined : this.#branches.get(number)
  }

  /** Whether it goes on from an epoch that was written in the copy, or from the epoch that the copy was taken in. */
  #knows(branch: Branch, copy: Branch | undefined): boolean {
    if (copy === undefined) return false
    const own = this.#own.get(copy) ?? this.#listOwn(copy)
    this.#own.set(copy, own)
    return branch.epochs.some((epoch) => own.has(epoch))
  }

  #listOwn(copy: Branch): ReadonlySet<string> {
    const isOwn = (epoch: string): boolean => this.#writers.get(epoch) === copy.number
    const base = copy.epochs.findLast((epoch) => !isOwn(epoch))
    return new Set([...copy.epochs.filter(isOwn), ...(base === undefined ? [] : [base])])
  }
}
