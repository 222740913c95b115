// One open SSE response: a cursor that moves, never a queue.
//
//   replaying ──▶ live ──▶ lagging ──▶ replaying …      each of them ──▶ closed
//
// It lags when its socket takes no more, or when it has got as many events as its pace allows.

import type { Position } from '@tidemark/log'
import type { Block } from './block.ts'
import { encodeBye } from './control-events.ts'
import type { ByeReason } from './control-events.ts'
import type { Deadlines } from './deadlines.ts'
import type { Audience, Flush } from './audience.ts'
import type { BlockHolder, HeldBlocks } from './held-blocks.ts'
import { writeBytesMax } from './limits.ts'
import type { LargeWriter, LargeWrites } from './large-writes.ts'
import type { Pace } from './pace.ts'
import type { Sink, SinkListener } from './sink.ts'

export type SessionState = 'replaying' | 'live' | 'lagging' | 'closed'

/** What sessions need of the node they live in. */
export interface SessionHost {
  /** Sessions whose sockets take nothing, until they count as stalled. */
  readonly blocked: Deadlines<Session>
  /** Sessions that have been told goodbye, until they are cut off. */
  readonly leaving: Deadlines<Session>
  /** Sessions that have used up their rate, until they are looked at again. */
  readonly paced: Deadlines<Session>
  /** Blocks of replays that are too large to wait for sockets without a bound of their own. */
  readonly largeWrites: LargeWrites
  /** Large blocks, shared with others, that sessions are blocked by. */
  readonly heldBlocks: HeldBlocks
  /** Where live sessions stand. */
  readonly livePosition: Position
  /** The session is behind and writable: bring it level again. */
  catchUp(session: Session): void
  /** Sends the session away. */
  dismiss(session: Session, reason: ByeReason): void
  /** The session is over. */
  forget(session: Session): void
  /** The session's sink threw. */
  onError(error: unknown): void
}

/** One subscriber's connection. Only its own methods change its state. */
export class Session implements SinkListener, LargeWriter, BlockHolder {
  readonly id: string
  readonly audience: Audience
  readonly #sink: Sink
  readonly #host: SessionHost
  #state: SessionState = 'replaying'
  #cursor: Position
  readonly #pace: Pace | undefined
  #isWritable = true
  #hasBegun = false
  #hasLagged = false
  #hasBeenLive = false
  /** While it is blocked: what waited when it was last looked at. */
  #bytesWaiting = 0
  #whenReady: (() => void) | undefined
  /** It has a place among large writes, or waits for one. */
  #isLarge = false
  #largeTurn: Promise<void> | undefined
  #holdsBlock = false

  constructor(
    id: string,
    audience: Audience,
    options: { sink: Sink; host: SessionHost; cursor: Position; pace?: Pace | undefined },
  ) {
    this.id = id
    this.audience = audience
    this.#sink = options.sink
    this.#host = options.host
    this.#cursor = options.cursor
    this.#pace = options.pace
  }

  get state(): SessionState {
    return this.#state
  }

  get isClosed(): boolean {
    return this.#state === 'closed'
  }

  /** Whether the socket takes nothing for now. */
  get isBlocked(): boolean {
    return !this.#isWritable
  }

  /** How many events it may get now. */
  get allowance(): number {
    return this.#pace?.allowance ?? Infinity
  }

  /** Whether it is behind because it could not keep up, and not because it has just come: the rules for laggards hold. */
  get isLaggard(): boolean {
    return this.#hasLagged
  }

  /** Whether it was ever level: before that nobody is sent away for being behind. */
  get hasBeenLive(): boolean {
    return this.#hasBeenLive
  }

  /** Every event up to here has been written to the socket. */
  get cursor(): Position {
    return this.#state === 'live' ? this.#host.livePosition : this.#cursor
  }

  /** Begins to hear from the socket. A socket that is already gone closes the session at once. */
  open(): void {
    this.audience.members.add(this)
    this.#sink.listen(this)
  }

