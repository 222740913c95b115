// An open directory as an event log.

import { LogError } from '@tidemark/log'
import type {
  Bounds,
  EventLog,
  NewBatch,
  Page,
  Position,
  ReadQuery,
  Retention,
  RetentionInForce,
  Since,
  Tail,
  TailHandler,
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
import { AppendQueue } from './append-queue.ts'
import { ClockWatch } from './clock-watch.ts'
import { describe, toUnavailable } from './failures.ts'
import { closeHolder, readHolders } from './holders.ts'
import type { Holder } from './holders.ts'
import { locateAge, searchLast } from './locate.ts'
import type { LastSearch } from './locate.ts'
import { Lookout } from './lookout.ts'
import { readFirst, readState } from './log-state.ts'
import { readPage } from './read-page.ts'
import { RetentionSweep } from './retention-sweep.ts'
import { withSnapshot } from './schema.ts'
import { Tails } from './tails.ts'
import type { Wake } from './wake.ts'
import type { Seen } from './put-back.ts'

/** What a log has done since it was opened, and what it holds. */
export interface LmdbLogStats {
  /** Write transactions of this handle that stored events. */
  readonly commits: number
  /** Appends of this handle that were answered with positions. */
  readonly batches: number
  /** Events this handle stored. */
  readonly events: number
  /** Records retained, of all processes. */
  readonly records: number
  /** What they count in `maxBytes`. */
  readonly bytes: number
}

export interface LmdbEventLog extends EventLog {
  /**
   * Storage has given no write transaction for 10 s: another process holds the lock, or lmdb has lost it. Appends are refused with
   * `LOG_UNAVAILABLE` until it comes; a process that exits before that ends by SIGKILL.
   */
  readonly isStuck: boolean
  /**
   * What an operator should know at this moment, one line each: events dated ahead of the machine's clock, events that a clock which
   * has jumped is about to remove. Told to `onWarning` as well, when it begins.
   */
  readonly warnings: readonly string[]
  /** Names the data file it has open; see `LmdbLogOptions.place`. */
  readonly place: string
  /** What is known to have been committed, by whatever process; see `LmdbLogOptions.seen`. */
  readonly seen: Seen
  /**
   * Why nothing is stored any more: `LOG_DIRECTORY_LOST` or `LOG_SUPERSEDED`, with what to do. Undefined while all is well. Found out by a
   * look once a second, also where nobody appends.
   */
  readonly fault: LogError | undefined
  /** Write transactions of this handle that stored events. */
  readonly commits: number
  /** What is kept now. */
  readonly retention: Retention
  /** Where that comes from; see `changeRetention` of `@tidemark/log`. */
  readonly retentionFrom: RetentionInForce['from']
  stats(): LmdbLogStats
  /**
   * Applies retention now, step by step; resolves when nothing is due. The log does so by itself once a second; but after the clock
   * has jumped ahead it removes nothing by age for 10 minutes.
   */
  sweep(): Promise<void>
}

export interface LmdbLogParts {
  readonly directory: string
  readonly context: LogContext
  readonly wake: Wake
  /** Told what was committed. */
  readonly onSeen: ((seen: Seen) => void) | undefined
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
  readonly #lookout: Lookout
  #closing: Promise<void> | undefined

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
      onCommit: ({ records, transactionId, overfull }) => {
        // It has records, so it was committed: what is empty gives its id back.
        tables.newest.note(transactionId)
        onSeen?.(this.seen)
        wake.touch(context.lineage, transactionId)
        this.#tails.announce(records, transactionId)
        this.#sweep.note(overfull)
      },
    })
    this.#sweep = new RetentionSweep({
      context,
      onError: (error) => void this.#warn(error, onWarning),
    })
    this.#clockWatch = new ClockWatch({ directory, tables, clock, onChange: onWarning })
    this.#lookout = new Lookout({
      clock,
      looks: [
        () => held.look(),
        () => noteCommits(context, wake),
        () => lookAtHistory(context),
        () => void (history.isLost || this.#clockWatch.look()),
      ],
      onError: (error) => void this.#warn(error, onWarning),
    })
  }

  get place(): string {
    return this.#parts.context.held.places.data ?? ''
  }

  get seen(): Seen {
    const { lineage, tables } = this.#parts.context
    return { epoch: lineage.epochs.at(-1) ?? '', transaction: tables.newest.highestId }
  }

  get unreadable(): LogError | undefined {
    const { context } = this.#parts
    if (this.#closing !== undefined) return undefined
    context.tables.newest.look()
    // Anything else than an older copy is found out by a look at what LMDB has, which is made once a second.
    if (context.tables.newest.isOlder) context.history.look()
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
    // Snapshots are taken of the state that LMDB thinks is the newest; a transaction makes sure that it is.
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

  #readInForce(): RetentionInForce {
    this.#requireOpen()
    const { tables, history, rules } = this.#parts.context
    return withSnapshot(tables, () => {
      history.require()
      return rules.inForce(tables, readState(tables))
    })
  }

  async #close(): Promise<void> {
    const { context, holder, wake, onWarning, onClosed } = this.#parts
    const { writer, tables, held, history } = context
    const { root, meta, newest } = tables
    await this.#queue.drain()
    this.#tails.close()
    this.#lookout.close()
    await this.#sweep.close()
    let others: readonly Holder[] | undefined
    try {
      others = await writer.run(() => {
        void meta.remove(holder)
        return readHolders(meta).filter(({ key }) => !key.equals(holder))
      })
    } catch (error) {
      // The next one to open the directory removes the entry.
      if (!writer.isStuck && !held.isLost && !history.isLost) await this.#warn(error, onWarning)
    }
    closeHolder(holder)
    wake.close()
    // lmdb would wait for the transaction that does not come. The directory is left as by a kill.
    if (writer.isStuck) return
    await root.close()
    newest.close()
    if (others !== undefined) onClosed(others)
  }

  #requireOpen(): void {
    if (this.#closing !== undefined) throw describeClosed()
  }

  /** What goes wrong once the log is being closed goes wrong for that reason. */
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
    // Again: what takes several turns may see the log closed between two of them.
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
      // A long way back must not stop the traffic.
      await new Promise((resolve) => setImmediate(resolve))
    } while (search.missing > 0 && search.before > 0)
    return search.start
  }

  async #warn(error: unknown, onWarning: (text: string) => void): Promise<void> {
    const failure = await toUnavailable(error, 'looking after the log')
    onWarning(describe(failure))
  }
}

/** Learns from the others how new the data is, and has them learn of it when it is older than that. */
function noteCommits({ lineage, tables }: LogContext, wake: Wake): void {
  const { newest } = tables
  newest.note(wake.readNewest(lineage))
  newest.look()
  if (newest.isOlder) wake.noteLoss(lineage, newest.highestId)
}

/** Where the data has been found to be older a snapshot would look at a map that may have no page there. */
function lookAtHistory({ tables, history }: LogContext): void {
  if (tables.newest.isOlder) history.look()
  else withSnapshot(tables, () => history.look())
}

function describeClosed(): LogError {
  return new LogError('LOG_CLOSED', 'The log has been closed. Open a new one.')
}
