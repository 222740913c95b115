// A feed as its caller holds it: one queue between what brings the events and who takes them.

import { decodeEvent } from './decode-event.ts'
import { ClientError } from './errors.ts'
import { EventQueue } from './event-queue.ts'
import type { FeedItem } from './event-queue.ts'
import type { Feed, FeedEvent, FeedSignals, FeedState } from './feed.ts'
import { FeedStore } from './feed-store.ts'
import type { AttemptSink } from './attempt.ts'
import { Listeners } from './listeners.ts'

type Result = IteratorResult<FeedEvent, undefined>

interface Taker {
  resolve(result: Result): void
  reject(error: ClientError): void
}

const done: Result = { done: true, value: undefined }

/** The start of a feed, and the functions that hear of its ends. */
export interface LiveFeedPlan {
  readonly lastEventId: string
  readonly state: FeedState
  readonly signal: AbortSignal | undefined
  /** Called once, when the feed has closed, whoever closed it. */
  readonly ended: () => void
  /** Called when the first listener, iterator or store subscriber comes, and when the last one has left. */
  readonly taken?: (isTaken: boolean) => void
}

/** A {@link Feed}, and the inlet for what brings its events. */
export class LiveFeed implements Feed, AttemptSink {
  // Functions of their own, because a store's are passed on without their object.
  readonly subscribe: Feed['subscribe'] = (onChange) => this.#begin(this.#store.subscribe(onChange))

  readonly getSnapshot: Feed['getSnapshot'] = () => this.#store.snapshot
  readonly #queue = new EventQueue()
  readonly #listeners = new Listeners()
  readonly #store: FeedStore
  readonly #plan: LiveFeedPlan
  readonly #close = (): void => this.close()
  /** Calls of the iterator's `next` that wait for an event. */
  readonly #takers: Taker[] = []
  #isIterated = false
  #isTaken = false
  #state: FeedState
  /** Not told yet. */
  #states: FeedState[] = []
  #isTelling = false
  #lastEventId: string
  /** The error the iterator throws once, after the last event. */
  #lastWord: ClientError | undefined

  constructor(plan: LiveFeedPlan) {
    this.#plan = plan
    this.#state = plan.state
    this.#store = new FeedStore(plan.state)
    this.#lastEventId = plan.lastEventId
    plan.signal?.addEventListener('abort', this.#close)
    if (plan.signal?.aborted) this.close()
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
    return this.#begin(remove)
  }

  [Symbol.asyncIterator](): AsyncIterator<FeedEvent, undefined> {
    if (this.#isIterated) {
      throw new ClientError(
        'FEED_ITERATED',
        'This feed has been iterated already. Connect another feed, or use `on`.',
      )
    }
    this.#isIterated = true
    this.#checkTaken()
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
    this.end(undefined)
  }

  /** Takes what the stream brings. */
  item(item: FeedItem): void {
    if (this.#state.phase === 'closed') return
    this.#queue.push(item)
    this.#drain()
  }

  ready(ready: FeedSignals['tidemark.ready']): void {
    this.#listeners.signal('tidemark.ready', ready)
  }

  bye(bye: FeedSignals['tidemark.bye']): void {
    this.#listeners.signal('tidemark.bye', bye)
  }

  waitForRoom(bytesRead: number): Promise<void> | undefined {
    return this.#queue.waitForRoom(bytesRead)
  }

  setState(state: FeedState): void {
    if (this.#state.phase === 'closed') return
    this.#state = state
    this.#states.push(state)
    this.#drain()
  }

  /** Closes the feed; what waits is still handed over. */
  end(error: ClientError | undefined): void {
    if (this.#state.phase !== 'closed') {
      this.#lastWord = error
      this.#plan.signal?.removeEventListener('abort', this.#close)
      this.setState({ phase: 'closed', error })
      this.#plan.ended()
    }
    this.#drain()
  }

  #begin(remove: () => void): () => void {
    // Not at once: who adds several listeners in a row wants none of them to miss what already waits.
    queueMicrotask(() => this.#drain())
    this.#checkTaken()
    return () => {
      remove()
      this.#checkTaken()
    }
  }

  #checkTaken(): void {
    const isTaken = this.#isIterated || this.#listeners.hasListeners || this.#store.hasSubscribers
    if (isTaken === this.#isTaken) return
    this.#isTaken = isTaken
    this.#plan.taken?.(isTaken)
  }

  /**
   * Tells what is to be told, and hands over what waits as far as there is somebody to take it. One
   * thing after the other: what a listener sets off in the middle of an event is told when everybody
   * has heard that event.
   */
  #drain(): void {
    if (this.#isTelling) return
    this.#isTelling = true
    let isMore = true
    while (isMore) isMore = this.#tellState() || this.#handOver()
    this.#isTelling = false
    if (this.#state.phase === 'closed' && this.#queue.first === undefined) this.#dismissTakers()
  }

  #tellState(): boolean {
    const state = this.#states.shift()
    if (state === undefined) return false
    this.#listeners.signal('tidemark.state', state)
    // A listener may have closed the feed.
    if (this.#state === state) this.#store.change({ state })
    return true
  }

  #handOver(): boolean {
    const item = this.#queue.first
    if (item === undefined || (item.kind !== 'mark' && !this.#hasTaker())) return false
    this.#queue.shift()
    this.#lastEventId = item.id
    if (item.kind === 'gap') {
      this.#listeners.signal('tidemark.gap', item.gap)
      this.#store.change({ gap: item.gap })
    }
    if (item.kind === 'snapshot') this.#listeners.signal('tidemark.snapshot', item.snapshot)
    if (item.kind === 'event') {
      const taker = this.#takers.shift()
      const event = decodeEvent(item.event)
      this.#listeners.event(event)
      this.#store.change({ event })
      taker?.resolve({ done: false, value: event })
    }
    return true
  }

  #hasTaker(): boolean {
    if (this.#isIterated) return this.#takers.length > 0
    return this.#listeners.hasEventListeners || this.#store.hasSubscribers
  }

  #next(): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#takers.push({ resolve, reject })
      this.#drain()
    })
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
