// The log in an open directory.

import { LogError, parseTopic } from '@tidemark/log'
import type {
  Bounds,
  NewBatch,
  Page,
  Position,
  ReadQuery,
  Retention,
  RetentionInForce,
  Since,
  Tail,
  TailHandler,
  Topic,
  TopicRule,
  TopicSet,
} from '@tidemark/log'
import {
  readRecordTime,
  validateBatch,
  validateLocate,
  validateQuery,
  validateTail,
} from '@tidemark/log/driver'
import type { LogContext } from './log-context.ts'
import type { LmdbEventLog, LmdbLogStats } from './lmdb-event-log.ts'
import { AppendQueue } from './append/append-queue.ts'
import { ClockWatch } from './clocks/clock-watch.ts'
import { describe, toUnavailable } from './failures.ts'
import { closeHolder, readHolders } from './open/holders.ts'
import type { Holder } from './open/holders.ts'
import { locateAge, searchLast } from './read/locate.ts'
import type { LastSearch } from './read/locate.ts'
import { PeriodicChecks } from './history/periodic-checks.ts'
import { readFirst, readState } from './tables/log-state.ts'
import { readPage } from './read/read-page.ts'
import { RetentionSweep } from './retention/retention-sweep.ts'
import { withSnapshot } from './tables/schema.ts'
import { Tails } from './tail/tails.ts'
import type { WakeFile } from './tail/wake-file.ts'
import type { SeenCommit } from './history/overwritten-data.ts'

export interface LmdbLogParts {
  readonly directory: string
  readonly context: LogContext
  readonly wake: WakeFile
  /** Called after each commit. */
  readonly onSeen: ((seen: SeenCommit) => void) | undefined
  /** Key of this handle's entry among the holders. */
  readonly holder: Buffer
  /** Called when LMDB has let go of the directory, with the holders that are left. */
  readonly onClosed: (others: readonly Holder[]) => void
  readonly pollMs: number
  readonly onWarning: (text: string) => void
  readonly onHandlerError: (error: unknown) => void
}

export class LmdbLog implements LmdbEventLog {
  readonly #parts: LmdbLogParts
  readonly #queue: AppendQueue
  readonly #tails: Tails
  readonly #sweep: RetentionSweep
  readonly #clockWatch: ClockWatch
  readonly #periodicChecks: PeriodicChecks
  #closing: Promise<void> | undefined
  /** The retention as it was read last, and the newest transaction then. */
  #inForce: { readonly visibleId: number; readonly found: RetentionInForce } | undefined

