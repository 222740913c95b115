// When the last flushes were, by the position that each came to.

import { comparePositions } from '@tidemark/log'
import type { Position } from '@tidemark/log'
import { flushTimesMax } from './limits.ts'

interface Flush {
  readonly to: Position
  /** Milliseconds since 1970. */
  readonly time: number
}

/** A ring: the oldest flush makes room for the newest. */
export class FlushTimes {
  readonly #flushes: Flush[] = []
  #next = 0

  add(to: Position, time: number): void {
    this.#flushes[this.#next] = { to, time }
    this.#next = (this.#next + 1) % flushTimesMax
  }

  /** When a position was flushed; undefined for one that was not, or is behind all that is remembered. */
  timeOf(position: Position): number | undefined {
    const isFull = this.#flushes.length === flushTimesMax
    const ordered = isFull
      ? [...this.#flushes.slice(this.#next), ...this.#flushes.slice(0, this.#next)]
      : this.#flushes
    const index = ordered.findIndex(({ to }) => comparePositions(to, position) >= 0)
    // The oldest of a full ring may have come to it with older flushes in between.
    return index === 0 && isFull ? undefined : ordered[index]?.time
  }
}
