// Events of one session's own that were sent before its stream had begun: `tidemark.ready` comes first.

import type { Block } from '../framing/block.ts'
import { earlyEventsMax, writeBytesMax } from '../limits.ts'
import type { IsLate } from './is-late.ts'

interface EarlyEvent {
  readonly block: Block
  readonly isLate: IsLate | undefined
  readonly tell: (isWritten: boolean) => void
}

/**
 * As many of them wait as may wait for a socket. Nothing is written to a stream that has not begun, so it
 * holds no more than others.
 */
export class EarlyEvents {
  #events: EarlyEvent[] = []
  #bytes = 0

  /** Resolves to whether it was written; false at once where it does not fit. */
  add(block: Block, isLate?: IsLate): boolean | Promise<boolean> {
    const bytes = this.#bytes + block.bytes.length
    if (bytes > writeBytesMax || this.#events.length >= earlyEventsMax) return false
    this.#bytes = bytes
    return new Promise((tell) => this.#events.push({ block, isLate, tell }))
  }

  /** The stream has begun, or will never. An event whose time is over by now is dropped. */
  release(write: (block: Block) => boolean): void {
    const events = this.#events
    this.#events = []
    for (const { block, isLate, tell } of events) tell(isLate?.() !== true && write(block))
  }
}
