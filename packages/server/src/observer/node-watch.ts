// Counts what happens on a node for `tide.stats()`, and tells the node's observer. Called at rare points,
// never per delivery.

import type { Clock } from '@tidemark/log'
import { logErrors } from '@tidemark/log'
import { CodedError } from '../refusal/coded-error.ts'
import type { Listeners, RefusedAction } from './node-observer.ts'
import { SessionTraces } from '../trace/session-traces.ts'
import type { TracedSession } from '../trace/session-traces.ts'
import { emptyStats } from './node-stats.ts'
import type { CloseReason, LagCause, NodeGauges, NodeStats } from './node-stats.ts'

/** The session that something is told of. */
interface WatchedSession {
  readonly id: string
  readonly owner: { readonly user?: string | undefined; readonly label?: string | undefined }
}

/** The counts of one flush so far. */
export interface FlushTally {
  audiences: number
  writes: number
  deliveries: number
  bytes: number
}

/** A session that fell behind. */
interface Lag {
  readonly cause: LagCause
  /** By the clock's `elapsed`. */
  readonly since: number
}

type Counts = Record<string, number>

/** One for a node. */
export class NodeWatch {
  /** Remembers what happened to sessions lately, for questions about single events. */
  readonly traces: SessionTraces
  readonly #clock: Clock
  readonly #listeners: Listeners
  readonly #onError: (error: unknown) => void
  /** When sessions opened, by their ids. Empty where nobody hears of their end. */
  readonly #openedAt = new Map<string, number>()
  readonly #lags = new Map<string, Lag>()
  readonly #sessions = { ...emptyStats.sessions }
  readonly #closed = { ...emptyStats.closed }
  readonly #lagged = { ...emptyStats.lagged }
  readonly #published = { ...emptyStats.published }
  readonly #delivered = { ...emptyStats.delivered }
  readonly #replayed = { ...emptyStats.replayed }
  /** By codes of the registries, so there are as many as those have. */
  readonly #refused: Counts = {}
  readonly #failed: Counts = {}
  /** Events that listeners have yet to be told of. */
  #untold: { readonly listener: (event: never) => unknown; readonly event: unknown }[] = []

  constructor({
    clock,
    listeners,
    onError,
  }: {
    readonly clock: Clock
    readonly listeners: Listeners
    readonly onError: (error: unknown) => void
  }) {
    this.#clock = clock
    this.traces = new SessionTraces(clock)
    this.#listeners = listeners
    this.#onError = onError
  }

  /** Sessions that were live and are behind. */
  get laggingCount(): number {
    return this.#lags.size
  }

