// The public types of a subscription: the feed, its events, its states, and what it tells about the
// connection.

import type { ClientError } from './errors.ts'

/** An event as published. */
export interface FeedEvent {
  /** The topic it was published to; empty when the server does not say and more than one is possible. */
  readonly topic: string
  /** `message` when the publisher named none. */
  readonly type: string
  /**
   * The payload decoded when it is JSON, otherwise the text. `42` and `true` are JSON; take `text`
   * where that matters.
   */
  readonly data: unknown
  /** The payload as it was published. */
  readonly text: string
  /**
   * The cursor right after this event; empty when the server gives none. Keep it to resume later with
   * `lastEventId`.
   */
  readonly id: string
  /** The thing that the event is about, when its publisher said so. */
  readonly key?: string
  /** The tags of its publisher, when there are some. */
  readonly tags?: Readonly<Record<string, string>>
  /** Milliseconds since 1970 by the log's clock, when the server says so. */
  readonly time?: number
}

/**
 * Where a feed stands. `error` says why it waits or closed; a feed closed by its owner has none. `idle`
 * is a feed of a client that nobody takes from, and so is not connected.
 */
export type FeedState =
  | { readonly phase: 'idle' }
  | { readonly phase: 'connecting'; readonly attempt: number }
  | { readonly phase: 'open' }
  | { readonly phase: 'waiting'; readonly delayMs: number; readonly error: ClientError }
  | { readonly phase: 'closed'; readonly error: ClientError | undefined }

/** A session began. */
export interface Ready {
  /** The session's name at the server; empty when not given. */
  readonly session: string
  /** Where the session starts; empty when not given. */
  readonly cursor: string
  /** Milliseconds between two beats, when the server says so. */
  readonly heartbeatMs: number | undefined
  /** `fresh`: no cursor was sent; `exact`: nothing is missing; `gap`: something is; empty when not given. */
  readonly resumed: string
}

/** Events between `from` (exclusive) and `to` (inclusive) may be missing: read the current state anew. */
export interface Gap {
  /** Empty when the server could not read the cursor it was sent. */
  readonly from: string
  /** Empty when nobody can say. */
  readonly to: string
  /**
   * Such as `retention` (no longer kept), `epoch` (of another history), `ahead` or `cursor`
   * (unreadable). `unsendable` is the client's own: no header can carry `from`, so the server was not
   * asked to go on after it.
   */
  readonly reason: string
}

/** The server is about to end the stream. */
export interface Bye {
  readonly reason: string
  /** Milliseconds after which to come back, when the server says so. */
  readonly retryMs: number | undefined
}

/** A feed as its store shows it. Frozen, and the same object until something in it changes. */
export interface FeedSnapshot {
  readonly state: FeedState
  /** The newest event handed over. */
  readonly event: FeedEvent | undefined
  /** How many events have been handed over: who looks late sees that more than one came. */
  readonly eventCount: number
  /** The newest gap. */
  readonly gap: Gap | undefined
}

/**
 * A feed's own signals, about the connection. The names are reserved by the protocol, so no published event
 * has one.
 */
export interface FeedSignals {
  'tidemark.state': FeedState
  'tidemark.ready': Ready
  'tidemark.gap': Gap
  'tidemark.bye': Bye
}

/**
 * A subscription that keeps its place across reconnects.
 *
 * Names that begin with `tidemark.` are about the connection, all others are types of events. So are
 * `tidemark.join` and `tidemark.leave`, with which a hub tells a topic who comes and leaves.
 * So an event published with the type `error` or `gap` is just an event, and a failing connection is
 * seen in `tidemark.state`.
 *
 * Until there is a taker, events wait in the feed and reading of the stream pauses. A taker is an
 * iterator, a listener for a type, or a subscriber of the store.
 */
export interface Feed extends AsyncIterable<FeedEvent> {
  readonly state: FeedState
  /** The cursor after the last event handed over (or the last beat after it); empty before the first. */
  readonly lastEventId: string
  /**
   * Listens to the connection. A gap is told in its place among the events; the others as they happen.
   * @returns a function that stops listening
   * @throws ClientError `LISTENER_INVALID` for another name that begins with `tidemark.`, or a listener
   * that is no function
   */
  on<Name extends keyof FeedSignals>(
    name: Name,
    listener: (signal: FeedSignals[Name]) => void,
  ): () => void
  /**
   * Listens to published events of one type (`message` when the publisher named none). An error that a
   * listener throws is reported as uncaught, as with `EventTarget`; the feed goes on.
   * @returns a function that stops listening
   * @throws ClientError `LISTENER_INVALID` for a name that is no text, or a listener that is no function
   */
  on(type: string, listener: (data: unknown, event: FeedEvent) => void): () => void
  /**
   * Iterates over the events, once per feed. Slow loops pause the stream; leaving the loop closes the feed;
   * a feed that was refused for good throws its `ClientError` after the last event. An event handed to
   * the iterator is handed to the listeners of its type just before.
   * @throws ClientError `FEED_ITERATED` the second time
   */
  [Symbol.asyncIterator](): AsyncIterator<FeedEvent, undefined>
  /**
   * Calls `onChange` after each change of the snapshot. A store: `useSyncExternalStore(feed.subscribe,
   * feed.getSnapshot)`. It takes the events, unless there is an iterator, which then sets the pace.
   * @returns a function that stops it
   * @throws ClientError `LISTENER_INVALID` for what is no function
   */
  readonly subscribe: (onChange: () => void) => () => void
  /** The present snapshot. */
  readonly getSnapshot: () => FeedSnapshot
  /**
   * Ends the connection and the iterator at once and lets go of everything. Events not yet handed over
   * are dropped.
   */
  close(): void
}
