// The parts of a node that its sessions need, and the options of each session.

import type { Position } from '@tidemark/log'
import type { AddedTopics } from './added-topics.ts'
import type { ByeReason } from '../framing/bye-reason.ts'
import type { Deadlines } from './deadlines.ts'
import type { LargeBlockLines } from '../catch-up/large-blocks.ts'
import type { NodeWatch } from '../observer/node-watch.ts'
import type { Pace } from '../catch-up/pace.ts'
import type { SessionHolder } from './session-holder.ts'
import type { Sink } from './sink.ts'

/** One for all sessions of a node. */
export interface SessionHost<Session> extends LargeBlockLines {
  /** Sessions whose sockets take nothing, until they count as stalled. */
  readonly blocked: Deadlines<Session>
  /** Sessions that have been told goodbye, until they are cut off. */
  readonly leaving: Deadlines<Session>
  /** Sessions that have used up their rate, until they are looked at again. */
  readonly paced: Deadlines<Session>
  /** Where live sessions stand. */
  readonly livePosition: Position
  /** The session is behind and writable: bring it level again. */
  catchUp(session: Session): void
  /** The session takes something: it is told of topics that it follows since. */
  tellNews(session: Session): void
  /** Sends the session away. */
  dismiss(session: Session, reason: ByeReason): void
  /** The session is over, and why. */
  forget(session: Session, reason: string): void
  /** Counts and tells what happens to sessions. */
  readonly watch: NodeWatch
  /** Does something with a sink, and tells `onError` of what the sink throws. */
  attempt(act: () => void): void
  /** The session's sink threw. */
  onError(error: unknown): void
}

/** The options of a session. */
export interface SessionOptions<Session> {
  readonly sink: Sink
  readonly host: SessionHost<Session>
  readonly cursor: Position
  readonly pace?: Pace | undefined
  readonly owner: SessionHolder
  /** Topics that are replayed from an older place first. */
  readonly added?: AddedTopics | undefined
}
