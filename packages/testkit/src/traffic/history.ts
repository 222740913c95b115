// The record of a test of exact resume, from both ends: the attempts of publishers, and the events
// of subscribers.

/** An event as its publisher knows it: running number, topic and key. */
export interface AttemptedEvent {
  readonly number: number
  readonly topic: string
  readonly key?: string | undefined
}

/** One publish request, whatever became of it. */
export interface Attempt {
  readonly publisher: string
  /** Whether it was repeated under one idempotency key until it was acknowledged. */
  readonly isKeyed: boolean
  readonly events: readonly AttemptedEvent[]
  /** The cursor of its last event; undefined when nobody answered. */
  readonly receipt: string | undefined
}

/** An event as a subscriber got it. */
export interface ReceivedEvent {
  readonly publisher: string
  readonly number: number
  readonly topic: string
  /** The SSE id it came with; in a batch that of the batch's last event. */
  readonly cursor: string
}

/** Everything one subscriber got, over all its connections, in order. */
export interface Reception {
  readonly subscriber: string
  /** Topics and patterns it subscribed to. */
  readonly topics: readonly string[]
  /** Whether several events share one id. */
  readonly isBatched: boolean
  readonly events: readonly ReceivedEvent[]
  /** The data of every `tidemark.gap`. */
  readonly gaps: readonly string[]
  /** Whatever else must not happen to a subscriber, one sentence each. */
  readonly faults: readonly string[]
}

/** Both ends. Attempts of one publisher stand in publishing order. */
export interface TrafficHistory {
  readonly attempts: readonly Attempt[]
  readonly receptions: readonly Reception[]
}
