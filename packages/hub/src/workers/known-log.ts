// What the supervising process knows of the log of its workers, which no copy over the directory takes along.

import type { SeenCommit } from '@tidemark/log-lmdb'

/** What a worker is told that comes later. */
export class KnownLog {
  #place: string | undefined
  #seen: SeenCommit | undefined

  /** The files of the hub's log: a worker that comes later takes no others, and makes none. */
  get place(): string | undefined {
    return this.#place
  }

  /** A worker that comes later does not go on from data that is older. */
  get seen(): SeenCommit | undefined {
    return this.#seen
  }

  /** A worker has opened the log: the epoch it writes is the one that is written. */
  opened({
    place,
    seen,
  }: {
    readonly place?: string | undefined
    readonly seen?: SeenCommit | undefined
  }): void {
    this.#place ??= place
    if (seen !== undefined && seen.epoch !== this.#seen?.epoch) this.#seen = seen
    this.note(seen)
  }

  /** A worker has seen this; one that writes an epoch from before is about to find out that it has lost the log. */
  note(seen: SeenCommit | undefined): void {
    if (seen === undefined || seen.epoch !== this.#seen?.epoch) return
    if (seen.transaction > this.#seen.transaction) this.#seen = seen
  }
}
