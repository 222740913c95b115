// The sessions that get the same bytes: same topic set, framing, parts of the cursor and filter.

import type { Position, TopicSet } from '@tidemark/log'
import type { Block } from '../framing/block.ts'
import type { FramedRecord } from '../framing/framed-record.ts'
import type { Framing } from '../framing/framing.ts'
import type { Filter } from '../request/filter.ts'
import { permissionsOf } from '../session/session-holder.ts'
import type { SessionHolder } from '../session/session-holder.ts'
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
  /** The user behind it: some events ask for a permission. */
  readonly owner: SessionHolder
  /** Returns whether it was written. */
  writeLive(flush: Flush): boolean
  /** Steps out of the audience, keeping the place: by default where the audience stands. */
  leaveLive(at?: Position, cause?: LagCause): void
  /** Comes back by way of the log. */
  resume(): void
}

/** The part of what is pending that asks for no permission, while something pending asks for one. */
interface OpenPart {
  /** The one permission that the rest asks for. */
  readonly permission: string
  readonly frames: Block[]
  newest: FramedRecord | undefined
  isStrict: boolean
}

/** Sessions with one topic set, framing and filter, and the frames they are about to get. */
export class Audience {
  readonly topics: TopicSet
  readonly framing: Framing
  /** Lets through what its sessions get of their topics; undefined: everything. */
  readonly filter: Filter | undefined
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
  #open: OpenPart | undefined

  constructor(
    { topics, framing, filter, bytes }: Pick<Audience, 'topics' | 'framing' | 'filter' | 'bytes'>,
    onEmpty: (audience: Audience) => void,
  ) {
    this.topics = topics
    this.framing = framing
    this.filter = filter
    this.bytes = bytes
    this.#onEmpty = onEmpty
  }

  /** Open sessions, whatever their state. */
  get memberCount(): number {
    return this.#members.size
  }

  /** Open sessions, whatever their state, with one of these permissions. */
  countHolders(permissions: ReadonlySet<string>): number {
    let count = 0
    for (const { owner } of this.#members)
      if (permissionsOf(owner).some((permission) => permissions.has(permission))) count += 1
    return count
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
   * that matched several patterns of the audience counts once. Events of a flush ask for one permission at
   * most.
   */
  add(framed: FramedRecord, isStrict: boolean): void {
    if (this.#newest === framed) return
    const frame = framed.frame(this.framing)
    this.#keepOpen(framed, frame, isStrict)
    this.#pending.push(frame)
    this.#pendingBytes += frame.bytes.length
    this.#newest = framed
    this.#isStrict ||= isStrict
  }

  /** Keeps what asks for no permission apart, from the first event on that asks for one. */
  #keepOpen(framed: FramedRecord, frame: Block, isStrict: boolean): void {
    const { permission } = framed.record
    if (permission === undefined) {
      if (this.#open === undefined) return
      this.#open.frames.push(frame)
      this.#open.newest = framed
      this.#open.isStrict ||= isStrict
      return
    }
    this.#open ??= {
      permission,
      frames: [...this.#pending],
      newest: this.#newest,
      isStrict: this.#isStrict,
    }
  }

  /** Sends what is pending: one shared block, one write per socket. Adds its counts to `tally`. */
  flush(before: Position, tally: FlushTally): void {
    const whole = { frames: this.#pending, newest: this.#newest, isStrict: this.#isStrict }
    const open = this.#open
    this.#pending = []
    this.#pendingBytes = 0
    this.#newest = undefined
    this.#isStrict = false
    this.#open = undefined
    const all = this.#assemble(whole, before)
    if (all === undefined) return
    this.flushedTo = whole.newest?.record.position
    tally.audiences += 1
    if (open !== undefined) return this.#writeApart(all, { open, before }, tally)
    let writes = 0
    for (const session of this.#live) if (session.writeLive(all)) writes += 1
    addWrites(tally, all, writes)
  }

  /** Writes all of it to those who have the permission that a part asks for, and the rest to the others. */
  #writeApart(
    all: Flush,
    { open, before }: { readonly open: OpenPart; readonly before: Position },
    tally: FlushTally,
  ): void {
    // Made before anything is written: a fault must not leave some sessions with events that others lack.
    const rest = this.#assemble(open, before)
    for (const session of this.#live) {
      const isAllowed = permissionsOf(session.owner).includes(open.permission)
      const flush = isAllowed ? all : rest
      if (flush !== undefined && session.writeLive(flush)) addWrites(tally, flush, 1)
    }
  }

  #assemble(
    { frames, newest, isStrict }: Omit<OpenPart, 'permission'>,
    before: Position,
  ): Flush | undefined {
    if (newest === undefined) return undefined
    const { position } = newest.record
    const after = this.framing.parts
    const block = this.framing.assemble(frames, { position, before: '', after })
    return { block, events: frames.length, before, isStrict }
  }
}

function addWrites(tally: FlushTally, { block, events }: Flush, writes: number): void {
  tally.writes += writes
  tally.deliveries += writes * events
  tally.bytes += writes * block.bytes.length
}
