// Whether a worker can store events, judged by its answers.

import type { Clock } from '@tidemark/log'

/** The storage of one worker. */
export class StorageHealth {
  readonly #clock: Clock
  #commits = 0
  /** Times by `clock.elapsed()`. Undefined while the worker can store events. */
  #stuckSince: number | undefined
  #storedAt = -Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A new process has taken the slot. */
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

  /** How long nothing could be stored, in milliseconds; 0 when events can be stored. */
  get stuckMs(): number {
    return this.#stuckSince === undefined ? 0 : this.#clock.elapsed() - this.#stuckSince
  }

  /** Whether this worker has stored events since the other one got stuck. */
  hasStoredSince(other: StorageHealth): boolean {
    return other.#stuckSince !== undefined && this.#storedAt > other.#stuckSince
  }
}
