// The sessions that get the same bytes: same topic set, same framing.

import type { EventRecord, TopicSet } from '@tidemark/log'
import type { Block } from './block.ts'
import type { FramedRecord } from './framed-record.ts'
import type { Framing } from './framing.ts'

/** A session as its feed sees it. */
export interface FeedMember {
  /** Writes a block that all live members get. */
  writeLive(block: Block): void
  /** Steps out of the feed, keeping the place. */
  leaveLive(): void
  /** Comes back by way of the log. */
  resume(): void
}

/** Sessions with one topic set and framing, and the frames they are about to get. */
export class Feed {
  readonly topics: TopicSet
  readonly framing: Framing
  /** Every open session of this feed, whatever its state. */
  readonly members: Set<FeedMember> = new Set()
  /** Those that are level with the tail and get what is flushed. */
  readonly live: Set<FeedMember> = new Set()
  #pending: Block[] = []
  #last: EventRecord | undefined

  constructor(topics: TopicSet, framing: Framing) {
    this.topics = topics
    this.framing = framing
  }

  /** Adds a frame to what the next flush sends. */
  add(framed: FramedRecord): void {
    this.#pending.push(framed.frame(this.framing))
    this.#last = framed.record
  }

  /** Sends what is pending: one shared block, one write per socket. */
  flush(): void {
    if (this.#last === undefined) return
    const block = this.framing.assemble(this.#pending, this.#last)
    this.#pending = []
    this.#last = undefined
    for (const session of this.live) session.writeLive(block)
  }
}
