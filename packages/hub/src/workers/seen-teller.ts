// Tells the supervising process what was committed: at once on a quiet log, and not for every commit of a busy one.

import type { Clock } from '@tidemark/log'
import type { Seen } from '@tidemark/log-lmdb'
import { seenPauseMs } from '../limits.ts'

/** What is told is never older than {@link seenPauseMs}. */
export class SeenTeller {
  readonly #clock: Clock
  readonly #tell: (seen: Seen) => void
  #isPausing = false
  /** What has come during the pause. */
  #waiting: Seen | undefined

  constructor(clock: Clock, tell: (seen: Seen) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  note(seen: Seen): void {
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
