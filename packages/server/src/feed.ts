// The sessions that get the same bytes: same topic set, same framing.

import type { TopicSet } from '@tidemark/log'
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
  #newest: FramedRecord | undefined

  constructor(topics: TopicSet, framing: Framing) {
    this.topics = topics
    this.framing = framing
  }

  /** Whether the next flush has anything to send. */
  get isPending(): boolean {
    return this.#newest !== undefined
  }

  /** Adds a frame to what the next flush sends. A record that matched several patterns of the feed counts once. */
  add(framed: FramedRecord): void {
    if (this.#newest === framed) return
    this.#pending.push(framed.frame(this.framing))
    this.#newest = framed
  }

  /** Sends what is pending: one shared block, one write per socket. */
  flush(): void {
    if (this.#newest === undefined) return
    const block = this.framing.assemble(this.#pending, this.#newest.record)
    this.#pending = []
    this.#newest = undefined
    for (const session of this.live) session.writeLive(block)
  }
}
