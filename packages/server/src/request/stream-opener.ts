// The parts of the node that its doors need.

import type { PackText } from '../framing/packed.ts'
import type { Permit } from './authorize.ts'
import type { BodyBudget } from './body-budget.ts'
import type { TopicSetTable } from '../session/topic-set-table.ts'
import type { Recheck } from '../session/recheck.ts'
import type { SessionHandle, SessionOwner } from '../session/session-handle.ts'
import type { SessionHolder } from '../session/session-holder.ts'
import type { Compress, Sink } from '../session/sink.ts'
import type { NodeWatch } from '../observer/node-watch.ts'
import type { Subscription } from './subscription.ts'

/** A grant as it stays with its session. */
export interface Granted {
  readonly owner: SessionHolder
  readonly recheck?: Recheck | undefined
}

/** The node as its doors see it. */
export interface StreamOpener {
  /**
   * Opens a session on a sink, for somebody where that is known; rejects, with nothing written, when it
   * refuses.
   */
  open(sink: Sink, subscription: Subscription, owner?: SessionOwner): Promise<SessionHandle>
  /** The same for a client that `authorize` has granted it; the grant is asked about again with `recheck`. */
  openGranted(sink: Sink, subscription: Subscription, granted: Granted): Promise<SessionHandle>
  /** The open session of an id; undefined once it has closed. */
  session(id: string): SessionHandle | undefined
  /**
   * Refuses a new session while the node is full or draining.
   * @throws ServerError `FULL`, `DRAINING`
   */
  admit(): void
  /** Keeps topic sets that were changed on open streams, so that cursors lead back to them. */
  readonly topicSets: TopicSetTable
  /** Asks whether a request may do what it asks for; undefined: everybody may everything. */
  readonly permit: Permit | undefined
  /** Counts the bodies that are read for subscriptions. */
  readonly bodies: BodyBudget
  /** Compresses streams for clients that accept it; undefined: they stay plain. */
  readonly compress: Compress | undefined
  /** Compresses single events for clients that ask for it; undefined: they stay plain. */
  readonly pack: PackText | undefined
  /** Told of faults that the client learns little of. */
  readonly onError: (error: unknown) => void
  /** When a client that is sent away should come back, in milliseconds. */
  pickRetryMs(): number
  /** Told of refusals. */
  readonly watch: NodeWatch
  /** Where live sessions stand; undefined before the node follows its log. */
  readonly liveCursor: string | undefined
}
