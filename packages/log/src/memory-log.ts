// A log in memory: for development, for tests, and for events that may be lost with the process.

import {
  drawRandomBytes,
  invalidOption,
  requireClock,
  requireFunction,
  throwUncaught,
} from './check-option.ts'
import { systemClock } from './clock.ts'
import type { Clock, Timer } from './clock.ts'
import { LogError } from './errors.ts'
import type {
  Bounds,
  EventLog,
  EventRecord,
  NewBatch,
  Page,
  ReadQuery,
  Since,
  Tail,
  TailHandler,
} from './event-log.ts'
import { describeClockAhead, isClockAhead } from './clock-ahead.ts'
import { makeFirstEpoch, parseEpoch } from './epoch.ts'
import type { Epoch } from './epoch.ts'
import { fingerprintBatch } from './fingerprint.ts'
import { requireLedgerRoom } from './ledger-room.ts'
import { settleRecordsMax, sweepLateMsMax, sweepPauseMs, sweepRecordsMax } from './limits.ts'
import { IdempotencyStore } from './memory/idempotency-store.ts'
import type { SequenceRun } from './memory/idempotency-store.ts'
import { locateSince } from './memory/locate-since.ts'
import { readPage } from './memory/read-page.ts'
import { RecordStore } from './memory/record-store.ts'
import { TailSet } from './memory/tail-set.ts'
import type { TopicState } from './memory/topic-state.ts'
import { makePosition } from './position.ts'
import type { Position } from './position.ts'
import { readMembers } from './read-members.ts'
import { readRecordTime } from './record-time.ts'
import type { Retention, RetentionInForce, TopicRule } from './retention.ts'
import { requireHead } from './require-head.ts'
import { validateRetention } from './rule-book.ts'
import type { TopicSet } from './topic-set.ts'
import { parseTopic } from './topic.ts'
import type { Topic } from './topic.ts'
import { validateBatch } from './validate-batch.ts'
import { validateLocate, validateQuery, validateTail } from './validate-query.ts'

export interface MemoryLogOptions {
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
  /** The records that are kept. Default: 24 hours and 1 GiB, no rules. */
  readonly retention?: Partial<Retention> | undefined
  /** The one epoch that writes the whole history. Default: a new one. */
  readonly epoch?: Epoch | undefined
  /** The source of randomness for a new epoch. Default: the platform's `crypto`. */
  readonly randomBytes?: ((count: number) => Uint8Array) | undefined
  /**
   * Called with an error that the handler of a tail threw; the tail goes on. Default: the error is
   * thrown on its own, like any uncaught error of the platform.
   */
  readonly onHandlerError?: ((error: unknown) => void) | undefined
}

/** A log in memory, with its warnings for the operator. */
export interface MemoryEventLog extends EventLog {
  /** Current warnings, one line each: events dated ahead of the machine's clock. */
  readonly warnings: readonly string[]
  /** Where that comes from; see `changeRetention`. */
  readonly retentionFrom: RetentionInForce['from']
}

/**
 * A log that lives as long as the process. Each one is a history of its own: a cursor of an earlier
 * process gets a gap of reason `epoch`.
 *
 * Tails are called in a microtask after the append. A topic that retention emptied keeps its exact
 * trim mark while it is among the 100,000 emptied last. The marks of others become one common mark.
 * A cursor behind the common mark is told of a gap in every pattern, and in every topic without a
 * mark of its own. Patterns that reach more than about 50,000 topics trimmed since are told of a
 * gap too.
 *
 * @throws LogError `RETENTION_INVALID`, `EPOCH_INVALID`, `OPTION_INVALID`
 * @example
 * const log = memoryLog({ retention: { maxAgeMs: 60_000 } })
 * await log.append({ events: [{ topic: parseTopic('orders/42'), data: '{"total":12}' }] })
 */
export function memoryLog(options: MemoryLogOptions = {}): MemoryEventLog {
  return new MemoryLog(options)
}

class MemoryLog implements MemoryEventLog {
  readonly #clock: Clock
  readonly #store: RecordStore
  readonly #idempotency: IdempotencyStore
  readonly #tails: TailSet
  #sweep: { readonly timer: Timer; readonly at: number } | undefined
  #isClosed = false

