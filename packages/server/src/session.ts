// One open SSE response: a cursor that moves, never a queue.
//
//   replaying ──▶ live ──▶ lagging ──▶ replaying …      each of them ──▶ closed

import type { Position } from '@tidemark/log'
import type { Block } from './block.ts'
import { encodeBye } from './control-events.ts'
import type { ByeReason } from './control-events.ts'
import type { Deadlines } from './deadlines.ts'
import type { Feed } from './feed.ts'
import type { Sink, SinkListener } from './sink.ts'

export type SessionState = 'replaying' | 'live' | 'lagging' | 'closed'

/** What sessions need of the node they live in. */
export interface SessionHost {
  /** Sessions whose sockets take nothing, until they count as stalled. */
  readonly blocked: Deadlines<Session>
  /** Sessions that have been told goodbye, until they are cut off. */
  readonly leaving: Deadlines<Session>
  /** Where live sessions stand. */
  readonly livePosition: Position
  /** The session is behind and writable: bring it level again. */
  catchUp(session: Session): void
  /** The session is over. */
  forget(session: Session): void
  /** The session's sink threw. */
  onError(error: unknown): void
}

/** One subscriber's connection. Only its own methods change its state. */
export class Session implements SinkListener {
  readonly id: string
  readonly feed: Feed
  readonly #sink: Sink
  readonly #host: SessionHost
  #state: SessionState = 'replaying'
  #cursor: Position
  #isWritable = true
  #hasBegun = false
  #whenWritable: (() => void) | undefined

  constructor(
    id: string,
    feed: Feed,
    options: { sink: Sink; host: SessionHost; cursor: Position },
  ) {
    this.id = id
    this.feed = feed
    this.#sink = options.sink
    this.#host = options.host
    this.#cursor = options.cursor
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

  /** Every event up to here has been written to the socket. */
  get cursor(): Position {
    return this.#state === 'live' ? this.#host.livePosition : this.#cursor
  }

  /** Begins to hear from the socket. A socket that is already gone closes the session at once. */
  open(): void {
    this.feed.members.add(this)
    this.#sink.listen(this)
  }

  /** Writes during a replay; `cursor` is where the stream stands after the block. */
  writeReplay(block: Block, cursor: Position): void {
    if (this.isClosed) return
    this.#cursor = cursor
    this.#hasBegun = true
    this.#send(block)
  }

  /** Moves the cursor over records that are not this session's. */
  moveTo(cursor: Position): void {
    this.#cursor = cursor
  }

  /** Resolves when the socket takes bytes again, or the session is closed. */
  async writable(): Promise<void> {
    if (this.#isWritable || this.isClosed) return
    await new Promise<void>((resolve) => {
      this.#whenWritable = resolve
    })
  }

  /** The session is level with the tail: from now on the feed writes to it. Called in the tick that found it level. */
  join(): void {
    // It may have closed with the very last block of its replay; nothing comes back from there.
    if (this.isClosed) return
    this.#state = 'live'
    this.feed.live.add(this)
    if (!this.#isWritable) this.leaveLive()
  }

  /** Writes a block of the feed. A socket that takes no more leaves the feed with its cursor; nothing is queued. */
  writeLive(block: Block): void {
    this.#send(block)
    if (!this.#isWritable) this.leaveLive()
  }

  /**
   * Writes a beat of its place: live, or in a long replay of little, so that it keeps its place and its connection. A
   * blocked socket gets none.
   */
  beat(encode: (position: Position) => Block): void {
    if (this.#state === 'live') this.writeLive(encode(this.cursor))
    else if (this.#state === 'replaying' && this.#hasBegun && this.#isWritable) {
      this.#send(encode(this.#cursor))
    }
  }

  /** Leaves the feed; the cursor stays where the feed stood. */
  leaveLive(): void {
    if (this.#state !== 'live') return
    this.#cursor = this.#host.livePosition
    this.#state = 'lagging'
    this.feed.live.delete(this)
  }

  /** Reads on from the log after `leaveLive`, if the socket takes bytes. */
  resume(): void {
    if (this.#state !== 'lagging' || !this.#isWritable) return
    this.#state = 'replaying'
    this.#host.catchUp(this)
  }

  drained(): void {
    this.#isWritable = true
    this.#host.blocked.delete(this)
    this.#releaseWriter()
    this.resume()
  }

  closed(): void {
    this.#host.leaving.delete(this)
    if (this.isClosed) return
    this.#host.blocked.delete(this)
    this.feed.live.delete(this)
    this.#state = 'closed'
    this.#releaseWriter()
    this.#host.forget(this)
  }

  /**
   * Says why and ends the stream; the client comes back by itself after `retryMs`. A socket that takes nothing holds this one
   * small block more. Who does not read it is cut off after a while, and resumes all the same.
   */
  bye(reason: ByeReason, retryMs: number): void {
    if (this.isClosed) return
    this.#send(encodeBye(reason, retryMs))
    if (this.isClosed) return
    this.#guard(() => this.#sink.end())
    this.closed()
    this.#host.leaving.add(this)
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
      if (wasWritable && !this.#isWritable) this.#host.blocked.add(this)
    } catch (error) {
      this.#host.onError(error)
      this.#guard(() => this.#sink.abort())
      this.closed()
    }
  }

  #guard(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#host.onError(error)
    }
  }

  #releaseWriter(): void {
    const release = this.#whenWritable
    this.#whenWritable = undefined
    release?.()
  }
}
