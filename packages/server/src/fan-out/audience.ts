// The sessions that get the same bytes: same topic set, same framing, same parts of the cursor.

import type { Position, TopicSet } from '@tidemark/log'
import type { Block } from '../framing/block.ts'
import type { FramedRecord } from '../framing/framed-record.ts'
import type { Framing } from '../framing/framing.ts'
import type { LagCause } from '../observer/node-stats.ts'
import type { FlushTally } from '../observer/node-watch.ts'

/** One portion of bytes of an audience, the same for all its live members. */
export interface Flush {
  readonly block: Block
  /** Events in the block. */
  readonly events: number
  /** Where the members stood before it. */
  readonly before: Position
  /** Whether a member that cannot keep up with it must go. */
  readonly isStrict: boolean
}

/** A session as its audience sees it. */
export interface AudienceMember {
  /** Returns whether it was written. */
  writeLive(flush: Flush): boolean
  /** Steps out of the audience, keeping the place: by default where the audience stands. */
  leaveLive(at?: Position, cause?: LagCause): void
  /** Comes back by way of the log. */
  resume(): void
}

/** Sessions with one topic set and framing, and the frames they are about to get. */
export class Audience {
  readonly topics: TopicSet
  readonly framing: Framing
  /** Bytes that its topic set counts for. */
  readonly bytes: number
  readonly #onEmpty: (audience: Audience) => void
  /** Every open session of this audience, whatever its state. */
  readonly #members = new Set<AudienceMember>()
  /** Those that are level with the tail and get what is flushed. */
  readonly #live = new Set<AudienceMember>()
  #pending: Block[] = []
  #pendingBytes = 0
  #newest: FramedRecord | undefined
  #isStrict = false
  /** Of the newest event that was sent; undefined before the first. */
  flushedTo: Position | undefined

  constructor(
    { topics, framing, bytes }: Pick<Audience, 'topics' | 'framing' | 'bytes'>,
    onEmpty: (audience: Audience) => void,
  ) {
    this.topics = topics
    this.framing = framing
    this.bytes = bytes
    this.#onEmpty = onEmpty
  }

  /** Open sessions, whatever their state. */
  get memberCount(): number {
    return this.#members.size
  }

  /** Whether anybody gets what is flushed. */
  get isHeard(): boolean {
    return this.#live.size > 0
  }

  /** Sessions that get what is flushed. */
  get liveCount(): number {
    return this.#live.size
  }

  /** Takes a session in. It gets nothing until it is level. */
  enter(member: AudienceMember): void {
    this.#members.add(member)
  }

  /** A member is level with the tail: from now on it gets what is flushed. */
  goLive(member: AudienceMember): void {
    this.#live.add(member)
  }

  /** A member cannot keep up: it stays a member, and gets nothing until it is level again. */
  stepOut(member: AudienceMember): void {
    this.#live.delete(member)
  }

  /** Lets a member go. The last one takes the audience along. */
  leave(member: AudienceMember): void {
    this.#live.delete(member)
    if (this.#members.delete(member) && this.#members.size === 0) this.#onEmpty(this)
  }

  /** Those that get what is flushed, in a list of its own: they may step out while it is gone through. */
  listLive(): readonly AudienceMember[] {
    return [...this.#live]
  }

  /** Whether the next flush has anything to send. */
  get isPending(): boolean {
    return this.#newest !== undefined
  }

  /** Bytes of what the next flush sends. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /**
   * Adds a frame to what the next flush sends; `isStrict` when no session may be behind with it. A record
   * that matched several patterns of the audience counts once.
   */
  add(framed: FramedRecord, isStrict: boolean): void {
    if (this.#newest === framed) return
    const frame = framed.frame(this.framing)
    this.#pending.push(frame)
    this.#pendingBytes += frame.bytes.length
    this.#newest = framed
    this.#isStrict ||= isStrict
  }

  /** Sends what is pending: one shared block, one write per socket. Adds its counts to `tally`. */
  flush(before: Position, tally: FlushTally): void {
    const frames = this.#pending
    const newest = this.#newest
    const isStrict = this.#isStrict
    this.#pending = []
    this.#pendingBytes = 0
    this.#newest = undefined
    this.#isStrict = false
    if (newest === undefined) return
    const { position } = newest.record
    this.flushedTo = position
    const after = this.framing.parts
    const block = this.framing.assemble(frames, { position, before: '', after })
    const flush = { block, events: frames.length, before, isStrict }
    let writes = 0
    for (const session of this.#live) if (session.writeLive(flush)) writes += 1
    tally.audiences += 1
    tally.writes += writes
    tally.deliveries += writes * flush.events
    tally.bytes += writes * block.bytes.length
  }
}