  /** A copy of all counters; durations in whole milliseconds, so that sums do not depend on the order. */
  stats(now: NodeGauges): NodeStats {
    return {
      now,
      sessions: { ...this.#sessions },
      closed: { ...this.#closed },
      lagged: { ...this.#lagged },
      refused: { ...this.#refused },
      published: { ...this.#published, waitedMs: Math.round(this.#published.waitedMs) },
      delivered: { ...this.#delivered, flushMs: Math.round(this.#delivered.flushMs) },
      replayed: { ...this.#replayed },
      failed: { ...this.#failed },
    }
  }

  opened(session: WatchedSession, { topics, resumed }: { topics: number; resumed: boolean }): void {
    this.#sessions.opened += 1
    if (resumed) this.#sessions.resumed += 1
    const { opened, closed } = this.#listeners
    if (closed !== undefined) this.#openedAt.set(session.id, this.#clock.elapsed())
    if (opened !== undefined) this.#tell(opened, { ...describe(session), topics, resumed })
  }

  closed(session: WatchedSession, reason: string): void {
    this.#lags.delete(session.id)
    this.#closed[isKnown(reason) ? reason : 'ended'] += 1
    const { closed } = this.#listeners
    if (closed === undefined) return
    const durationMs = this.#since(this.#openedAt.get(session.id))
    this.#openedAt.delete(session.id)
    this.#tell(closed, { ...describe(session), reason, durationMs })
  }

  refused(action: RefusedAction, error: unknown): void {
    const isCoded = error instanceof CodedError
    const code = isCoded ? error.code : 'INTERNAL'
    count(this.#refused, code)
    const { refused } = this.#listeners
    if (refused === undefined) return
    this.#tell(refused, { action, code, status: isCoded ? error.status : 500 })
  }

  /** `began`: when the events were handed to the log, by the clock's `elapsed`. */
  published(
    { events, bytes }: { readonly events: number; readonly bytes: number },
    outcome: 'stored' | 'failed',
    began: number,
  ): void {
    const durationMs = this.#since(began)
    const totals = this.#published
    totals.waitedMs += durationMs
    if (outcome === 'failed') totals.failed += 1
    else {
      totals.publishes += 1
      totals.events += events
      totals.bytes += bytes
    }
    const { published } = this.#listeners
    if (published !== undefined) this.#tell(published, { events, bytes, outcome, durationMs })
  }

  flushed(events: number, tally: FlushTally, durationMs: number): void {
    const totals = this.#delivered
    totals.flushes += 1
    totals.writes += tally.writes
    totals.events += tally.deliveries
    totals.bytes += tally.bytes
    totals.flushMs += durationMs
    const { flushed } = this.#listeners
    if (flushed !== undefined) this.#tell(flushed, { events, ...tally, durationMs })
  }

  /** A session got events on its way to the tail. */
  replayed(events: number, bytes: number): void {
    this.#replayed.events += events
    this.#replayed.bytes += bytes
  }

  /** A page of the log was read for a session. */
  readPage(): void {
    this.#replayed.pages += 1
  }

  lagged(session: TracedSession & WatchedSession, cause: LagCause): void {
    this.traces.lagged(session, cause)
    this.#lagged[cause] += 1
    this.#lags.set(session.id, { cause, since: this.#clock.elapsed() })
    const { lagged } = this.#listeners
    if (lagged !== undefined) this.#tell(lagged, { ...describe(session), cause })
  }

  /** A session is level. Of one that has just come nothing is told. */
  level(session: TracedSession & WatchedSession): void {
    this.traces.level(session)
    const lag = this.#lags.get(session.id)
    if (lag === undefined) return
    this.#lags.delete(session.id)
    this.#sessions.caughtUp += 1
    const { caughtUp } = this.#listeners
    if (caughtUp === undefined) return
    const { cause, since } = lag
    this.#tell(caughtUp, { ...describe(session), cause, durationMs: this.#since(since) })
  }

  /** Something failed, and no caller is told of it. */
  readonly failed = (error: unknown): void => {
    const what = codeOf(error)
    count(this.#failed, what)
    const { failed } = this.#listeners
    if (failed !== undefined) this.#tell(failed, { what, error })
    this.#onError(error)
  }

  /**
   * Calls the observer between two flushes. The observer may close the node, and no flush is then in the
   * middle of a list of sessions. Its own errors are not told to it again.
   */
  #tell<Event>(listener: (event: Event) => unknown, event: Event): void {
    this.#untold.push({ listener, event })
    if (this.#untold.length === 1) void betweenFlushes.then(this.#tellAll)
  }

  /** All of a turn with one promise. */
  readonly #tellAll = (): void => {
    const untold = this.#untold
    this.#untold = []
    for (const { listener, event } of untold) {
      try {
        const told = listener(event as never)
        if (typeof told === 'object') Promise.resolve(told).catch(this.#listenerFailed)
      } catch (error) {
        this.#listenerFailed(error)
      }
    }
  }

  readonly #listenerFailed = (error: unknown): void => {
    count(this.#failed, codeOf(error))
    this.#onError(error)
  }

  #since(began: number | undefined): number {
    const now = this.#clock.elapsed()
    return now - (began ?? now)
  }
}

const betweenFlushes = Promise.resolve()

function describe({ id, owner }: WatchedSession): {
  readonly sessionId: string
  readonly user: string | undefined
  readonly label: string | undefined
} {
  return { sessionId: id, user: owner.user, label: owner.label }
}

function isKnown(reason: string): reason is CloseReason {
  return Object.hasOwn(emptyStats.closed, reason)
}

function count(counts: Counts, code: string): void {
  counts[code] = (counts[code] ?? 0) + 1
}

/** Codes of our own only: those of others are without number. */
function codeOf(error: unknown): string {
  try {
    if (error instanceof CodedError) return error.code
    const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
    return typeof code === 'string' && Object.hasOwn(logErrors, code) ? code : 'INTERNAL'
  } catch {
    // Anything can be thrown, also what cannot be looked at.
    return 'INTERNAL'
  }
}