  /** Resolves when it has the place it asked for with `takeLarge`; undefined when it waits for none. */
  get largeTurn(): Promise<void> | undefined {
    return this.#largeTurn
  }

  /** Whether a large block of its own may be written now; if not, `largeTurn` tells when. */
  takeLarge(bytes: number): boolean {
    // It may have closed with what was written before; nobody would give the place back.
    if (this.isClosed) return false
    this.#isLarge = true
    this.#largeTurn = this.#host.largeWrites.take(this, bytes)
    return this.#largeTurn === undefined
  }

  /**
   * Gives back a turn that was not used. What it was taken for may be among the records in memory by now, whose frames need none,
   * or may have been removed.
   */
  endTurn(turn: Promise<void>): void {
    if (this.#largeTurn === turn) this.#leaveLarge()
  }

  /** Others have waited long enough for this socket to take its block. */
  makeRoom(): void {
    this.#host.dismiss(this, 'stalled')
    this.cutOff()
  }

  /** Writes during a replay: `events` of them, behind which the stream stands at `cursor`. */
  writeReplay(block: Block, cursor: Position, events: number): void {
    if (this.isClosed) return
    this.#cursor = cursor
    this.#hasBegun = true
    this.#pace?.take(events)
    this.#send(block)
  }

  /** Counts a large block that others may get as well, and that its socket has just been given, until it has taken it. */
  holdShared(block: Block): void {
    if (this.#isWritable || this.isClosed || block.bytes.length <= writeBytesMax) return
    this.#holdsBlock = true
    this.#host.heldBlocks.hold(this, block)
  }

  /** Sent away for being behind with what no session may be behind with. */
  giveUp(): void {
    this.#host.dismiss(this, 'lagging')
  }

  /** Moves the cursor over records that are not this session's. */
  moveTo(cursor: Position): void {
    this.#cursor = cursor
  }

  /** Resolves when the socket takes bytes and the pace allows an event, or the session is closed. */
  async untilReady(): Promise<void> {
    if (this.#isReady()) return
    if (this.#isWritable) {
      this.#hasLagged = true
      this.#host.paced.add(this)
    }
    await new Promise<void>((resolve) => {
      this.#whenReady = resolve
    })
  }

  /** The session is level with the tail: from now on the audience writes to it. Called in the tick that found it level. */
  join(): void {
    // It may have closed with the very last block of its replay; nothing comes back from there.
    if (this.isClosed) return
    this.#state = 'live'
    this.#hasBeenLive = true
    this.#hasLagged = false
    this.#leaveLarge()
    this.audience.live.add(this)
    if (!this.#isWritable) this.leaveLive()
  }

  /** Writes what the audience sends. Who cannot keep up leaves the audience with its cursor; nothing is queued. */
  writeLive(flush: Flush): void {
    const isAllowed = flush.events <= this.allowance
    if (isAllowed) {
      this.#pace?.take(flush.events)
      this.#send(flush.block)
      if (this.#isWritable) return
      this.holdShared(flush.block)
    }
    if (flush.isStrict) {
      this.#host.dismiss(this, 'lagging')
      return
    }
    this.leaveLive(isAllowed ? undefined : flush.before)
    if (!isAllowed) this.#host.paced.add(this)
  }

  /**
   * Writes a beat of its place: live, or in a long replay of little, so that it keeps its place and its connection. A
   * blocked socket gets none.
   */
  beat(encode: (position: Position) => Block): void {
    if (this.#state === 'live') {
      this.#send(encode(this.cursor))
      if (!this.#isWritable) this.leaveLive()
    } else if (this.#state === 'replaying' && this.#hasBegun && this.#isWritable) {
      this.#send(encode(this.#cursor))
    }
  }

  /** Leaves the audience; the cursor stays where it stands, by default where the audience does. */
  leaveLive(at: Position = this.#host.livePosition): void {
    if (this.#state !== 'live') return
    this.#cursor = at
    this.#state = 'lagging'
    this.#hasLagged = true
    this.audience.live.delete(this)
  }

  /** Reads on from the log after `leaveLive`, if it can. */
  resume(): void {
    if (this.#state !== 'lagging') return
    if (this.#isReady()) {
      this.#state = 'replaying'
      this.#host.catchUp(this)
    } else if (this.#isWritable) {
      this.#host.paced.add(this)
    }
  }

  drained(): void {
    this.#isWritable = true
    this.#host.blocked.delete(this)
    this.#leaveLarge()
    this.#letGo()
    this.#goOn()
  }

  /** Goes on if some time has renewed its rate. */
  renewAllowance(): void {
    if (this.allowance < 1) this.#host.paced.add(this)
    else this.#goOn()
  }

  /** Sent away as stalled, unless its socket has taken at least some of what waits since it was last looked at. */
  checkProgress(): void {
    const waiting = this.#sink.bytesWaiting ?? Infinity
    if (waiting < this.#bytesWaiting) {
      this.#bytesWaiting = waiting
      this.#host.blocked.add(this)
    } else {
      this.#host.dismiss(this, 'stalled')
    }
  }

  closed(): void {
    this.#host.leaving.delete(this)
    this.#finish()
    this.#leaveLarge()
    this.#letGo()
  }

  /**
   * Says why and ends the stream; the client comes back by itself after `retryMs`. A socket that takes nothing holds this one
   * small block more. Who does not read it is cut off after a while, and resumes all the same.
   */
  bye(reason: ByeReason, retryMs: number): void {
    if (this.isClosed) return
    this.#send(encodeBye(reason, retryMs))
    if (this.isClosed) return
    this.#host.leaving.add(this)
    this.#guard(() => this.#sink.end())
    this.#finish()
  }

  /** Cuts the connection of a session that has been told goodbye. */
  cutOff(): void {
    this.#guard(() => this.#sink.abort())
  }

  /** A sink that throws (middleware, a response somebody else has ended) must not take others down with it. */
  #send(block: Block): void {
    try {
      const wasWritable = this.#isWritable
      this.#isWritable = this.#sink.write(block)
      // A beat keeps a place in line.
      if (this.#isWritable && this.#largeTurn === undefined) this.#leaveLarge()
      if (!wasWritable || this.#isWritable || this.isClosed) return
      this.#bytesWaiting = this.#sink.bytesWaiting ?? 0
      this.#host.blocked.add(this)
    } catch (error) {
      this.#host.onError(error)
      this.#guard(() => this.#sink.abort())
      this.closed()
    }
  }

  /** It is over, as far as the node is concerned. */
  #finish(): void {
    if (this.isClosed) return
    this.#host.blocked.delete(this)
    this.#host.paced.delete(this)
    this.audience.live.delete(this)
    this.#state = 'closed'
    // What waits for its socket is there until that has closed; a place in line is not.
    if (this.#largeTurn !== undefined) this.#leaveLarge()
    this.#release()
    this.#host.forget(this)
  }

  #letGo(): void {
    if (!this.#holdsBlock) return
    this.#holdsBlock = false
    this.#host.heldBlocks.letGo(this)
  }

  #leaveLarge(): void {
    if (!this.#isLarge) return
    this.#isLarge = false
    this.#largeTurn = undefined
    this.#host.largeWrites.leave(this)
  }

  #guard(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#host.onError(error)
    }
  }

  #isReady(): boolean {
    return this.isClosed || (this.#isWritable && this.allowance >= 1)
  }

  /** Goes on where it stopped: in the middle of a replay, or after it left its audience. */
  #goOn(): void {
    if (this.#isReady()) {
      this.#release()
      this.resume()
    } else if (this.#isWritable) {
      this.#host.paced.add(this)
    }
  }

  #release(): void {
    const release = this.#whenReady
    this.#whenReady = undefined
    release?.()
  }
}
