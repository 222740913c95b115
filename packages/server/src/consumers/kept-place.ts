// The place of an open consumer: which cursor is known to have been read.
//
// A cursor is written to a socket before its client has read it. The place that is kept is one that the
// socket had taken entirely one look ago, and that the socket has still taken entirely now.

import type { Position } from '@tidemark/log'
import type { Session } from '../session/session.ts'
import type { Sink } from '../session/sink.ts'
import type { ConsumerEntry } from './consumer-entry.ts'
import { isBehind } from './consumer-entry.ts'
import { consumerRefreshMs } from './limits.ts'

/** One look at a consumer. */
export interface Look {
  /** Where sessions stand that are level with the node. */
  readonly livePosition: Position
  /** Milliseconds since 1970. */
  readonly now: number
}

/** One open consumer of this node. */
export class KeptPlace {
  readonly key: string
  readonly session: Session
  readonly #sink: Sink
  /** As it was written last. */
  #written: ConsumerEntry
  /** At the look before: all of it had left. */
  #candidate: Position | undefined
  /** Known to have been read, and worth writing. */
  #known: Position | undefined
  #wasLevel: boolean

  constructor(
    key: string,
    entry: ConsumerEntry,
    { session, sink, livePosition }: { session: Session; sink: Sink; livePosition: Position },
  ) {
    this.key = key
    this.session = session
    this.#sink = sink
    this.#written = entry
    this.#wasLevel = !isBehind(entry.position, livePosition)
  }

  /** Its place in line: a session of a later one has taken the consumer over. */
  get turn(): number {
    return this.#written.turn
  }

  /** Somebody has written another entry, which the next look replaces. */
  rewrite(): void {
    this.#known ??= this.#written.position
  }

  /** Looks at the session; the entry to write, or undefined where nothing is new. */
  look({ livePosition, now }: Look): ConsumerEntry | undefined {
    const { session } = this
    // While added topics are replayed from an older place, no one position says where the stream is.
    const isQuiet =
      !session.isBlocked && (this.#sink.bytesWaiting ?? 0) === 0 && session.added === undefined
    if (isQuiet && this.#candidate !== undefined) this.#known = this.#candidate
    const entry = this.#takeKnown(now)
    const isDue = now - this.#written.seenAt >= consumerRefreshMs
    const isWanted = this.#hasMoved(livePosition) || isDue
    this.#candidate = isQuiet && isWanted ? session.cursor : undefined
    return entry
  }

  /** Takes the place that is known and not written yet; it counts as written then. */
  #takeKnown(now: number): ConsumerEntry | undefined {
    const position = this.#known
    this.#known = undefined
    if (position === undefined) return undefined
    this.#written = { ...this.#written, position, seenAt: now }
    return this.#written
  }

  /**
   * Whether the session got something. The position of a level session moves with every record of the log,
   * and with the hub's own. If it were written each time, the writing itself would move it.
   */
  #hasMoved(livePosition: Position): boolean {
    const { cursor, audience } = this.session
    const wasLevel = this.#wasLevel
    this.#wasLevel = !isBehind(cursor, livePosition)
    if (!wasLevel || !this.#wasLevel) return isBehind(this.#written.position, cursor)
    return audience.flushedTo !== undefined && isBehind(this.#written.position, audience.flushedTo)
  }
}
