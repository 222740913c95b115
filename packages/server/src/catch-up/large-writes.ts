// Large blocks that only one session gets: bounded together, handed out in turn. While all places are taken,
// a client has so long to read its block, or it goes and resumes later.

import type { Clock } from '@tidemark/log'
import { Deadlines } from '../session/deadlines.ts'

/** A session that writes a large block. */
export interface LargeWriter {
  /** It took too long while others wait: its connection is to be cut now. */
  makeRoom(): void
}

interface Waiting {
  readonly bytes: number
  readonly grant: () => void
}

interface LargeWriteSettings {
  readonly clock: Clock
  /** Of all blocks that are being written. A single one may be larger. */
  readonly bytesMax: number
  /** How long one may take while others wait. Milliseconds. */
  readonly writeMs: number
}

/** The blocks of replays that are larger than what may wait for a socket otherwise. */
export class LargeWrites {
  readonly #bytesMax: number
  readonly #held = new Map<LargeWriter, number>()
  readonly #waiting = new Map<LargeWriter, Waiting>()
  readonly #late: Deadlines<LargeWriter>
  #heldBytes = 0

  constructor({ clock, bytesMax, writeMs }: LargeWriteSettings) {
    this.#bytesMax = bytesMax
    this.#late = new Deadlines({
      clock,
      delayMs: writeMs,
      lateMsMax: writeMs / 16,
      onDue: (writer) => this.#hurry(writer),
    })
  }

  /** The blocks that are being written now. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /**
   * Asks for a block's place. Undefined: it has it, until `leave`. Else it resolves once it has it, or has
   * left.
   */
  take(writer: LargeWriter, bytes: number): Promise<void> | undefined {
    const own = this.#held.get(writer) ?? 0
    if (own >= bytes) return undefined
    this.leave(writer)
    if (this.#waiting.size === 0 && this.#fits(bytes)) {
      this.#hold(writer, bytes)
      return undefined
    }
    return new Promise((resolve) => this.#waiting.set(writer, { bytes, grant: resolve }))
  }

  /** The block has been taken, or nobody wants it any more. */
  leave(writer: LargeWriter): void {
    const waiting = this.#waiting.get(writer)
    this.#waiting.delete(writer)
    waiting?.grant()
    const bytes = this.#held.get(writer)
    if (bytes !== undefined) {
      this.#held.delete(writer)
      this.#late.delete(writer)
      this.#heldBytes -= bytes
    }
    this.#grant()
  }

  #fits(bytes: number): boolean {
    return this.#heldBytes === 0 || this.#heldBytes + bytes <= this.#bytesMax
  }

  #hold(writer: LargeWriter, bytes: number): void {
    this.#held.set(writer, bytes)
    this.#heldBytes += bytes
    this.#late.add(writer)
  }

  /** First come, first served: a small one does not overtake, or a large one might wait for ever. */
  #grant(): void {
    for (const [writer, { bytes, grant }] of this.#waiting) {
      if (!this.#fits(bytes)) return
      this.#waiting.delete(writer)
      this.#hold(writer, bytes)
      grant()
    }
  }

  #hurry(writer: LargeWriter): void {
    if (this.#waiting.size === 0) {
      this.#late.add(writer)
      return
    }
    writer.makeRoom()
    // A sink that is slow to close must not count for ever.
    this.leave(writer)
  }
}
