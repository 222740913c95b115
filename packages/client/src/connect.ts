// The way in: checks the options and opens a feed.

import { parseRetry } from './backoff.ts'
import type { RetryOptions } from './backoff.ts'
import { systemClock, systemRandom } from './clock.ts'
import type { Clock, Random } from './clock.ts'
import { parseEndpoint } from './endpoint.ts'
import { ClientError } from './errors.ts'
import type { Feed } from './feed.ts'
import { fetchOfRuntime } from './fetch-of-runtime.ts'
import type { Fetch, HeaderSource } from './headers.ts'
import { heartbeatDefaultMs } from './limits.ts'
import { LiveFeed } from './live-feed.ts'

/** What to subscribe to, and how. */
export interface ConnectOptions {
  /** Topics and patterns. Default none: the URL says it all, as with servers of another kind. */
  readonly topics?: readonly string[] | undefined
  /** Sent with every attempt; a function is asked anew each time, so that a token is always fresh. */
  readonly headers?: HeaderSource | undefined
  /** Where to start without a cursor: `now`, `earliest`, `-10` (last ten), `5m`. Default: the server's, `now`. */
  readonly since?: string | undefined
  /** The `id` of the last event already processed, to go on right after it. Default none. */
  readonly lastEventId?: string | undefined
  /** Default: the runtime's `fetch`. Wrap it for cookies: `(url, init) => fetch(url, { ...init, credentials: 'include' })`. */
  readonly fetch?: Fetch | undefined
  /** Closes the feed when aborted. */
  readonly signal?: AbortSignal | undefined
  /** When and how often to try again. Default: from 1 s doubling to 30 s, fully jittered, forever. */
  readonly retry?: RetryOptions | undefined
  /**
   * Milliseconds between two beats, until the server announces its own. 2.5 of them without a byte count as a dead
   * connection. Default 15,000; `Infinity` for servers that send none.
   */
  readonly heartbeatMs?: number | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
  /** Default: the runtime's randomness. It spreads reconnects. */
  readonly random?: Random | undefined
}

/**
 * Subscribes, and keeps the place across every reconnect: no event is lost, none comes twice, a gap is told.
 *
 * Passing failures (network, 408, 425, 429, 5xx, silence) are tried again; lasting ones close the feed with a
 * {@link ClientError} in its state and out of its iterator.
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
  const { topics = [], heartbeatMs = heartbeatDefaultMs } = options
  if (!(heartbeatMs > 0)) {
    throw new ClientError(
      'OPTIONS_INVALID',
      `heartbeatMs must be above 0; got ${heartbeatMs}. Use Infinity for a server that sends no beats.`,
    )
  }
  const [first = ''] = topics
  const plan = {
    subscription: { endpoint: parseEndpoint(url), topics: [...topics], since: options.since },
    onlyTopic: topics.length === 1 && !first.includes('*') ? first : '',
    cursor: options.lastEventId ?? '',
    headers: options.headers,
    fetch: options.fetch ?? fetchOfRuntime,
    heartbeatMs,
    retry: parseRetry(options.retry),
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  }
  return new LiveFeed(plan, options.signal)
}