  constructor(options: MemoryLogOptions) {
    const { clock, epoch, retention, onHandlerError } = checkOptions(options)
    this.#clock = clock
    this.#store = new RecordStore({ epoch, retention })
    this.#idempotency = new IdempotencyStore(retention.maxBytes)
    this.#tails = new TailSet({
      store: this.#store,
      onHandlerError,
    })
  }

  get warnings(): readonly string[] {
    const times = { headTime: this.#store.headTime, now: this.#clock.now() }
    return isClockAhead(times) ? [describeClockAhead(times, 'start the process anew')] : []
  }

  get retention(): Retention {
    return this.#store.inForce.retention
  }

  get retentionFrom(): RetentionInForce['from'] {
    return this.#store.inForce.from
  }

  async append(batch: NewBatch): Promise<readonly Position[]> {
    this.#requireOpen()
    validateBatch(batch)
    const { idempotencyKey: key, events } = batch
    const time = this.#readTime()
    if (key === undefined) {
      this.#requireRoom(batch)
      return this.#positionsOf(this.#add(batch, time))
    }
    const fingerprint = fingerprintBatch(events)
    // Their age is by the machine's clock: one record dated far ahead must not make all keys before
    // it too old.
    const now = Math.floor(this.#clock.now())
    const known = this.#idempotency.find(key, { fingerprint, now })
    if (known !== undefined) return this.#positionsOf(known)
    this.#requireRoom(batch)
    const added = this.#add(batch, time)
    this.#idempotency.add(key, { ...added, fingerprint, time }, now)
    return this.#positionsOf(added)
  }

  ruleFor(topic: Topic): TopicRule {
    return this.#store.rules.ruleFor(parseTopic(topic))
  }

  async read(query: ReadQuery): Promise<Page> {
    this.#requireOpen()
    validateQuery(query)
    return readPage(this.#store, query, Math.floor(this.#clock.now()))
  }

  tail(after: Position, handler: TailHandler): Tail {
    this.#requireOpen()
    validateTail(after, handler)
    return this.#tails.open(after, handler)
  }

  async locate(query: { topics: TopicSet; since: Since }): Promise<Position> {
    this.#requireOpen()
    validateLocate(query)
    const { topics, since } = query
    const now = this.#readTime()
    return makePosition(this.#store.epoch, locateSince(this.#store, { topics, since, now }))
  }

  async bounds(): Promise<Bounds> {
    this.#requireOpen()
    const { epoch, first, head } = this.#store
    return { first: makePosition(epoch, first), head: makePosition(epoch, head) }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#sweep?.timer.cancel()
    this.#tails.close()
  }

  #readTime(): number {
    return readRecordTime(this.#clock, this.#store.headTime)
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new LogError('LOG_CLOSED', 'The log has been closed. Open a new one.')
  }

  #requireRoom(batch: NewBatch): void {
    const store = this.#store
    const { lineage } = store
    requireHead(batch, { lineage, extent: store, newestOf: (topic) => store.newestOf(topic) })
    requireLedgerRoom(batch.events, store.ledgerRoom)
  }

  #add({ events }: NewBatch, time: number): SequenceRun {
    const first = this.#store.head + 1
    const records: EventRecord[] = []
    const touched = new Set<TopicState>()
    for (const event of events) {
      const { record, topic } = this.#store.add(event, time)
      if (record !== undefined) records.push(record)
      touched.add(topic)
    }
    this.#trim(touched, events.length)
    this.#scheduleSweep(time)
    this.#tails.announce(records)
    return { first, count: events.length }
  }

  #trim(touched: ReadonlySet<TopicState>, added: number): void {
    const store = this.#store
    if (store.isSettled) {
      for (const topic of touched) store.trimTopic(topic)
      store.trimTotal()
      return
    }
    // Right after a change of rules there may be millions to remove. The sweep does that, and trims
    // these topics too.
    this.#idempotency.bound(this.retention.maxBytes)
    store.trimTotal(sweepRecordsMax + 2 * added)
  }

  #positionsOf({ first, count }: SequenceRun): readonly Position[] {
    const { epoch } = this.#store
    return Array.from({ length: count }, (_, i) => makePosition(epoch, first + i))
  }

  /** Sees to it that a sweep comes soon after the next record becomes too old. */
  #scheduleSweep(now: number): void {
    const next = this.#store.nextExpiry()
    if (next === Infinity) return
    // At most a minute ahead: a timer knows nothing of a clock that is set, and holds 24.8 days at most.
    const delayMs = Math.min(Math.max(next - now, sweepLateMsMax), 60_000)
    // A topic with a shorter age may have come since.
    if (this.#sweep === undefined || now + delayMs < this.#sweep.at) this.#sweepAfter(delayMs, now)
  }

  #sweepAfter(delayMs: number, now: number): void {
    this.#sweep?.timer.cancel()
    const timer = this.#clock.after(delayMs, () => this.#expire())
    this.#sweep = { timer, at: now + delayMs }
  }

  #expire(): void {
    this.#sweep = undefined
    if (this.#isClosed) return
    // The machine's clock, not the log's: one record dated far ahead must not make all before it too old.
    const now = Math.floor(this.#clock.now())
    const isSettled = this.#store.isSettled || this.#store.settle(settleRecordsMax)
    let removed = sweepRecordsMax
    if (isSettled) {
      const { count, tombstones } = this.#store.removeAtEnd(now, sweepRecordsMax)
      if (tombstones.length > 0) this.#add({ events: tombstones }, this.#readTime())
      removed = count + this.#store.expire(now, sweepRecordsMax - count)
    }
    if (removed < sweepRecordsMax) this.#scheduleSweep(now)
    else this.#sweepAfter(sweepPauseMs, now)
  }
}

interface CheckedOptions {
  readonly clock: Clock
  readonly epoch: Epoch
  readonly retention: Retention
  readonly onHandlerError: (error: unknown) => void
}

function checkOptions(options: MemoryLogOptions): CheckedOptions {
  const members = readMembers(
    options,
    ['clock', 'retention', 'epoch', 'randomBytes', 'onHandlerError'],
    { code: 'OPTION_INVALID', what: 'The options of a memory log' },
  )
  const { clock = systemClock, epoch, randomBytes = drawRandomBytes } = members
  const { onHandlerError = throwUncaught } = members
  requireClock(clock)
  requireFunction('onHandlerError', onHandlerError)
  return {
    clock,
    epoch: epoch === undefined ? drawEpoch(randomBytes, clock) : parseEpoch(epoch),
    retention: validateRetention(members.retention),
    onHandlerError,
  }
}

function drawEpoch(randomBytes: (count: number) => Uint8Array, clock: Clock): Epoch {
  const draw = (count: number): Uint8Array => {
    const bytes = typeof randomBytes === 'function' ? randomBytes(count) : undefined
    if (bytes instanceof Uint8Array) return bytes
    throw invalidOption(
      'randomBytes must be a function that gives a Uint8Array',
      bytes ?? randomBytes,
    )
  }
  return makeFirstEpoch({ now: clock.now(), randomBytes: draw })
}
