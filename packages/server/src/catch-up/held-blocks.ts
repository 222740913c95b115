// Large blocks of live events and of recent ones that sessions hold because their sockets do not take them. A
// block that many hold is in memory once. But sessions that stall one after another, each at another event,
// would hold an event each.

import type { Block } from '../framing/block.ts'

/** A session that holds a block. */
export interface BlockHolder {
  /** Its block is to be let go: its connection is to be cut now. */
  makeRoom(): void
}

/** Blocks by who holds them, the longest held first. */
export class HeldBlocks {
  readonly #bytesMax: number
  readonly #holders = new Map<Block, Set<BlockHolder>>()
  readonly #blocks = new Map<BlockHolder, Block>()
  #heldBytes = 0

  /** `bytesMax` is for all blocks, each counted once. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Bytes of all blocks. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Somebody is blocked by a block. Beyond the bound those go who have held one the longest. */
  hold(holder: BlockHolder, block: Block): void {
    this.release(holder)
    this.#blocks.set(holder, block)
    const holders = this.#holders.get(block)
    if (holders !== undefined) {
      holders.add(holder)
      return
    }
    this.#holders.set(block, new Set([holder]))
    this.#heldBytes += block.bytes.length
    this.#trim(block)
  }

  release(holder: BlockHolder): void {
    const block = this.#blocks.get(holder)
    if (block === undefined) return
    this.#blocks.delete(holder)
    const holders = this.#holders.get(block)
    holders?.delete(holder)
    if (holders?.size !== 0) return
    this.#holders.delete(block)
    this.#heldBytes -= block.bytes.length
  }

  #trim(newest: Block): void {
    for (const [block, holders] of this.#holders) {
      if (this.#heldBytes <= this.#bytesMax || block === newest) return
      for (const holder of holders) {
        holder.makeRoom()
        // A sink that is slow to close must not count for ever.
        this.release(holder)
      }
    }
  }
}