  constructor(parts: LmdbLogParts) {
    const { context, directory, wake, onSeen, pollMs, onWarning, onHandlerError } = parts
    const { tables, clock, held, history } = context
    this.#parts = parts
    this.#tails = new Tails({
      tables: context.tables,
      lineage: context.lineage,
      history,
      clock: context.clock,
      wake,
      pollMs,
      announcedFrom: () => this.#queue.inFlightFirst,
      onError: onHandlerError,
    })
    this.#queue = new AppendQueue({
      context,
      onCommit: ({ records, transactionId, overBound }) => {
        // A group with records was committed. A group without records gives its transaction id
        // back.
        tables.newest.note(transactionId)
        onSeen?.(this.seen)
        wake.touch(context.lineage, transactionId)
        this.#tails.announce(records, transactionId)
        this.#sweep.note(overBound)
      },
    })
    this.#sweep = new RetentionSweep({
      context,
      end: (sequences) => this.#queue.end(sequences),
      onError: (error) => void this.#warn(error, onWarning),
    })
    this.#clockWatch = new ClockWatch({ directory, tables, clock, onChange: onWarning })
    this.#periodicChecks = new PeriodicChecks({
      clock,
      checks: [
        () => held.check(),
        () => noteCommits(context, wake),
        () => checkHistory(context),
        () => void (history.isLost || this.#clockWatch.check()),
      ],
      onError: (error) => void this.#warn(error, onWarning),
    })
  }

  get place(): string {
    return this.#parts.context.held.places.data ?? ''
  }

  get seen(): SeenCommit {
    const { lineage, tables } = this.#parts.context
    return { epoch: lineage.epochs.at(-1) ?? '', transaction: tables.newest.highestId }
  }

  get unreadable(): LogError | undefined {
    const { context } = this.#parts
    if (this.#closing !== undefined) return undefined
    context.tables.newest.check()
    // This finds an older copy only. The check once a second finds all else by a look at LMDB's own
    // data.
    if (context.tables.newest.isOlder) context.history.check()
    return context.history.fault
  }

  get fault(): LogError | undefined {
    const { history, held } = this.#parts.context
    return history.fault ?? held.fault
  }

  get warnings(): readonly string[] {
    return [this.#clockWatch.warning, this.#sweep.warning].filter((each) => each !== undefined)
  }

  get isStuck(): boolean {
    return this.#parts.context.writer.isStuck
  }

  get commits(): number {
    return this.#queue.counts.commits
  }

  get retention(): Retention {
    return this.#readInForce().retention
  }

  get retentionFrom(): RetentionInForce['from'] {
    return this.#readInForce().from
  }

  ruleFor(topic: Topic): TopicRule {
    const name = parseTopic(topic)
    this.#requireOpen()
    const { tables, history, rules } = this.#parts.context
    return withSnapshot(tables, () => {
      history.require()
      return rules.find(tables, readState(tables)).ruleFor(name)
    })
  }

  async append(batch: NewBatch): Promise<readonly Position[]> {
    this.#requireOpen()
    validateBatch(batch)
    return await this.#queue.append(batch)
  }

  async read(query: ReadQuery): Promise<Page> {
    this.#requireOpen()
    validateQuery(query)
    const { context } = this.#parts
    const read = (): Page => readPage(context, query)
    const page = await this.#snapshot('reading', read)
    if (page.lost === undefined || page.lost.reason === 'retention') return page
    // A snapshot shows the state that LMDB takes for the newest. A transaction makes sure that it
    // is.
    await this.#settleNewest()
    return await this.#snapshot('reading', read)
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
    const { lineage } = this.#parts.context
    const sequence =
      since.kind === 'last'
        ? await this.#locateLast(topics, since.count)
        : await this.#snapshot('reading', () => this.#locateFrom(since))
    return lineage.positionAt(sequence)
  }

  async bounds(): Promise<Bounds> {
    this.#requireOpen()
    const { tables, lineage } = this.#parts.context
    return await this.#snapshot('reading', () => {
      const state = readState(tables)
      const first = readFirst(tables, state)
      return { first: lineage.positionAt(first), head: lineage.positionAt(state.head) }
    })
  }

  stats(): LmdbLogStats {
    this.#requireOpen()
    const { tables, history } = this.#parts.context
    const { count, bytes } = withSnapshot(tables, () => {
      history.require()
      return readState(tables)
    })
    return { ...this.#queue.counts, records: count, bytes }
  }

  async sweep(): Promise<void> {
    this.#requireOpen()
    try {
      await this.#sweep.settle()
    } catch (error) {
      throw await this.#toFailure(error, 'applying retention')
    }
  }

  async close(): Promise<void> {
    await (this.#closing ??= this.#close())
  }

  /** Each stream that opens asks: while nobody commits, it costs a look at one number. */
  #readInForce(): RetentionInForce {
    this.#requireOpen()
    const { tables, history, rules } = this.#parts.context
    // Before the snapshot, which may be newer: then the next call reads again.
    const { visibleId } = tables.newest
    const kept = this.#inForce
    if (kept !== undefined && kept.visibleId === visibleId && !history.isLost) return kept.found
    const found = withSnapshot(tables, () => {
      history.require()
      return rules.inForce(tables, readState(tables))
    })
    this.#inForce = visibleId === undefined ? undefined : { visibleId, found }
    return found
  }

  async #close(): Promise<void> {
    const { context, holder, wake, onWarning, onClosed } = this.#parts
    const { writer, tables, held, history } = context
    const { root, meta, newest } = tables
    // Its last step may still append.
    await this.#sweep.close()
    await this.#queue.drain()
    this.#tails.close()
    this.#periodicChecks.close()
    let others: readonly Holder[] | undefined
    try {
      others = await writer.run(() => {
        void meta.remove(holder)
        return readHolders(meta).filter(({ key }) => !key.equals(holder))
      })
    } catch (error) {
      // The next process to open the directory removes the entry.
      if (!writer.isStuck && !held.isLost && !history.isLost) await this.#warn(error, onWarning)
    }
    closeHolder(holder)
    wake.close()
    // lmdb would wait for the transaction that does not come. So the directory is left as after a
    // kill.
    if (writer.isStuck) return
    await root.close()
    newest.close()
    if (others !== undefined) onClosed(others)
  }

  #requireOpen(): void {
    if (this.#closing !== undefined) throw describeClosed()
  }

  /** An error after `close` was called has one cause: the log is being closed. */
  async #toFailure(error: unknown, doing: string): Promise<LogError> {
    return this.#closing === undefined ? await toUnavailable(error, doing) : describeClosed()
  }

  async #settleNewest(): Promise<void> {
    try {
      await this.#parts.context.writer.settle()
    } catch (error) {
      throw await this.#toFailure(error, 'reading')
    }
  }

  async #snapshot<T>(doing: string, read: () => T): Promise<T> {
    // Checked again, because the log may be closed between two turns of one call.
    this.#requireOpen()
    try {
      const { tables, history } = this.#parts.context
      return withSnapshot(tables, () => {
        history.require()
        return read()
      })
    } catch (error) {
      throw await this.#toFailure(error, doing)
    }
  }

  #locateFrom(since: Exclude<Since, { kind: 'last' }>): number {
    const { tables, clock } = this.#parts.context
    const state = readState(tables)
    if (since.kind === 'earliest') return readFirst(tables, state)
    return locateAge(tables, state, readRecordTime(clock, state.headTime) - since.ageMs)
  }

  async #locateLast(topics: TopicSet, count: number): Promise<number> {
    const { tables } = this.#parts.context
    let search: LastSearch | undefined
    do {
      search = await this.#snapshot('reading', () => {
        const state = readState(tables)
        const begun = search ?? { start: state.head, before: state.head + 1, missing: count }
        return begun.missing <= 0 ? begun : searchLast(tables, state, { topics, search: begun })
      })
      // A long search must not stop the traffic.
      await new Promise((resolve) => setImmediate(resolve))
    } while (search.missing > 0 && search.before > 0)
    return search.start
  }

  async #warn(error: unknown, onWarning: (text: string) => void): Promise<void> {
    const failure = await toUnavailable(error, 'looking after the log')
    onWarning(describe(failure))
  }
}

/**
 * Learns from other processes how new the data is. If the data is older than that, the others learn
 * of it.
 */
function noteCommits({ lineage, tables }: LogContext, wake: WakeFile): void {
  const { newest } = tables
  newest.note(wake.readNewest(lineage))
  newest.check()
  if (newest.isOlder) wake.noteLoss(lineage, newest.highestId)
}

/** If the data is known to be older, no snapshot is taken: the map may have no page there. */
function checkHistory({ tables, history }: LogContext): void {
  if (tables.newest.isOlder) history.check()
  else withSnapshot(tables, () => history.check())
}

function describeClosed(): LogError {
  return new LogError('LOG_CLOSED', 'The log has been closed. Open a new one.')
}
