// A socket's stand-in that shows the very blocks it was given, not only their bytes.

import type { Block, Sink, SinkListener } from '../../src/hub/index.ts'
import { writeBytesMax } from '../../src/limits.ts'

/** Takes what it is given, or keeps it waiting, and shows the very blocks. */
export class KeepingSink implements Sink {
  blocks: Block[] = []
  isStalled: boolean
  isAborted = false
  #listener: SinkListener | undefined

  constructor(isStalled = false) {
    this.isStalled = isStalled
  }

  get bytesWaiting(): number {
    if (!this.isStalled || this.isAborted) return 0
    return this.blocks.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  write(block: Block): boolean {
    this.blocks.push(block)
    return !this.isStalled || this.bytesWaiting <= writeBytesMax
  }

  end(): void {}

  abort(): void {
    this.isAborted = true
    this.#listener?.closed()
  }

  listen(listener: SinkListener): void {
    this.#listener = listener
  }

  /** Its client has read everything. */
  drain(): void {
    this.blocks = []
    this.#listener?.drained()
  }
}
