// Whether a worker's storage takes its events, as its answers tell.

import type { Clock } from '@tidemark/log'

/** What one worker says of its storage. */
export class StorageHealth {
  readonly #clock: Clock
  #commits = 0
  /** By `clock.elapsed()`, as the next two; undefined while storage takes its events. */
  #stuckSince: number | undefined
  #storedAt = -Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A new process has the place. */
  begin(): void {
    this.#commits = 0
    this.#stuckSince = undefined
    this.#storedAt = -Infinity
  }

  hear({ isStuck, commits }: { readonly isStuck: boolean; readonly commits: number }): void {
    const now = this.#clock.elapsed()
    if (commits > this.#commits) this.#storedAt = now
    this.#commits = commits
    this.#stuckSince = isStuck ? (this.#stuckSince ?? now) : undefined
  }

  /** For how long storage has taken nothing, in milliseconds; 0 when it does. */
  get stuckMs(): number {
    return this.#stuckSince === undefined ? 0 : this.#clock.elapsed() - this.#stuckSince
  }

  /** Whether this one has stored events after the other one got stuck. */
  hasStoredSince(other: StorageHealth): boolean {
    return other.#stuckSince !== undefined && this.#storedAt > other.#stuckSince
  }
}
