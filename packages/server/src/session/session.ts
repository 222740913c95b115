// One open SSE response: a cursor that moves, never a queue.
//
//   replaying ──▶ live ──▶ lagging ──▶ replaying …      each of them ──▶ closed
//
// It lags when its socket takes no more, or when it has got as many events as its pace allows.

import type { Position } from '@tidemark/log'
import type { AddedTopics } from './added-topics.ts'
import type { Audience, AudienceMember, Flush } from '../fan-out/audience.ts'
import type { Block } from '../framing/block.ts'
import { Closing } from './closing.ts'
import { encodeBye } from '../framing/control-events.ts'
import { EarlyEvents } from './early-events.ts'
import type { BlockHolder } from '../catch-up/held-blocks.ts'
import { LargeBlocks } from '../catch-up/large-blocks.ts'
import type { LargeWriter } from '../catch-up/large-writes.ts'
import { writeBytesMax } from '../limits.ts'
import type { LagCause } from '../observer/node-stats.ts'
import type { Pace } from '../catch-up/pace.ts'
import { placeOf } from '../framing/place.ts'
import type { Place } from '../framing/place.ts'
import type { SessionHolder } from './session-holder.ts'
import type { SessionHost, SessionOptions } from './session-host.ts'
import { Progress } from './progress.ts'
import type { Sink, SinkListener } from './sink.ts'
import type { IsLate } from './is-late.ts'
import type { SessionTrace } from '../trace/session-trace.ts'

/** One subscriber's connection. Only its own methods change its state. */
export class Session implements AudienceMember, SinkListener, LargeWriter, BlockHolder {
  readonly id: string
  /** Replaced where a grant is renewed. */
  owner: SessionHolder
  /** Remembers what has happened to it, for those who ask. */
  trace: SessionTrace | undefined
  #audience: Audience
  readonly #sink: Sink
  /** Whether its socket takes what is written now. */
  #isWritable = true
  /** While it is blocked. */
  #progress: Progress | undefined
  readonly #host: SessionHost<Session>
  #state: 'replaying' | 'live' | 'lagging' | 'closed' = 'replaying'
  #cursor: Position
  readonly #pace: Pace | undefined
  #hasBegun = false
  #hasLagged = false
  #hasBeenLive = false
  #whenReady: (() => void) | undefined
  #large: LargeBlocks | undefined
  #added: AddedTopics | undefined
  #early: EarlyEvents | undefined
  /** Why it has closed, if nobody waits for that. */
  #closing: Closing | string | undefined

  constructor(id: string, audience: Audience, options: SessionOptions<Session>) {
    this.id = id
    this.owner = options.owner
    this.#audience = audience
    this.#sink = options.sink
    this.#host = options.host
    this.#cursor = options.cursor
    this.#pace = options.pace
    this.#added = options.added
  }

  /** The sessions that get the same bytes. */
  get audience(): Audience {
    return this.#audience
  }

  get isClosed(): boolean {
    return this.#state === 'closed'
  }

  /** Whether the socket takes nothing for now. */
  get isBlocked(): boolean {
    return !this.#isWritable
  }

  /** Whether the stream has begun and its socket takes what is written now. */
  get takesNotes(): boolean {
    return !this.isClosed && this.#hasBegun && this.#isWritable
  }

  /** How many events it may get now. */
  get allowance(): number {
    return this.#pace?.allowance ?? Infinity
  }

  /** Whether it could not keep up, and is not merely new: only then the rules for laggards hold. */
  get isLaggard(): boolean {
    return this.#hasLagged
  }

  /** Whether it was ever level: before that no session is sent away for being behind. */
  get hasBeenLive(): boolean {
    return this.#hasBeenLive
  }

  /** Every event up to here has been written to the socket; of topics that are being added, not yet. */
  get cursor(): Position {
    return this.#state === 'live' ? this.#host.livePosition : this.#cursor
  }

  /** Topics that are being replayed from an older place. */
  get added(): AddedTopics | undefined {
    return this.#added
  }

  /** Where its replay stands: that of added topics, while there is one. */
  get replayedTo(): Position {
    return this.#added?.movedTo ?? this.cursor
  }

