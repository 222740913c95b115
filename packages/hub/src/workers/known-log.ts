// The supervising process's knowledge of the log. A copy over the directory cannot change it.

import type { SeenCommit } from '@tidemark/log-lmdb'

/** The facts that a later worker is told. */
export class KnownLog {
  #place: string | undefined
  #seen: SeenCommit | undefined

  /** The files of the hub's log. A later worker opens no others, and makes none. */
  get place(): string | undefined {
    return this.#place
  }

  /** The newest commit. A later worker does not continue data that is older. */
  get seen(): SeenCommit | undefined {
    return this.#seen
  }

  /** A worker has opened the log. Its epoch is the one that is being written. */
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

  /**
   * A worker has seen this commit. A worker of an older epoch is about to find out that it has lost
   * the log, so its commits do not count.
   */
  note(seen: SeenCommit | undefined): void {
    if (seen === undefined || seen.epoch !== this.#seen?.epoch) return
    if (seen.transaction > this.#seen.transaction) this.#seen = seen
  }
}
