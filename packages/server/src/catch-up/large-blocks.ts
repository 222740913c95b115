// The large blocks of one session: its turn for one of its own, and a shared one that its socket has not
// taken. Few sessions ever meet a large block, so those that do have this beside them.

import type { Block } from '../framing/block.ts'
import type { BlockHolder, HeldBlocks } from './held-blocks.ts'
import type { LargeWriter, LargeWrites } from './large-writes.ts'

/** The lines for large blocks, of all sessions together. */
export interface LargeBlockLines {
  /** Blocks of replays that are too large to wait for sockets without a bound of their own. */
  readonly largeWrites: LargeWrites
  /** Large blocks, shared with others, that sessions are blocked by. */
  readonly heldBlocks: HeldBlocks
}

/** One session's places in them. */
export class LargeBlocks {
  readonly #owner: LargeWriter & BlockHolder
  readonly #lines: LargeBlockLines
  /** It has a place among large writes, or waits for one. */
  #isIn = false
  #turn: Promise<void> | undefined
  #holdsBlock = false

  constructor(owner: LargeWriter & BlockHolder, lines: LargeBlockLines) {
    this.#owner = owner
    this.#lines = lines
  }

  /** Resolves when it has the place it asked for with `take`; undefined when it waits for none. */
  get turn(): Promise<void> | undefined {
    return this.#turn
  }

  /** Whether a block may be written now; if not, `turn` tells when. */
  take(bytes: number): boolean {
    this.#isIn = true
    this.#turn = this.#lines.largeWrites.take(this.#owner, bytes)
    return this.#turn === undefined
  }

  /** Gives its place back, or its place in line. */
  leave(): void {
    if (!this.#isIn) return
    this.#isIn = false
    this.#turn = undefined
    this.#lines.largeWrites.leave(this.#owner)
  }

  /** Counts a block that its socket has been given, until it has taken it. */
  hold(block: Block): void {
    this.#holdsBlock = true
    this.#lines.heldBlocks.hold(this.#owner, block)
  }

  /** Nothing waits for its socket any more. */
  end(): void {
    this.leave()
    if (!this.#holdsBlock) return
    this.#holdsBlock = false
    this.#lines.heldBlocks.release(this.#owner)
  }
}
