// The feed behind `connect`: one queue between what follows the stream and who takes the events.

import { decodeEvent } from './decode-event.ts'
import { ClientError } from './errors.ts'
import { EventQueue } from './event-queue.ts'
import type { FeedItem } from './event-queue.ts'
import type { Feed, FeedEvent, FeedSignals, FeedState } from './feed.ts'
import { follow } from './follow.ts'
import type { FollowPlan, FollowSink } from './follow.ts'
import { Listeners } from './listeners.ts'

type Result = IteratorResult<FeedEvent, undefined>

interface Taker {
  resolve(result: Result): void
  reject(error: ClientError): void
}

const done: Result = { done: true, value: undefined }

/** A {@link Feed} that connects as soon as the current task is over. */
export class LiveFeed implements Feed {
  readonly #queue = new EventQueue()
  readonly #listeners = new Listeners()
  readonly #abort = new AbortController()
  /** Calls of the iterator's `next` that wait for an event. */
  readonly #takers: Taker[] = []
  #isIterated = false
  #state: FeedState = { phase: 'connecting', attempt: 1 }
  #lastEventId: string
  /** The error the iterator throws once, after the last event. */
  #lastWord: ClientError | undefined

  constructor(plan: FollowPlan, signal: AbortSignal | undefined) {
    this.#lastEventId = plan.start.cursor
    const close = (): void => this.close()
    signal?.addEventListener('abort', close)
    this.#abort.signal.addEventListener('abort', () => signal?.removeEventListener('abort', close))
    if (signal?.aborted) this.close()
    else queueMicrotask(() => void this.#follow(plan))
  }

  get state(): FeedState {
    return this.#state
  }

  get lastEventId(): string {
    return this.#lastEventId
  }

  on<Name extends keyof FeedSignals>(
    name: Name,
    listener: (signal: FeedSignals[Name]) => void,
  ): () => void
  on(type: string, listener: (data: unknown, event: FeedEvent) => void): () => void
  on(name: string, listener: (first: never, event: never) => void): () => void {
    const remove = this.#listeners.add(
      name,
      listener as (first: unknown, event?: FeedEvent) => void,
    )
    // Not at once: who adds several listeners in a row wants none of them to miss what already waits.
    queueMicrotask(() => this.#drain())
    return remove
  }

  [Symbol.asyncIterator](): AsyncIterator<FeedEvent, undefined> {
    if (this.#isIterated) {
      throw new ClientError(
        'FEED_ITERATED',
        'This feed has been iterated already. Connect another feed, or use `on`.',
      )
    }
    this.#isIterated = true
    return {
      next: () => this.#next(),
      return: () => {
        this.close()
        return Promise.resolve(done)
      },
    }
  }

  close(): void {
    this.#queue.clear()
    this.#end(undefined)
  }

  async #follow(plan: FollowPlan): Promise<void> {
    const sink: FollowSink = {
      state: (state) => this.#setState(state),
      ready: (ready) => this.#listeners.signal('tidemark.ready', ready),
      bye: (bye) => this.#listeners.signal('tidemark.bye', bye),
      item: (item) => this.#push(item),
      waitForRoom: (bytesRead) => this.#queue.waitForRoom(bytesRead),
    }
    this.#end(await follow(plan, sink, this.#abort.signal))
  }

  #push(item: FeedItem): void {
    if (this.#state.phase === 'closed') return
    this.#queue.push(item)
    this.#drain()
  }

  /** Hands over what waits, as far as there is somebody to take it. */
  #drain(): void {
    for (let item = this.#queue.first; item !== undefined; item = this.#queue.first) {
      if (item.kind !== 'mark' && !this.#hasTaker()) return
      this.#queue.shift()
      this.#lastEventId = item.id
      if (item.kind === 'gap') this.#listeners.signal('tidemark.gap', item.gap)
      if (item.kind === 'event') {
        const taker = this.#takers.shift()
        const event = decodeEvent(item.event)
        this.#listeners.event(event)
        taker?.resolve({ done: false, value: event })
      }
    }
    if (this.#state.phase === 'closed') this.#dismissTakers()
  }

  #hasTaker(): boolean {
    return this.#isIterated ? this.#takers.length > 0 : this.#listeners.hasEventListeners
  }

  #next(): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#takers.push({ resolve, reject })
      this.#drain()
    })
  }

  #setState(state: FeedState): void {
    if (this.#state.phase === 'closed') return
    this.#state = state
    this.#listeners.signal('tidemark.state', state)
  }

  #end(error: ClientError | undefined): void {
    if (this.#state.phase !== 'closed') {
      this.#lastWord = error
      this.#setState({ phase: 'closed', error })
    }
    this.#abort.abort()
    this.#drain()
  }

  #dismissTakers(): void {
    for (const taker of this.#takers.splice(0)) {
      const error = this.#lastWord
      this.#lastWord = undefined
      if (error === undefined) taker.resolve(done)
      else taker.reject(error)
    }
  }
}