  /** Tells those that wait why it closes. */
  get closing(): Closing {
    if (!(this.#closing instanceof Closing)) this.#closing = new Closing(this.#closing)
    return this.#closing
  }

  /** Begins to hear from the socket. A socket that is already gone closes the session at once. */
  open(): void {
    this.#audience.enter(this)
    this.#sink.listen(this)
  }

  /**
   * Follows another audience from where it stands, by the laggard's way. It is no laggard, so no rule leaves
   * anything out. `added` is replayed first.
   */
  moveInto(audience: Audience, added: AddedTopics | undefined): void {
    if (this.isClosed) return
    this.#cursor = this.cursor
    // Before the old one is left: it may be the same.
    audience.enter(this)
    if (audience !== this.#audience) this.#audience.leave(this)
    this.#audience.stepOut(this)
    this.#audience = audience
    this.replay(added)
    const wasLive = this.#state === 'live'
    if (wasLive) this.#state = 'replaying'
    // Without its id, a client cut before its next event would come back to its old topics.
    this.#host.tellNews(this)
    // A replay that runs looks at what it is for after each pause; a laggard's begins when it can go on.
    if (wasLive) this.#host.catchUp(this)
  }

  /** Begins another replay where the stream stands; undefined: the one before has ended. */
  replay(added: AddedTopics | undefined): void {
    if (added !== this.#added) this.#added?.finish()
    this.#added = added
  }

  /** Resolves when it has the place it asked for with `takeLarge`; undefined when it waits for none. */
  get largeTurn(): Promise<void> | undefined {
    return this.#large?.turn
  }

  /** Whether a large block of its own may be written now; if not, `largeTurn` tells when. */
  takeLarge(bytes: number): boolean {
    // It may have closed with what was written before; nobody would give the place back.
    if (this.isClosed) return false
    this.#large ??= new LargeBlocks(this, this.#host)
    return this.#large.take(bytes)
  }

  /** Gives back a turn that was not used. */
  endTurn(turn: Promise<void>): void {
    if (this.largeTurn === turn) this.#large?.leave()
  }

  /** Others have waited long enough for this socket to take its block. */
  makeRoom(): void {
    this.#host.dismiss(this, 'stalled')
    this.cutOff()
  }

  /** Writes during a replay: `events` of them, behind which the replay stands at `cursor`. */
  writeReplay(block: Block, cursor: Position, events: number): void {
    if (this.isClosed) return
    this.moveTo(cursor)
    this.#hasBegun = true
    this.#pace?.take(events)
    this.#send(block)
    if (events > 0) this.#host.watch.replayed(events, block.bytes.length)
    this.#host.tellNews(this)
    this.#releaseEarly()
  }

  /** Writes an event of its own, or tells that it cannot: it is kept only while the stream has not begun. */
  writeOwn(block: Block, isLate?: IsLate): boolean | Promise<boolean> {
    if (this.isClosed || this.#hasBegun) return this.#writeOwn(block)
    this.#early ??= new EarlyEvents()
    return this.#early.add(block, isLate)
  }

  #writeOwn(block: Block): boolean {
    if (!this.#isOpen() || !this.#isReady()) return false
    this.#pace?.take(1)
    return this.note(block)
  }

  #releaseEarly(): void {
    const early = this.#early
    this.#early = undefined
    early?.release((block) => this.#writeOwn(block))
  }

  /** Counts a large block, which others may share, until this socket has taken all of it. */
  holdShared(block: Block): void {
    if (this.#isWritable || this.isClosed || block.bytes.length <= writeBytesMax) return
    this.#large ??= new LargeBlocks(this, this.#host)
    this.#large.hold(block)
  }

  /** Moves the cursor over records that are not this session's. */
  moveTo(cursor: Position): void {
    if (this.#added?.movedTo === undefined) this.#cursor = cursor
    else this.#added.at = cursor
  }

  /** Resolves when the socket takes bytes and the pace allows an event, or the session is closed. */
  async untilReady(): Promise<void> {
    if (this.#isReady()) return
    if (this.#isWritable) {
      this.#hasLagged = true
      this.#host.paced.add(this)
    }
    await new Promise<void>((resolve) => void (this.#whenReady = resolve))
  }

  /** From now on the audience writes to it. Called in the tick that found it level with the tail. */
  join(): void {
    // It may have closed with the very last block of its replay; nothing comes back from there.
    if (this.isClosed) return
    this.#state = 'live'
    this.#hasBeenLive = true
    this.#hasLagged = false
    this.#large?.leave()
    this.#audience.goLive(this)
    this.#host.watch.level(this)
    if (!this.#isWritable) this.leaveLive()
  }

  /** Writes a flush; returns whether it did. A session that cannot keep up leaves; nothing is queued. */
  writeLive(flush: Flush): boolean {
    const isAllowed = flush.events <= this.allowance
    if (isAllowed) {
      this.#pace?.take(flush.events)
      this.#send(flush.block)
      if (this.#isWritable) return true
      this.holdShared(flush.block)
    }
    if (flush.isStrict) this.#host.dismiss(this, 'lagging')
    else this.leaveLive(isAllowed ? undefined : flush.before)
    if (!isAllowed && !this.isClosed) this.#host.paced.add(this)
    return isAllowed
  }

  /**
   * Writes a beat of its place, so that the client keeps its place and its connection. Live sessions get it,
   * and replays that take long and bring little; a blocked socket gets none.
   */
  beat(encode: (place: Place, audience: Audience) => Block): void {
    if (this.#isOpen()) this.note(encode(placeOf(this, this.replayedTo), this.#audience))
  }

  /** Writes an event of the hub's own; false, and nothing is kept, where the stream takes none now. */
  note(block: Block): boolean {
    if (!this.takesNotes) return false
    this.#send(block)
    this.holdShared(block)
    if (!this.#isWritable) this.leaveLive()
    return !this.isClosed
  }

  /** Leaves the audience; the cursor stays where it stands, by default where the audience does. */
  leaveLive(at?: Position, cause?: LagCause): void {
    if (this.#state !== 'live') return
    this.#cursor = at ?? this.#host.livePosition
    this.#state = 'lagging'
    this.#hasLagged = true
    this.#audience.stepOut(this)
    this.#host.watch.lagged(this, cause ?? (this.#isWritable ? 'rate' : 'socket'))
  }

  /** Reads on from the log after `leaveLive`, if it can. */
  resume(): void {
    if (this.#state !== 'lagging') return
    if (this.#isReady()) {
      this.#state = 'replaying'
      this.#host.catchUp(this)
    } else if (this.#isWritable) this.#host.paced.add(this)
  }

  drained(): void {
    this.#isWritable = true
    this.#progress = undefined
    this.#host.blocked.delete(this)
    this.#large?.end()
    this.#host.tellNews(this)
    this.goOn()
  }

  /** Sends the session away as stalled, unless its socket has taken some bytes since the last check. */
  checkProgress(): void {
    if (this.#progress?.hasMoved() === true) this.#host.blocked.add(this)
    else this.#host.dismiss(this, 'stalled')
  }

  closed(): void {
    this.#host.leaving.delete(this)
    this.#finish('disconnected')
    this.#large?.end()
  }

  /** Its sink has thrown. The session ends before its sink is cut, because some sinks close at once. */
  fail(): void {
    this.#finish('failed')
    this.cutOff()
    this.closed()
  }

  /**
   * Says why and ends the stream; the client comes back by itself after `retryMs`. A blocked socket
   * holds this small block too. A client that does not read it is cut off after a while, and resumes anyway.
   */
  bye(reason: string, retryMs: number): void {
    if (this.isClosed) return
    this.#send(encodeBye(reason, retryMs))
    if (this.isClosed) return
    this.#host.leaving.add(this)
    // Before the end, which some sinks answer at once with their close.
    this.#finish(reason)
    this.#host.attempt(() => this.#sink.end())
  }

  /** Cuts the connection of a session that has been told goodbye. */
  cutOff(): void {
    this.#host.attempt(() => this.#sink.abort())
  }

  /** A sink that throws (middleware, a response that was ended elsewhere) must not harm other sessions. */
  #send(block: Block): void {
    try {
      const wasWritable = this.#isWritable
      this.#isWritable = this.#sink.write(block)
      // A beat keeps a place in line.
      if (this.#isWritable && this.largeTurn === undefined) this.#large?.leave()
      if (!wasWritable || this.#isWritable) return
      this.#progress = new Progress(this.#sink)
      if (!this.isClosed) this.#host.blocked.add(this)
    } catch (error) {
      this.#host.onError(error)
      this.fail()
    }
  }

  /** It is over, as far as the node is concerned. */
  #finish(reason: string): void {
    if (this.isClosed) return
    this.#host.blocked.delete(this)
    this.#host.paced.delete(this)
    this.#audience.leave(this)
    this.replay(undefined)
    this.#state = 'closed'
    // A block stays counted until its socket has taken it or closed; a place in line is given up now.
    if (this.largeTurn !== undefined) this.#large?.leave()
    this.#release()
    this.#releaseEarly()
    this.#host.forget(this, reason)
    this.#closing ??= reason
    if (this.#closing instanceof Closing) this.#closing.tell(reason)
  }

  /** Whether the stream has begun and gets what is written now. */
  #isOpen(): boolean {
    return this.#state === 'live' || (this.#state === 'replaying' && this.takesNotes)
  }

  #isReady(): boolean {
    return this.isClosed || (this.#isWritable && this.allowance >= 1)
  }

  /** Goes on where it stopped, if it can: in the midst of a replay, or after it left its audience. */
  goOn(): void {
    if (this.#isReady()) {
      this.#release()
      this.resume()
    } else if (this.#isWritable) this.#host.paced.add(this)
  }

  #release(): void {
    this.#whenReady?.()
    this.#whenReady = undefined
  }
}
