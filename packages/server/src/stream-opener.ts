// What a door needs of the node behind it.

import type { Permit } from './authorize.ts'
import type { BodyBudget } from './body-budget.ts'
import type { Compress, Sink } from './sink.ts'
import type { Subscription } from './subscription.ts'

/** Who is behind a stream, as the application says. */
interface StreamOwner {
  readonly user?: string | undefined
}

/** The node as its doors see it. */
export interface StreamOpener {
  /** Opens a session on a sink, for somebody where that is known; rejects, with nothing written, when it refuses. */
  open(sink: Sink, subscription: Subscription, owner?: StreamOwner): Promise<void>
  /** Asks whether a request may do what it asks for; undefined: everybody may everything. */
  readonly permit: Permit | undefined
  /** Counts the bodies that are read for subscriptions. */
  readonly bodies: BodyBudget
  /** Compresses streams for clients that accept it; undefined: they stay plain. */
  readonly compress: Compress | undefined
  /** When a client that is sent away should come back, in milliseconds. */
  pickRetryMs(): number
  /** Where live sessions stand; undefined before the node follows its log. */
  readonly liveCursor: string | undefined
}
