// Whether the client of a blocked session goes on reading.

import type { Sink } from './sink.ts'

/** A look at what waits for a socket that takes nothing more. Made when it blocks: few ever do. */
export class Progress {
  readonly #sink: Sink
  /** As many waited when it was last looked at. */
  #bytesWaiting: number

  constructor(sink: Sink) {
    this.#sink = sink
    this.#bytesWaiting = sink.bytesWaiting ?? 0
  }

  /** Whether the client has taken some bytes since the last look. */
  hasMoved(): boolean {
    const waiting = this.#sink.bytesWaiting ?? Infinity
    if (waiting >= this.#bytesWaiting) return false
    this.#bytesWaiting = waiting
    return true
  }
}
