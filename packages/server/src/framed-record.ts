// A record with the bytes it has been made into, so that live and replaying sessions share them.

import type { EventRecord } from '@tidemark/log'
import type { Block } from './block.ts'
import type { Framing } from './framing.ts'

/** A record and its frames: encoded once per framing, when first wanted. */
export class FramedRecord {
  readonly record: EventRecord
  #frames: Map<string, Block> | undefined

  constructor(record: EventRecord) {
    this.record = record
  }

  frame(framing: Framing): Block {
    let frame = this.#frames?.get(framing.key)
    if (frame === undefined) {
      frame = framing.encode(this.record)
      this.#frames ??= new Map()
      this.#frames.set(framing.key, frame)
    }
    return frame
  }
}
