// One connection, from its request to its end.

import { createDecoder } from '@tidemark/wire'
import type { DecodedEvent } from '@tidemark/wire'
import { buildRequest } from './build-request.ts'
import type { Subscription } from './build-request.ts'
import type { Clock } from './clock.ts'
import { parseControlEvent } from './control-event.ts'
import { readEvent } from './decode-event.ts'
import { ClientError } from './errors.ts'
import type { FeedItem } from './event-queue.ts'
import type { Bye, FeedState, Ready } from './feed.ts'
import { describe, resolveHeaders } from './headers.ts'
import type { Fetch, HeaderSource } from './headers.ts'
import { answerWaitMaxMs, heartbeatMinMs } from './limits.ts'
import { isControlType } from './listeners.ts'
import { ArrivalsInOrder } from './in-order.ts'
import { openStream } from './open-stream.ts'
import { readStream } from './read-stream.ts'
import type { RequestPace } from './request-pace.ts'
import { Watch } from './watch.ts'

/** Shared by every attempt of a feed. */
export interface Link {
  readonly subscription: Subscription
  readonly headers: HeaderSource | undefined
  readonly fetch: Fetch
  readonly clock: Clock
  readonly pace: RequestPace
  readonly eventCharactersMax: number
  /** Stands in for missing `topic` lines; empty when several topics are possible. */
  readonly onlyTopic: string
}

/** The knowledge that one attempt has from those before it. */
export interface Carried {
  readonly cursor: string
  /** The server's `retry:`, the reconnection time of WHATWG HTML §9.2.2: in force until it sends another. */
  readonly retryMs: number | undefined
  /** The heartbeat that the server announced last, or the caller named. Silence is judged by nothing else. */
  readonly heartbeatMs: number | undefined
}

/** Where an attempt puts what it gets. */
export interface AttemptSink {
  setState(state: FeedState): void
  ready(ready: Ready): void
  bye(bye: Bye): void
  item(item: FeedItem): void
  waitForRoom(bytesRead: number): Promise<void> | undefined
}

/** How an attempt ended, and where the next one goes on. */
export interface AttemptEnd extends Carried {
  readonly error: ClientError
  /** Whether the server really served: only then the failures before it are forgotten. */
  readonly hasServed: boolean
  /** Milliseconds the server asked to wait this time. */
  readonly hintMs: number | undefined
}

/** Connects and reads until the connection ends or `signal` aborts. Never rejects. */
export async function attempt(
  link: Link & Carried,
  sink: AttemptSink,
  signal: AbortSignal,
): Promise<AttemptEnd> {
  const connection = new Connection(link, sink)
  const error = await connection.run(signal)
  const { cursor, retryMs, heartbeatMs, hasServed, bye } = connection
  const hintMs = error.retryAfterMs ?? bye?.retryMs ?? retryMs
  return { error, cursor, retryMs, heartbeatMs, hasServed, hintMs }
}

class Connection {
  readonly #link: Link
  readonly #sink: AttemptSink
  readonly #watch: Watch
  readonly #abort = new AbortController()
  cursor: string
  retryMs: number | undefined
  heartbeatMs: number | undefined
  bye: Bye | undefined
  hasServed = false

  constructor(link: Link & Carried, sink: AttemptSink) {
    this.#link = link
    this.#sink = sink
    this.cursor = link.cursor
    this.retryMs = link.retryMs
    this.heartbeatMs = link.heartbeatMs
    this.#watch = new Watch(link.clock, link.heartbeatMs, (silentMs) => {
      const said = `Nothing came for ${silentMs} ms, where an answer or a beat was due.`
      this.#abort.abort(new ClientError('CONNECTION_DEAD', said))
    })
  }

  async run(signal: AbortSignal): Promise<ClientError> {
    const leave = (): void =>
      this.#abort.abort(new ClientError('FEED_CLOSED', 'The feed was closed.'))
    signal.addEventListener('abort', leave)
    if (signal.aborted) leave()
    try {
      await this.#stream()
      return this.#describeEnd()
    } catch (error) {
      if (error instanceof ClientError) return error
      return new ClientError('CONNECTION_FAILED', `The connection broke: ${describe(error)}.`, {
        cause: error,
      })
    } finally {
      this.#watch.stop()
      signal.removeEventListener('abort', leave)
    }
  }

  async #stream(): Promise<void> {
    const { subscription, headers, fetch, clock, pace, eventCharactersMax } = this.#link
    const { signal } = this.#abort
    const given = await resolveHeaders(headers, clock, signal)
    const request = buildRequest(subscription, this.cursor, given)
    signal.throwIfAborted()
    const watch = this.#watch
    const answerWaitMs = answerWaitMaxMs
    const stream = await openStream(request, { fetch, clock, pace, signal, watch, answerWaitMs })
    watch.stop()
    this.#sink.setState({ phase: 'open' })
    if (request.isPlaceLost) this.#tellPlaceLost()
    const arrivals = new ArrivalsInOrder(
      {
        event: (event, data) => this.#take(event, data),
        id: (id) => this.#mark(id),
        waitForRoom: (bytesRead) => this.#sink.waitForRoom(bytesRead),
      },
      eventCharactersMax,
    )
    const decoder = createDecoder(
      {
        event: (event) => arrivals.push(event),
        retry: (ms) => (this.retryMs = ms),
        id: (id) => arrivals.push(id),
      },
      { lastEventId: this.cursor, eventCharactersMax: eventCharactersMax },
    )
    const waitForRoom = (bytesRead: number): Promise<void> | undefined =>
      arrivals.settle(bytesRead, signal)
    await readStream(stream, { decoder, watch, waitForRoom, signal, eventCharactersMax })
  }

  /** The server was not asked to go on after this cursor, so what follows may begin anywhere. */
  #tellPlaceLost(): void {
    const id = this.cursor
    this.#sink.item({ kind: 'gap', id, gap: { from: id, to: '', reason: 'unsendable' } })
  }

  #take(event: DecodedEvent, data: string): void {
    this.cursor = event.id
    if (isControlType(event.type)) return this.#takeControl(event)
    this.hasServed = true
    this.#sink.item({
      kind: 'event',
      id: event.id,
      event: readEvent(event, data, this.#link.onlyTopic),
    })
  }

  #takeControl({ id, type, data }: DecodedEvent): void {
    const control = parseControlEvent(type, data)
    if (control.kind === 'bye') {
      // Refused and let go in one: a stream of nothing but a bye has served nobody.
      this.bye = control.bye
      this.#sink.bye(control.bye)
      return
    }
    this.hasServed = true
    if (control.kind === 'gap' || control.kind === 'snapshot')
      return this.#sink.item({ id, ...control })
    this.#mark(id)
    if (control.kind !== 'ready') return
    const { heartbeatMs } = control.ready
    if (heartbeatMs !== undefined) {
      this.heartbeatMs = Math.max(heartbeatMs, heartbeatMinMs)
      this.#watch.expectHeartbeat(this.heartbeatMs)
    }
    this.#sink.ready(control.ready)
  }

  #mark(id: string): void {
    this.cursor = id
    this.#sink.item({ kind: 'mark', id })
  }

  #describeEnd(): ClientError {
    const why = this.bye === undefined ? '' : ` and said why: ${this.bye.reason}`
    return new ClientError('CONNECTION_ENDED', `The server ended the stream${why}.`)
  }
}
