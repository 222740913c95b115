// The way to the socket of a session: whether it takes anything, and whether its client goes on reading.

import type { Block } from '../framing/block.ts'
import type { Sink } from './sink.ts'

/** A sink, and what is known of its socket. */
export class Outlet {
  readonly sink: Sink
  /** Whether the socket takes what is written now. */
  isWritable = true
  /** While it is blocked: what waited when it was last looked at. */
  #bytesWaiting = 0

  constructor(sink: Sink) {
    this.sink = sink
  }

  /** Writes, and returns whether the socket takes nothing more since. Throws what the sink throws. */
  write(block: Block): boolean {
    const wasWritable = this.isWritable
    this.isWritable = this.sink.write(block)
    if (!wasWritable || this.isWritable) return false
    this.#bytesWaiting = this.sink.bytesWaiting ?? 0
    return true
  }

  /** Whether the client has taken some bytes since the last look. */
  hasProgressed(): boolean {
    const waiting = this.sink.bytesWaiting ?? Infinity
    if (waiting >= this.#bytesWaiting) return false
    this.#bytesWaiting = waiting
    return true
  }
}
