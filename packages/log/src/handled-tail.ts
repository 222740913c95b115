// A tail as every driver keeps it: its position and its handler.

import type { EventRecord, Tail, TailHandler } from './event-log.ts'
import type { Position } from './position.ts'

/**
 * For drivers. Moves its position before it calls the handler. Calls the handler no more once it is
 * closed.
 */
export class HandledTail implements Tail {
  readonly #handler: TailHandler
  readonly #onClose: (tail: HandledTail) => void
  #position: Position
  #isClosed = false

  constructor(after: Position, handler: TailHandler, onClose: (tail: HandledTail) => void) {
    this.#position = after
    this.#handler = handler
    this.#onClose = onClose
  }

  get position(): Position {
    return this.#position
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  handOver(records: readonly EventRecord[]): void {
    const newest = records.at(-1)
    if (newest === undefined || this.#isClosed) return
    this.#position = newest.position
    this.#handler.records(records)
  }

  /** Moves on to `to`, because no record before it needs to be handed over. */
  moveTo(to: Position): void {
    this.#position = to
  }

  overtake(to: Position): void {
    if (this.#isClosed) return
    this.#position = to
    this.#handler.overtaken?.(to)
  }

  close(): void {
    this.#isClosed = true
    this.#onClose(this)
  }
}
