// A record with the bytes it has been made into, so that live and replaying sessions share them.

import type { EventRecord } from '@tidemark/log'
import { measureUtf8 } from '@tidemark/log/values'
import type { Block } from './block.ts'
import type { Framing } from './framing.ts'
import { frameCopiesMax, frameOverheadBytes } from '../limits.ts'

/** Counts the frames of records, also those that are made later. */
export interface FrameKeeper {
  frameBytes: number
}

/** A record and its frames: encoded once per framing, when first wanted. */
export class FramedRecord {
  readonly record: EventRecord
  #frames: Map<string, Block> | undefined
  #keeper: FrameKeeper | undefined
  /** Whether its topic is one whose events are not compressed. */
  isStored = false
  #bytes = 0
  #dataBytes: number | undefined

  constructor(record: EventRecord) {
    this.record = record
  }

  /** Bytes of its data in UTF-8. */
  get dataBytes(): number {
    this.#dataBytes ??= measureUtf8(this.record.data)
    return this.#dataBytes
  }

  frame(framing: Framing): Block {
    let frame = this.#frames?.get(framing.frameKey)
    if (frame === undefined) {
      frame = framing.encode(this.record)
      frame.isStored = this.isStored
      this.#frames ??= new Map()
      this.#frames.set(framing.frameKey, frame)
      const bytes = frame.bytes.length * frameCopiesMax + frameOverheadBytes
      this.#bytes += bytes
      if (this.#keeper !== undefined) this.#keeper.frameBytes += bytes
    }
    return frame
  }

  /** Counts its frames with a keeper, those to come included. */
  keepWith(keeper: FrameKeeper): void {
    this.#keeper = keeper
    keeper.frameBytes += this.#bytes
  }

  /** Its frames count no more: nobody keeps it but those who are at it. */
  release(): void {
    if (this.#keeper !== undefined) this.#keeper.frameBytes -= this.#bytes
    this.#keeper = undefined
  }
}
