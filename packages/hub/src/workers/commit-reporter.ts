// Reports commits to the supervising process: at once on a quiet log, and at intervals on a busy
// one.

import type { Clock } from '@tidemark/log'
import type { SeenCommit } from '@tidemark/log-lmdb'
import { seenPauseMs } from '../limits.ts'

/** A report is never older than {@link seenPauseMs}. */
export class CommitReporter {
  readonly #clock: Clock
  readonly #tell: (seen: SeenCommit) => void
  #isPausing = false
  /** The newest commit during the pause. */
  #waiting: SeenCommit | undefined

  constructor(clock: Clock, tell: (seen: SeenCommit) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  note(seen: SeenCommit): void {
    if (this.#isPausing) {
      this.#waiting = seen
      return
    }
    this.#tell(seen)
    this.#isPausing = true
    this.#clock.after(seenPauseMs, () => {
      const news = this.#waiting
      this.#isPausing = false
      this.#waiting = undefined
      if (news !== undefined) this.note(news)
    })
  }
}
