// Which copies of the data a history knows of: only of those can it tell where another history parted from it.

import { epochOf } from './branch.ts'
import type { Branch } from './branch.ts'

/** The histories of a run by the copies they are made of: each is a copy of another one's data, or the first. */
export class Kinship {
  readonly #branches: ReadonlyMap<number, Branch>
  /** The history whose hub began an epoch. It is the first to hold it: what holds it too is a copy made later. */
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
   * The copy that tells a history where the one that wrote a cursor parted from it: the copy that the cursor was written in, known by an
   * epoch written there or by the one that the copy was taken in; or the copy that this was made of. Undefined where it knows neither, as
   * it may be for a copy of a copy.
   */
  findKnown(branch: Branch, cursor: string): number | undefined {
    const writer = this.#find(this.#writers.get(epochOf(cursor)))
    const source = this.#find(writer?.source)
    if (writer === undefined) return undefined
    const base = writer.epochs.findLast((epoch) => !this.#isOf(writer, epoch))
    const isTold = (epoch: string): boolean => epoch === base || this.#isOf(writer, epoch)
    if (branch.epochs.some(isTold)) return writer.number
    const isKnown = branch.epochs.some((epoch) => source !== undefined && this.#isOf(source, epoch))
    return isKnown ? source?.number : undefined
  }

  #find(number: number | undefined): Branch | undefined {
    return number === undefined ? undefined : this.#branches.get(number)
  }

  #isOf({ number }: Branch, epoch: string): boolean {
    return this.#writers.get(epoch) === number
  }
}
