// One open stream whose topics may change: it opens anew with the others, from the cursor at which it stood.

import type { AttemptSink, Carried, Link } from './attempt.ts'
import type { RetryPolicy } from './backoff.ts'
import type { Random, Timer } from './clock.ts'
import type { ClientError } from './errors.ts'
import type { FeedState } from './feed.ts'
import { follow } from './follow.ts'
import type { FollowPlan } from './follow.ts'
import { Freshness } from './freshness.ts'
import { heartbeatMinMs, silentHeartbeatsMax } from './limits.ts'
import { findOnlyTopic } from './topic-index.ts'
import type { Wishes } from './wishes.ts'

/** Shared by every link of one client. */
export interface LinkPlan extends Omit<Link, 'subscription' | 'onlyTopic'> {
  readonly endpoint: URL
  readonly retry: RetryPolicy
  readonly random: Random
  readonly heartbeatMs: number | undefined
  readonly wishes: Wishes
}

/** Where a link begins. Both empty: at what comes from now on. */
export interface Place {
  readonly cursor: string
  readonly since: string | undefined
}

/** Where a link puts what it gets. */
export interface LinkSink extends AttemptSink {
  /** For good: nothing more comes. */
  ended(error: ClientError): void
}

/**
 * A stream that is followed across cuts and across changes of its topics, without loss and without
 * doubles.
 */
export class FollowedLink {
  readonly #plan: LinkPlan
  readonly #sink: LinkSink
  readonly #since: string | undefined
  #cursor: string
  #heartbeatMs: number | undefined
  #topics: ReadonlySet<string> = new Set()
  #wanted: ReadonlySet<string> = this.#topics
  #abort: AbortController | undefined
  #run = 0
  #phase: FeedState['phase'] = 'idle'
  /** Whether this run has brought anything, and so has a place to open from anew. */
  #hasPlace = false
  /** Open, or opening anew by its own will: nothing has failed since it was open. */
  #isSteady = false
  readonly #freshness: Freshness
  #timer: Timer | undefined

  constructor(plan: LinkPlan, place: Place, sink: LinkSink) {
    this.#plan = plan
    this.#sink = sink
    this.#since = place.since
    this.#cursor = place.cursor
    this.#heartbeatMs = plan.heartbeatMs
    this.#freshness = new Freshness(plan.clock, place.cursor === '' && place.since === undefined)
  }

  /** After the last item handed to the sink, or the one being handed over. */
  get cursor(): string {
    return this.#cursor
  }

  /** Counts requests with changed topics; what was wanted before the number rose is in what comes after. */
  get run(): number {
    return this.#run
  }

  /** The topics that it has asked for. */
  get topics(): ReadonlySet<string> {
    return this.#topics
  }

  /** Whether it will open anew with other topics. */
  get isChanging(): boolean {
    return this.#topics !== this.#wanted
  }

  /**
   * Whether its place is now, as near as a stream can tell. A link without a place counts as now. One
   * with a place was there within the silence that would count as death, and has not failed since.
   */
  get isLevel(): boolean {
    if (this.#cursor === '') return true
    const ageMaxMs = (this.#heartbeatMs ?? Infinity) * silentHeartbeatsMax
    return this.#isSteady && this.#freshness.ageMs <= ageMaxMs
  }

  get isRunning(): boolean {
    return this.#abort !== undefined
  }

  /**
   * Asks for these topics, each named once: at once if it does not run, otherwise as soon as it can
   * open anew without loss.
   */
  want(topics: readonly string[]): void {
    const isSame =
      topics.length === this.#topics.size && topics.every((topic) => this.#topics.has(topic))
    this.#wanted = isSame ? this.#topics : new Set(topics)
    if (!this.isRunning) this.#open()
    else this.#reopen()
  }

  /** Ends the connection; `want` goes on from the same place. */
  stop(): void {
    this.#run++
    this.#timer?.cancel()
    this.#timer = undefined
    this.#abort?.abort()
    this.#abort = undefined
    this.#isSteady = false
    this.#phase = 'idle'
  }

  /**
   * An attempt that is under way is let come to its end, or steady joins would never let it open. The
   * wait for a turn to ask (4 requests per second) is spent open.
   */
  #reopen(): void {
    if (!this.isChanging || this.#timer !== undefined) return
    if (this.#phase !== 'open' || !this.#hasPlace) return
    const { clock, pace } = this.#plan
    this.#timer = clock.after(pace.waitMs, () => {
      this.#timer = undefined
      if (!this.isChanging || this.#phase !== 'open' || !this.#hasPlace) return
      this.#abort?.abort()
      this.#open()
    })
  }

  #open(): void {
    const run = ++this.#run
    const abort = new AbortController()
    this.#abort = abort
    this.#topics = this.#wanted
    this.#hasPlace = false
    const { endpoint, wishes } = this.#plan
    const topics = [...this.#topics]
    const start: Carried = {
      cursor: this.#cursor,
      retryMs: undefined,
      heartbeatMs: this.#heartbeatMs,
    }
    const plan = {
      ...this.#plan,
      subscription: { endpoint, topics, since: this.#since, wishes },
      onlyTopic: findOnlyTopic(topics),
      start,
    }
    void this.#follow(plan, run, abort.signal)
  }

  async #follow(plan: FollowPlan, run: number, signal: AbortSignal): Promise<void> {
    const error = await follow(plan, this.#sinkOf(run), signal)
    if (run !== this.#run || error === undefined) return
    this.stop()
    this.#sink.ended(error)
  }

  /**
   * Events that come after an abort, out of bytes that had already arrived, are not taken: the next run
   * brings them.
   */
  #sinkOf(run: number): AttemptSink {
    const sink = this.#sink
    return {
      setState: (state) => run === this.#run && this.#setState(state),
      ready: (ready) => {
        if (run !== this.#run) return
        if (ready.heartbeatMs !== undefined)
          this.#heartbeatMs = Math.max(ready.heartbeatMs, heartbeatMinMs)
        this.#freshness.ready()
        sink.ready(ready)
      },
      bye: (bye) => run === this.#run && sink.bye(bye),
      item: (item) => {
        if (run !== this.#run) return
        this.#cursor = item.id
        this.#hasPlace = true
        this.#freshness.took(item)
        sink.item(item)
        this.#reopen()
      },
      waitForRoom: (bytesRead) => {
        const room = run === this.#run ? sink.waitForRoom(bytesRead) : undefined
        if (room !== undefined) this.#freshness.paused()
        return room
      },
    }
  }

  #setState(state: FeedState): void {
    const isOwnWill = state.phase === 'connecting' && this.#isSteady
    this.#phase = state.phase
    if (state.phase === 'connecting') this.#freshness.connecting()
    if (state.phase === 'open') this.#isSteady = true
    if (state.phase === 'waiting') {
      this.#isSteady = false
      this.#freshness.failed()
    }
    if (!isOwnWill) this.#sink.setState(state)
  }
}
