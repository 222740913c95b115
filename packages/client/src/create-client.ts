// The way in for an application: one base URL, its feeds on one link, and publishing.

import type { RetryOptions } from './backoff.ts'
import { checkFeedOptions, checkLinkOptions } from './check-options.ts'
import { ClientFeed } from './client-feed.ts'
import { ClientLinks } from './client-links.ts'
import type { Clock, Random } from './clock.ts'
import { parseEndpoint } from './endpoint.ts'
import { ClientError } from './errors.ts'
import type { Feed } from './feed.ts'
import type { Fetch, HeaderSource } from './headers.ts'
import { eventCharactersMaxDefault, graceMsDefault, timerDelayMaxMs } from './limits.ts'
import type { PublishInput, PublishOptions, TopicInput } from './publish-request.ts'
import { createPublisher } from './publisher.ts'
import type { Receipt } from './publisher.ts'
import { RequestPace } from './request-pace.ts'
import { optionError } from './option-error.ts'
import { checkSignal, parseRuntime } from './runtime.ts'
import { readWishes } from './wishes.ts'
import type { WishOptions } from './wishes.ts'

/** How a client connects. Filters and label are of all its feeds. */
export interface ClientOptions extends WishOptions {
  /** Where streams are, relative to the base. Default `events`, as at a hub. */
  readonly eventsPath?: string | undefined
  /** Where events are published, relative to the base. Default `publish`, as at a hub. */
  readonly publishPath?: string | undefined
  /** Sent with every request; a function is asked anew each time, so that a token is always fresh. */
  readonly headers?: HeaderSource | undefined
  /**
   * Default: the runtime's `fetch`. Wrap it for cookies: `(url, init) => fetch(url, { ...init,
   * credentials: 'include' })`.
   */
  readonly fetch?: Fetch | undefined
  /** Closes the client when aborted. */
  readonly signal?: AbortSignal | undefined
  /** When and how often to try again. Default: from 1 s doubling to 30 s, fully jittered, forever. */
  readonly retry?: RetryOptions | undefined
  /**
   * Milliseconds for which a feed stays connected after its last listener, iterator or subscriber.
   * Default 5,000; 0 to 2³¹ - 1.
   */
  readonly graceMs?: number | undefined
  /** Milliseconds between two beats of a server that does not announce them. Default none. */
  readonly heartbeatMs?: number | undefined
  /** Characters of one event. More closes the feeds with `STREAM_INVALID`. Default 16 Mi; 1 to 256 Mi. */
  readonly eventCharactersMax?: number | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
  /** Default: the runtime's randomness. It spreads reconnects. */
  readonly random?: Random | undefined
}

/** Where a feed of a client begins. */
export interface FeedOptions {
  /**
   * `now`, `earliest`, `-10` (last ten), `5m`, or a cursor. Default `now`: at the place of the link that
   * the client has open.
   */
  readonly since?: string | undefined
  /** The `id` of the last event already processed, to go on right after it. Default none. */
  readonly lastEventId?: string | undefined
  /** Closes the feed when aborted. */
  readonly signal?: AbortSignal | undefined
}

/** Feeds over one link, and publishing, at one server. */
export interface Client {
  /**
   * A feed of these topics and patterns. It connects when somebody begins to take from it: a listener,
   * an iterator or a subscriber of its store. When the last one has left it disconnects after
   * `graceMs`, keeps its place, and goes on from there when somebody comes back. Close a feed that is
   * not needed again.
   * @throws ClientError `OPTIONS_INVALID`, or `FEED_CLOSED` once the client is closed
   */
  feed(topics: readonly string[], options?: FeedOptions): Feed
  /**
   * Publishes an event, again and again with the same key, until the server has it. Rejects, and never
   * throws at once.
   * @throws ClientError what `publish` of {@link createPublisher} throws
   */
  publish(topic: string, event: PublishInput, options?: PublishOptions): Promise<Receipt>
  /**
   * Publishes events likewise, all or none.
   * @throws ClientError what `publishAll` of {@link createPublisher} throws
   */
  publishAll(events: readonly TopicInput[], options?: PublishOptions): Promise<Receipt>
  /** Closes all feeds; one that nobody takes from closes when somebody does. Publishes under way go on. */
  close(): void
}

