// Tells the supervising process what was committed: at once on a quiet log, and not for every commit of a busy one.

import type { Clock } from '@tidemark/log'
import type { SeenCommit } from '@tidemark/log-lmdb'
import { seenPauseMs } from '../limits.ts'

/** What is told is never older than {@link seenPauseMs}. */
export class CommitReporter {
  readonly #clock: Clock
  readonly #tell: (seen: SeenCommit) => void
  #isPausing = false
  /** What has come during the pause. */
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
