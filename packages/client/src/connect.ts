// The way in: checks the options and opens a feed.

import type { RetryOptions } from './backoff.ts'
import type { Clock, Random } from './clock.ts'
import { parseEndpoint } from './endpoint.ts'
import type { Feed } from './feed.ts'
import { follow } from './follow.ts'
import type { Fetch, HeaderSource } from './headers.ts'
import { eventCharactersMaxDefault } from './limits.ts'
import { LiveFeed } from './live-feed.ts'
import { RequestPace } from './request-pace.ts'
import { findOnlyTopic } from './topic-index.ts'
import { checkFeedOptions, checkLinkOptions } from './check-options.ts'
import { parseRuntime } from './runtime.ts'
import { readWishes } from './wishes.ts'
import type { WishOptions } from './wishes.ts'

/** The topics to subscribe to, and how. */
export interface ConnectOptions extends WishOptions {
  /** Topics and patterns. Default none: the URL says it all, as with servers of another kind. */
  readonly topics?: readonly string[] | undefined
  /** Sent with every attempt; a function is asked anew each time, so that a token is always fresh. */
  readonly headers?: HeaderSource | undefined
  /**
   * Where to start without a cursor: `now`, `earliest`, `-10` (last ten), `5m`, or a cursor. Default: the
   * server's, `now`.
   */
  readonly since?: string | undefined
  /**
   * The `id` of the last event already processed, to go on right after it. Default none. One that no
   * header can carry is left out, and `tidemark.gap` says so.
   */
  readonly lastEventId?: string | undefined
  /**
   * Default: the runtime's `fetch`. Wrap it for cookies: `(url, init) => fetch(url, { ...init,
   * credentials: 'include' })`.
   */
  readonly fetch?: Fetch | undefined
  /** Closes the feed when aborted. */
  readonly signal?: AbortSignal | undefined
  /** When and how often to try again. Default: from 1 s doubling to 30 s, fully jittered, forever. */
  readonly retry?: RetryOptions | undefined
  /**
   * Milliseconds between two beats of a server that does not announce them as a hub does. A connection
   * without a byte for 2.5 of them counts as dead. Default none: silence means nothing until the server
   * announces its heartbeat.
   */
  readonly heartbeatMs?: number | undefined
  /**
   * Characters of one event, and of one line (UTF-16 code units). More closes the feed with `STREAM_INVALID`.
   * Default 16 Mi; 1 to 256 Mi.
   */
  readonly eventCharactersMax?: number | undefined
  /**
   * A name under which the hub keeps the place of this user, for the next device. A second stream with the
   * same name takes over from this one. Default none.
   */
  readonly consumer?: string | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
  /** Default: the runtime's randomness. It spreads reconnects. */
  readonly random?: Random | undefined
}

/**
 * Subscribes, and keeps the place across every reconnect: no event is lost, none comes twice, a gap is told.
 *
 * Passing failures (network, 408, 425, 429, 5xx, silence) are tried again, with 4 requests per second
 * at most. Lasting ones close the feed with a {@link ClientError} in its state and out of its iterator.
 * @throws ClientError `URL_INVALID`, `OPTIONS_INVALID`
 * @example
 * ```ts
 * import { connect } from '@tidemark/client'
 *
 * const feed = connect('http://127.0.0.1:7070/events', { topics: ['orders/*'], since: 'earliest' })
 * feed.on('tidemark.gap', ({ reason }) => console.log('read the orders anew:', reason))
 * for await (const event of feed) {
 *   console.log(event.topic, event.type, event.data)
 *   if (event.type === 'closing-time') break
 * }
 * ```
 */
export function connect(url: string | URL, options: ConnectOptions = {}): Feed {
  const runtime = parseRuntime(options)
  const { topics = [], since, lastEventId, signal } = options
  const endpoint = parseEndpoint(url)
  checkFeedOptions(topics, options)
  checkLinkOptions(options)
  const plan = {
    ...runtime,
    subscription: { endpoint, topics: [...topics], since, wishes: readWishes(options) },
    onlyTopic: findOnlyTopic(topics),
    pace: new RequestPace(runtime.clock),
    eventCharactersMax: options.eventCharactersMax ?? eventCharactersMaxDefault,
    // `localStorage.getItem` gives null for what is not there.
    start: { cursor: lastEventId ?? '', retryMs: undefined, heartbeatMs: options.heartbeatMs },
  }
  const abort = new AbortController()
  const feed = new LiveFeed({
    lastEventId: plan.start.cursor,
    state: { phase: 'connecting', attempt: 1 },
    signal,
    ended: () => abort.abort(),
  })
  const run = async (): Promise<void> => feed.end(await follow(plan, feed, abort.signal))
  // As soon as the current task is over, so that listeners added in it miss no state.
  queueMicrotask(() => void run())
  return feed
}