/**
 * A client of one server: all its feeds share one open stream, as far as the server allows.
 *
 * A lasting refusal ends all feeds on the link with its {@link ClientError}. Where the link was about
 * to be widened, the refusal ends those that came new.
 * @throws ClientError `URL_INVALID`, `OPTIONS_INVALID`
 * @example
 * ```ts
 * import { createClient } from '@tidemark/client'
 *
 * const client = createClient('http://127.0.0.1:7070')
 * const orders = client.feed(['orders/*'])
 * orders.on('paid', (data, event) => console.log(event.topic, data))
 * await client.publish('orders/42', { type: 'paid', data: { total: 12 } })
 * ```
 */
export function createClient(base: string | URL, options: ClientOptions = {}): Client {
  const runtime = parseRuntime(options)
  checkLinkOptions(options)
  const { eventsPath = 'events', publishPath = 'publish', graceMs = graceMsDefault } = options
  if (!(typeof graceMs === 'number' && graceMs >= 0 && graceMs <= timerDelayMaxMs))
    throw optionError('graceMs', `a number from 0 to ${timerDelayMaxMs}`, graceMs)
  const { clock } = runtime
  const links = new ClientLinks({
    ...runtime,
    endpoint: resolve(base, eventsPath, 'eventsPath'),
    pace: new RequestPace(clock),
    eventCharactersMax: options.eventCharactersMax ?? eventCharactersMaxDefault,
    heartbeatMs: options.heartbeatMs,
    // Several links may be open for a moment, and one would take a consumer over from another.
    wishes: readWishes({ ...options, consumer: undefined }),
  })
  const publisher = createPublisher(resolve(base, publishPath, 'publishPath'), options)
  // Only those that somebody takes from: what an application has forgotten must not be held here.
  const feeds = new Set<ClientFeed>()
  let isClosed = false
  const begin = (feed: ClientFeed): void => {
    if (isClosed) return feed.live.close()
    feeds.add(feed)
    links.begin(feed)
  }
  const rested = (feed: ClientFeed): void => void feeds.delete(feed)
  const close = (): void => {
    isClosed = true
    options.signal?.removeEventListener('abort', close)
    for (const { live } of [...feeds]) live.close()
  }
  options.signal?.addEventListener('abort', close)
  if (options.signal?.aborted) close()
  return {
    feed(topics, feedOptions: FeedOptions = {}) {
      if (isClosed) throw new ClientError('FEED_CLOSED', 'The client is closed. Create another.')
      if (typeof feedOptions !== 'object' || feedOptions === null)
        throw optionError('The options', 'an object', feedOptions)
      const { since, lastEventId, signal } = feedOptions
      checkFeedOptions(topics, feedOptions)
      if (topics.length === 0) throw optionError('topics', 'a list of at least one topic', topics)
      checkSignal(signal)
      const unique = [...new Set(topics)]
      const place = { since: since === 'now' ? undefined : since, lastEventId: lastEventId ?? '' }
      const shared = { signal, graceMs, clock, begin, rested }
      return new ClientFeed({ topics: unique, ...place, ...shared }).live
    },
    publish: (topic, event, publishOptions) => publisher.publish(topic, event, publishOptions),
    publishAll: (events, publishOptions) => publisher.publishAll(events, publishOptions),
    close,
  }
}

function resolve(base: string | URL, path: string, name: string): URL {
  const url = parseEndpoint(base)
  if (url.search !== '' || url.hash !== '')
    throw new ClientError(
      'URL_INVALID',
      'The base of a client has no query and no fragment, which its requests would not carry. Send tokens with `headers`.',
    )
  if (typeof path !== 'string') throw optionError(name, 'a path, such as "events"', path)
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return parseEndpoint(new URL(path, url))
}
