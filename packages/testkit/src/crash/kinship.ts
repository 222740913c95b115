// Which copies of the data a history knows of: only of those can it tell where another history
// parted from it.

import { epochOf } from './branch.ts'
import type { Branch } from './branch.ts'

/**
 * The histories of a run by the copies they are made of: each is a copy of another one's data, or
 * the first.
 */
export class Kinship {
  readonly #branches: ReadonlyMap<number, Branch>
  /**
   * The history whose hub began an epoch. It is the first to hold it: what holds it too is a copy
   * made later.
   */
  readonly #writers = new Map<string, number>()

  constructor(branches: ReadonlyMap<number, Branch>) {
    this.#branches = branches
    for (const { number, epochs } of branches.values()) {
      for (const epoch of epochs) {
        this.#writers.set(epoch, Math.min(number, this.#writers.get(epoch) ?? number))
      }
    }
  }

  /**
   * The copy that tells a history where the one that wrote a cursor parted from it, by an epoch
   * that was written there. It is the copy that the cursor was written in, or the one that this was
   * made of. Undefined where the history knows neither, as it may be for a copy of a copy.
   */
  findKnown(branch: Branch, cursor: string): number | undefined {
    const copy = this.#writers.get(epochOf(cursor))
    const { epochs = [] } = copy === undefined ? {} : (this.#branches.get(copy) ?? {})
    const base = epochs.findLast((epoch) => this.#writers.get(epoch) !== copy)
    const copies = [copy, base === undefined ? undefined : this.#writers.get(base)]
    const known = new Set(branch.epochs.map((epoch) => this.#writers.get(epoch)))
    return copies.find((each) => each !== undefined && known.has(each))
  }
}
